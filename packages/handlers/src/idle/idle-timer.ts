import type { Channel } from '@headrace/core';
import { type ChannelDeadline, channelDeadlines, wholeMs } from '../deadline/channel-deadlines.ts';
import type { IdleState } from './idle-state-event.ts';
import { OutputMoves } from './output-moves.ts';

/** Notified when the time of a timer is over. */
export interface IdleTimerOwner {
  timerExpired(timer: IdleTimer): void;
}

/** One of the three timers of an IdleStateHandler, with all that belongs to it alone. */
export class IdleTimer implements ChannelDeadline {
  readonly state: IdleState;
  readonly timeoutMs: number;
  /** The next event is the first since the last activity. */
  isFirst = true;
  /** When it is due. */
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  private readonly owner: IdleTimerOwner;
  /** For how long reads had been held when the timer was set. */
  private heldMs = 0;
  private isWaiting = false;
  /** Made where output is observed. */
  private outputMoves: OutputMoves | undefined = undefined;

  constructor(state: IdleState, timeoutMs: number, owner: IdleTimerOwner) {
    this.state = state;
    this.timeoutMs = timeoutMs;
    this.owner = owner;
  }

  arm(channel: Channel, delayMs: number = this.timeoutMs): void {
    this.deadline = wholeMs(channel.clock.now() + delayMs);
    this.heldMs = channel.readHeldMs;
    channelDeadlines(channel).add(this);
  }

  /** How much later than planned it is due, because reads were held since it was set. */
  heldRemainderMs({ readHeldMs }: Channel, now: number): number {
    const heldMs = readHeldMs - this.heldMs;
    return heldMs > 0 ? this.deadline + heldMs - now : 0;
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

  expire(): void {
    this.owner.timerExpired(this);
  }

  cancel(channel: Channel): void {
    this.isWaiting = false;
    channelDeadlines(channel).remove(this);
  }

  /** True if the output moved since the last call. */
  hasOutputMoved(channel: Channel, lastWriteAt: number): boolean {
    this.outputMoves ??= new OutputMoves();
    return this.outputMoves.look(channel, lastWriteAt);
  }
}
