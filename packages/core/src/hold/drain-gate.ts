import type { DrainEvent, DrainHold } from '../drain-event.ts';
import { isDrainEvent } from '../drain-mark.ts';

/**
 * One handler's hold on the drain of its channel, taken while the handler is busy. Work may begin after the
 * `DrainEvent`, while another handler holds the drain: a decoder with a begun frame does.
 */
export class DrainGate {
  private readonly why: string;
  private readonly isBusy: () => boolean;
  private drain: DrainEvent | undefined = undefined;
  private current: DrainHold | undefined = undefined;

  /** @param why - for `DrainEvent.holds`: a word or two */
  constructor(why: string, isBusy: () => boolean) {
    this.why = why;
    this.isBusy = isBusy;
  }

  get isHolding(): boolean {
    return this.current !== undefined;
  }

  /** From `userEventTriggered`. True for a `DrainEvent`. */
  see(event: unknown): event is DrainEvent {
    if (!isDrainEvent(event)) return false;
    // A drain before it was given up, and the channel went on.
    this.current?.release();
    this.current = undefined;
    this.drain = event;
    this.update();
    return true;
  }

  /** Work has begun, or is done. Releasing the last hold can end the channel. */
  update(): void {
    if (this.drain === undefined) return;
    const { current } = this;
    if (this.isBusy()) this.current ??= this.drain.hold(this.why);
    else if (current !== undefined) {
      this.current = undefined;
      current.release();
    }
  }
}
