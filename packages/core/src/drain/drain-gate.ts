import type { DrainEvent, DrainHold } from './drain-event.ts';
import { isDrainEvent } from './drain-mark.ts';

/**
 * The holds that one handler has on the drains of its channel while the handler is busy. Work can start after a `DrainEvent` if
 * another handler holds the drain, for example a decoder with an incomplete frame. A channel can be drained twice, for example
 * when its server shuts down while the channel is about to move. Both drains then wait.
 */
export class DrainGate {
  private readonly why: string;
  private readonly isBusy: () => boolean;
  private drains: Map<DrainEvent, DrainHold | undefined> | undefined = undefined;

  /** @param why - reason for `DrainEvent.holds`, in one or two words */
  constructor(why: string, isBusy: () => boolean) {
    this.why = why;
    this.isBusy = isBusy;
  }

  /** Whether a drain waits for the handler. */
  get isHolding(): boolean {
    return this.drains !== undefined && [...this.drains.values()].some(isHold);
  }

  /** Whether the channel drains, and no drain was given up. */
  get isActive(): boolean {
    return this.drains !== undefined && [...this.drains.keys()].some((drain) => !drain.isGivenUp);
  }

  /** Checks an event in `userEventTriggered`. Returns true for a `DrainEvent`. */
  see(event: unknown): event is DrainEvent {
    if (!isDrainEvent(event)) return false;
    this.drains ??= new Map();
    for (const drain of this.drains.keys()) if (drain.isGivenUp) this.drains.delete(drain);
    if (!this.drains.has(event)) this.drains.set(event, undefined);
    this.update();
    return true;
  }

  /** Called when work has started or is done. Releasing the last hold can end the channel. */
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

  /** Releases all holds, so that no drain waits for unfinished work. */
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
