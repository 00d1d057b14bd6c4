import { RecentMap } from '@headrace/core/authoring';

interface Aging<V> {
  readonly value: V;
  readonly at: number;
}

/** Values by key, kept for a limited time and up to a limited number. The oldest values are dropped first. */
export class AgingMap<V> {
  private readonly entries: RecentMap<Aging<V>>;
  private readonly maxAgeMs: number;

  constructor(maxAgeMs: number, maxSize: number) {
    this.maxAgeMs = maxAgeMs;
    this.entries = new RecentMap(maxSize);
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): V | undefined {
    return this.entries.peek(key)?.value;
  }

  /** Sets a value. An existing key becomes the newest. */
  set(key: string, value: V, nowMs: number): void {
    this.entries.use(key, { value, at: nowMs });
    this.forget(nowMs);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  /** Iterates over the values with the times at which they were set, from the oldest on. */
  *[Symbol.iterator](): Generator<readonly [key: string, value: V, at: number]> {
    for (const [key, { value, at }] of this.entries) yield [key, value, at];
  }

  forget(nowMs: number): void {
    this.entries.forget(Infinity, ({ at }) => nowMs - at > this.maxAgeMs);
  }
}
