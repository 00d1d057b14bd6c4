import type { Channel, Clock, Timer } from '@headrace/core';
import type { IdleState } from './idle-state-event.ts';

/** Who is told that the time of a timer is over. */
export interface IdleTimerOwner {
  timerExpired(timer: IdleTimer): void;
}

/** One of the three timers of an IdleStateHandler, with all that belongs to it alone. */
export class IdleTimer {
  readonly state: IdleState;
  readonly timeoutMs: number;
  /** The next event is the first since the last activity. */
  isFirst = true;
  private readonly task: () => void;
  private timer: Timer | undefined = undefined;
  private seenWriteAt = 0;
  private seenPending = 0;
  private seenProgress = 0;

  constructor(state: IdleState, timeoutMs: number, owner: IdleTimerOwner) {
    this.state = state;
    this.timeoutMs = timeoutMs;
    this.task = () => owner.timerExpired(this);
  }

  arm(clock: Clock, delayMs: number = this.timeoutMs): void {
    this.timer = clock.schedule(this.task, delayMs);
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** True if the output moved since the last call. */
  hasOutputMoved(channel: Channel, lastWriteAt: number): boolean {
    const { pendingOutboundBytes, outboundProgress } = channel;
    const moved =
      lastWriteAt !== this.seenWriteAt ||
      pendingOutboundBytes !== this.seenPending ||
      outboundProgress !== this.seenProgress;
    this.seenWriteAt = lastWriteAt;
    this.seenPending = pendingOutboundBytes;
    this.seenProgress = outboundProgress;
    return moved;
  }
}
