import type { StateLimits } from '../contract/state-log.ts';

interface Removal {
  readonly sequence: number;
  /** Time of the removal by the clock of this process, in milliseconds. */
  readonly at: number;
}

/** More removals than the limit are forgotten together: this share of the limit. */
const SPARE_SHARE = 8;

/** The removals of a state that this link has written, read or followed, until they are forgotten. */
export class StateRemovals {
  private readonly byKey = new Map<string, Removal>();
  private oldestAt = Number.POSITIVE_INFINITY;
  private readonly forgotten = new Set<number>();
  private highest = 0;

  /** Offset of the newest removal that was forgotten, or 0. */
  get floor(): number {
    return this.highest;
  }

  /** Whether no removal is remembered. */
  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  /** Whether the stream can still have forgotten removals. */
  get hasForgotten(): boolean {
    return this.forgotten.size > 0;
  }

  /** Notes a change, in any order. */
  saw(key: string, sequence: number, isRemoval: boolean, at: number): void {
    const known = this.byKey.get(key);
    if (known !== undefined && known.sequence >= sequence) return;
    this.byKey.delete(key);
    if (!isRemoval) return;
    if (sequence <= this.highest) {
      this.forgotten.add(sequence);
      return;
    }
    this.byKey.set(key, { sequence, at });
    this.oldestAt = Math.min(this.oldestAt, at);
  }

  /** Notes a floor, up to which all removals are forgotten. */
  raise(floor: number): void {
    if (floor > this.highest) this.forgetTo(floor);
  }

  /** Forgets the removals that are too old or too many. */
  forget({ removals: most, removalAgeMs }: StateLimits, now: number): void {
    const isOver = this.byKey.size > most + Math.floor(most / SPARE_SHARE);
    if (!isOver && now - this.oldestAt <= removalAgeMs) return;
    const ordered = [...this.byKey.values()].sort((one, other) => one.sequence - other.sequence);
    const tooMany = isOver ? ordered.length - most : 0;
    const first = ordered.findIndex(({ at }, i) => i >= tooMany && now - at <= removalAgeMs);
    const over = first < 0 ? ordered : ordered.slice(0, first);
    if (over.length > 0) this.forgetTo(over.at(-1)!.sequence);
    else this.oldestAt = ordered[0]!.at;
  }

  /** Takes the sequences of the forgotten removals up to a floor, to delete them. */
  take(floor: number): readonly number[] {
    const taken = [...this.forgotten].filter((sequence) => sequence <= floor);
    for (const sequence of taken) this.forgotten.delete(sequence);
    return taken;
  }

  private forgetTo(floor: number): void {
    this.highest = floor;
    this.oldestAt = Number.POSITIVE_INFINITY;
    for (const [key, { sequence, at }] of this.byKey) {
      if (sequence > floor) this.oldestAt = Math.min(this.oldestAt, at);
      else {
        this.byKey.delete(key);
        this.forgotten.add(sequence);
      }
    }
  }
}
