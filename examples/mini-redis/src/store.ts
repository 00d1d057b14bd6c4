import type { Clock, Timer } from '@headrace/core';
import type { Memory } from './memory.ts';

/** How often expired keys that nobody asks for are looked for, and how many at a time. */
const SWEEP_MS = 1000;
const SWEEP_KEYS = 10_000;
/** The cost of a key beside its own bytes and those of its value. */
const KEY_BYTES = 512;

/** The data: keys as Latin-1 text, which is any bytes, and values as bytes. */
export class Store {
  private readonly clock: Clock;
  private readonly memory: Memory;
  private readonly values = new Map<string, Buffer>();
  /** When keys end, for those that do. */
  private readonly deadlines = new Map<string, number>();
  private sweeper: Timer | undefined = undefined;

  constructor(clock: Clock, memory: Memory) {
    this.clock = clock;
    this.memory = memory;
  }

  get(key: string): Buffer | undefined {
    if (this.deadlines.size > 0) this.dropIfExpired(key);
    return this.values.get(key);
  }

  /** Sets a value; the key lives for ever, or for `ttlMs`. */
  set(key: string, value: Buffer, ttlMs?: number): void {
    this.update(key, value);
    if (this.deadlines.size > 0) this.deadlines.delete(key);
    if (ttlMs !== undefined) this.expire(key, ttlMs);
  }

  /** Sets a value and does not change the time to live. */
  update(key: string, value: Buffer): void {
    const before = this.values.get(key);
    this.memory.add(value.length - (before?.length ?? -KEY_BYTES - key.length));
    // What was read is a view of the memory of a whole read. Small copies of Node share memory, which one of them keeps.
    const kept = Buffer.allocUnsafeSlow(value.length);
    kept.set(value);
    this.values.set(key, kept);
  }

  /** True if the key was there. */
  delete(key: string): boolean {
    const wasThere = this.get(key) !== undefined;
    this.drop(key);
    return wasThere;
  }

  /** Lets a key end; true if it was there. */
  expire(key: string, ttlMs: number): boolean {
    if (this.get(key) === undefined) return false;
    if (ttlMs <= 0) this.drop(key);
    else {
      this.deadlines.set(key, this.clock.now() + ttlMs);
      this.sweeper ??= this.clock.schedule(() => this.sweep(), SWEEP_MS);
    }
    return true;
  }

  /** Milliseconds left; -1 for ever, -2 if there is no such key. */
  ttl(key: string): number {
    if (this.get(key) === undefined) return -2;
    const deadline = this.deadlines.get(key);
    return deadline === undefined ? -1 : deadline - this.clock.now();
  }

  private drop(key: string): void {
    const value = this.values.get(key);
    if (value !== undefined) this.memory.add(-KEY_BYTES - key.length - value.length);
    this.values.delete(key);
    this.deadlines.delete(key);
  }

  private dropIfExpired(key: string): void {
    const deadline = this.deadlines.get(key);
    if (deadline !== undefined && deadline <= this.clock.now()) this.drop(key);
  }

  /** Looks at some of the keys that end; those that stay go to the back of the queue. */
  private sweep(): void {
    let left = Math.min(SWEEP_KEYS, this.deadlines.size);
    for (const [key, deadline] of this.deadlines) {
      if (left-- === 0) break;
      this.dropIfExpired(key);
      if (this.deadlines.delete(key)) this.deadlines.set(key, deadline);
    }
    const isNeeded = this.deadlines.size > 0;
    this.sweeper = isNeeded ? this.clock.schedule(() => this.sweep(), SWEEP_MS) : undefined;
  }
}
