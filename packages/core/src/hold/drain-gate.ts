import type { DrainEvent, DrainHold } from '../drain-event.ts';
import { isDrainEvent } from '../drain-mark.ts';

/**
 * One handler's holds on the drains of its channel, taken while the handler is busy. Work may begin after a
 * `DrainEvent`, while another handler holds the drain: a decoder with a begun frame does. A channel may be drained twice, as when
 * its server shuts down during a hand-over: both wait for the work.
 */
export class DrainGate {
  private readonly why: string;
  private readonly isBusy: () => boolean;
  private drains: Map<DrainEvent, DrainHold | undefined> | undefined = undefined;

  /** @param why - for `DrainEvent.holds`: a word or two */
  constructor(why: string, isBusy: () => boolean) {
    this.why = why;
    this.isBusy = isBusy;
  }

  /** True while a drain waits for the handler. */
  get isHolding(): boolean {
    return this.drains !== undefined && [...this.drains.values()].some(isHold);
  }

  /** From `userEventTriggered`. True for a `DrainEvent`. */
  see(event: unknown): event is DrainEvent {
    if (!isDrainEvent(event)) return false;
    this.drains ??= new Map();
    for (const drain of this.drains.keys()) if (drain.isGivenUp) this.drains.delete(drain);
    if (!this.drains.has(event)) this.drains.set(event, undefined);
    this.update();
    return true;
  }

  /** Work has begun, or is done. Releasing the last hold can end the channel. */
  update(): void {
    if (this.drains === undefined) return;
    if (!this.isBusy()) {
      this.release();
      return;
    }
    for (const [drain, hold] of this.drains) {
      if (hold === undefined) this.drains.set(drain, drain.hold(this.why));
    }
  }

  /** No drain waits for what is under way. */
  release(): void {
    if (this.drains === undefined) return;
    for (const [drain, hold] of this.drains) {
      this.drains.set(drain, undefined);
      hold?.release();
    }
  }
}

function isHold(hold: DrainHold | undefined): boolean {
  return hold !== undefined;
}
