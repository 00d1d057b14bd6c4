import type { Channel } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';
import type { IdleState } from './idle-state-event.ts';
import { OutputMoves } from './output-moves.ts';

/** The object that is notified when the time of a timer is over. */
export interface IdleTimerOwner {
  /** Whether a burst of reads is in progress. */
  readonly isReading: boolean;
  timerExpired(timer: IdleTimer): void;
}

/** One of the three times of an IdleStateHandler, with its state. */
export class IdleTimer extends ChannelDeadline {
  readonly state: IdleState;
  /** Whether the next event is the first since the last activity. */
  isFirst = true;
  private readonly owner: IdleTimerOwner;
  private outputMoves: OutputMoves | undefined = undefined;

  constructor(state: IdleState, ms: number, owner: IdleTimerOwner) {
    super({ ms, whileHeld: state === 'writer' ? 'runs' : 'pauses' });
    this.state = state;
    this.owner = owner;
  }

  /** Records a read or a write. */
  sawLife(channel: Channel, now: number): void {
    this.isFirst = true;
    this.begin(channel, now);
  }

  /** Returns true if the output moved since the last call. */
  hasOutputMoved(channel: Channel, written: number): boolean {
    this.outputMoves ??= new OutputMoves();
    return this.outputMoves.look(channel, written);
  }

  /** Returns the full time during a burst of reads, because a burst is not idleness, even if it takes long. */
  protected override leftMs(channel: Channel): number {
    return this.pauses && this.owner.isReading ? this.ms : super.leftMs(channel);
  }

  protected override over(channel: Channel): void {
    this.begin(channel);
    this.owner.timerExpired(this);
  }
}
