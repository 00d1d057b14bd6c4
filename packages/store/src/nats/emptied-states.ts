import type { Clock, Timer } from '@headrace/core';
import type { StateLimits } from '../contract/state-log.ts';

/** Maximum number of states that are remembered. What the oldest ones have left stays until they are used again. */
const MAX_STATES = 65_536;
/** Time after which a removal of `removalAgeMs` is surely forgotten, and time between two looks for such states. */
const SPARE_MS = 250;

interface Emptied {
  readonly at: number;
  readonly limits: StateLimits;
}

/** Removes what is left of a state. Resolves with true if it has removals that are remembered, or is in use. */
export type EmptyState = (stream: string, limits: StateLimits) => Promise<boolean>;

/** The states that can be empty, over all links: this node has removed one of their keys, or has found none. */
export class EmptiedStates {
  private readonly states = new Map<string, Emptied>();
  private clock: Clock | undefined = undefined;
  private empty: EmptyState | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private isLooking = false;

  /** Called with a new link. Returns a function that is called when it has ended. */
  linked(clock: Clock, empty: EmptyState): () => void {
    this.clock = clock;
    this.empty = empty;
    this.arm();
    return () => {
      if (this.empty !== empty) return;
      this.empty = undefined;
      this.timer?.cancel();
      this.timer = undefined;
    };
  }

  /** Notes a state whose newest removal is made or found now. */
  note(stream: string, limits: StateLimits): void {
    const at = this.clock!.now() + limits.removalAgeMs + SPARE_MS;
    if (!Number.isFinite(at)) return;
    this.states.delete(stream);
    if (this.states.size >= MAX_STATES) {
      const [oldest] = this.states.keys();
      this.states.delete(oldest!);
    }
    this.states.set(stream, { at, limits });
    this.arm();
  }

  private arm(): void {
    const { clock, states } = this;
    if (clock === undefined || this.empty === undefined) return;
    if (this.timer !== undefined || this.isLooking || states.size === 0) return;
    let at = Number.POSITIVE_INFINITY;
    for (const each of states.values()) at = Math.min(at, each.at);
    this.timer = clock.schedule(() => void this.look(), Math.max(SPARE_MS, at - clock.now()));
  }

  private async look(): Promise<void> {
    this.timer = undefined;
    this.isLooking = true;
    const now = this.clock!.now();
    for (const [stream, { at, limits }] of [...this.states]) {
      const { empty } = this;
      if (empty === undefined) break;
      if (at > now || this.states.get(stream)?.at !== at) continue;
      this.states.delete(stream);
      const isLater = await empty(stream, limits).catch(() => true);
      if (isLater && !this.states.has(stream)) this.note(stream, limits);
    }
    this.isLooking = false;
    this.arm();
  }
}
