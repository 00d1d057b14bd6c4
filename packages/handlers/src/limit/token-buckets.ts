import { type Rate, RecentMap, TokenBucket } from '@headrace/core/authoring';

/** Buckets by name, no more than a given number: those that were used least recently are forgotten first. */
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

  /** How many this name can take now. */
  left(name: string, now: number): number {
    return this.buckets.peek(name)?.left(this.rate, now) ?? this.rate.burst;
  }

  /** True if this name had a token to take. */
  take(name: string, now: number): boolean {
    const bucket = this.buckets.peek(name) ?? new TokenBucket(this.rate);
    this.buckets.use(name, bucket);
    const taken = bucket.take(this.rate, now);
    // A full bucket is as good as none; looking at two for each one used is enough to find them all.
    this.buckets.forget(2, (old) => old.isFull(this.rate, now));
    return taken;
  }

  /** Milliseconds until this name has a token. */
  waitMs(name: string, now: number): number {
    return this.buckets.peek(name)?.waitMs(this.rate, now) ?? 0;
  }

  giveBack(name: string, now: number): void {
    const bucket = this.buckets.peek(name);
    bucket?.giveBack(this.rate);
    // A full one must not stand where another is forgotten.
    if (bucket?.isFull(this.rate, now) === true) this.buckets.delete(name);
  }
}
