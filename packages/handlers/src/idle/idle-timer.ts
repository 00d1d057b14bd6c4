import type { Channel } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';
import type { IdleState } from './idle-state-event.ts';
import { OutputMoves } from './output-moves.ts';

/** Notified when the time of a timer is over. */
export interface IdleTimerOwner {
  /** Within a burst of reads. */
  readonly isReading: boolean;
  timerExpired(timer: IdleTimer): void;
}

/** One of the three times of an IdleStateHandler, with all that belongs to it alone. */
export class IdleTimer extends ChannelDeadline {
  readonly state: IdleState;
  /** The next event is the first since the last activity. */
  isFirst = true;
  private readonly owner: IdleTimerOwner;
  /** Made where output is observed. */
  private outputMoves: OutputMoves | undefined = undefined;

  constructor(state: IdleState, ms: number, owner: IdleTimerOwner) {
    super({ ms, whileHeld: state === 'writer' ? 'runs' : 'stands' });
    this.state = state;
    this.owner = owner;
  }

  /** Something was read or written. */
  sawLife(channel: Channel, now: number): void {
    this.isFirst = true;
    this.begin(channel, now);
  }

  /** True if the output moved since the last call. */
  hasOutputMoved(channel: Channel, written: number): boolean {
    this.outputMoves ??= new OutputMoves();
    return this.outputMoves.look(channel, written);
  }

  /** A burst that is being read is not idleness, however long it takes. */
  protected override leftMs(channel: Channel): number {
    return this.stands && this.owner.isReading ? this.ms : super.leftMs(channel);
  }

  protected override over(channel: Channel): void {
    this.begin(channel);
    this.owner.timerExpired(this);
  }
}
