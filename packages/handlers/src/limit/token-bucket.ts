import { RecentMap } from '@headrace/core/authoring';

/** How fast something may happen. */
export interface Rate {
  /** On average. */
  readonly perSecond: number;
  /** At once, after a pause. */
  readonly burst: number;
}

/** A share that is used up and grows back: allows bursts, and a rate on average. */
export class TokenBucket {
  private tokens: number;
  private filledAt: number;

  constructor(rate: Rate, now: number) {
    this.tokens = rate.burst;
    this.filledAt = now;
  }

  /** True if there was a token to take. */
  take(rate: Rate, now: number): boolean {
    this.fill(rate, now);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** A token that was taken and not used. */
  giveBack(rate: Rate, now: number): void {
    this.fill(rate, now);
    this.tokens = Math.min(rate.burst, this.tokens + 1);
  }

  /** Milliseconds until there is a token. */
  waitMs(rate: Rate, now: number): number {
    this.fill(rate, now);
    return this.tokens >= 1 ? 0 : ((1 - this.tokens) / rate.perSecond) * 1000;
  }

  isFull(rate: Rate, now: number): boolean {
    this.fill(rate, now);
    return this.tokens >= rate.burst;
  }

  private fill(rate: Rate, now: number): void {
    const grown = ((now - this.filledAt) / 1000) * rate.perSecond;
    // A rounding error must not keep a token back that is due.
    this.tokens = Math.min(rate.burst, this.tokens + grown + 1e-9);
    this.filledAt = now;
  }
}

/** Buckets by name, no more than a given number: those that were used least lately are forgotten first. */
export class TokenBuckets {
  private readonly rate: Rate;
  private readonly buckets: RecentMap<TokenBucket>;

  constructor(rate: Rate, maxBuckets: number) {
    this.rate = rate;
    this.buckets = new RecentMap(maxBuckets);
  }

  get size(): number {
    return this.buckets.size;
  }

  /** True if this name has a token to take. */
  has(name: string, now: number): boolean {
    const bucket = this.buckets.peek(name);
    return bucket === undefined || bucket.waitMs(this.rate, now) === 0;
  }

  /** True if this name had a token to take. */
  take(name: string, now: number): boolean {
    const bucket = this.buckets.peek(name) ?? new TokenBucket(this.rate, now);
    this.buckets.use(name, bucket);
    const taken = bucket.take(this.rate, now);
    // A full bucket is as good as none; looking at two for each one used is enough to find them all.
    this.buckets.forget(2, (old) => old.isFull(this.rate, now));
    return taken;
  }

  giveBack(name: string, now: number): void {
    const bucket = this.buckets.peek(name);
    bucket?.giveBack(this.rate, now);
    // A full one must not stand where another is forgotten.
    if (bucket?.isFull(this.rate, now) === true) this.buckets.delete(name);
  }
}
