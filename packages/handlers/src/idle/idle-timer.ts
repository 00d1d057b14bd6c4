import type { Channel, Timer } from '@headrace/core';
import type { IdleState } from './idle-state-event.ts';
import { OutputMoves } from './output-moves.ts';

/** Notified when the time of a timer is over. */
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
  private dueAt = 0;
  /** For how long reads had been held when the timer was set. */
  private heldMs = 0;
  private isWaiting = false;
  private timer: Timer | undefined = undefined;
  /** Made where output is observed. */
  private outputMoves: OutputMoves | undefined = undefined;

  constructor(state: IdleState, timeoutMs: number, owner: IdleTimerOwner) {
    this.state = state;
    this.timeoutMs = timeoutMs;
    this.task = () => owner.timerExpired(this);
  }

  arm({ readHeldMs, clock }: Channel, delayMs: number = this.timeoutMs): void {
    this.dueAt = clock.now() + delayMs;
    this.heldMs = readHeldMs;
    this.timer = clock.schedule(this.task, delayMs);
  }

  /** How much later than planned it is due, because reads were held since it was set. */
  heldRemainderMs({ readHeldMs }: Channel, now: number): number {
    const heldMs = readHeldMs - this.heldMs;
    return heldMs > 0 ? this.dueAt + heldMs - now : 0;
  }

  /** Calls back once reads are not held any more; a hold must be out. */
  waitForReads(channel: Channel, readable: () => void): void {
    this.isWaiting = true;
    channel.onceReadable(() => {
      if (!this.isWaiting) return;
      this.isWaiting = false;
      readable();
    });
  }

  cancel(): void {
    this.isWaiting = false;
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** True if the output moved since the last call. */
  hasOutputMoved(channel: Channel, lastWriteAt: number): boolean {
    this.outputMoves ??= new OutputMoves();
    return this.outputMoves.look(channel, lastWriteAt);
  }
}
