import { type Rate, RecentMap, TokenBucket } from '@headrace/core/authoring';

/** A limited number of buckets by name. The least recently used buckets are forgotten first. */
export class TokenBuckets {
  private readonly rate: Rate;
  private readonly buckets: RecentMap<TokenBucket>;

  constructor(rate: Rate, maxBuckets: number) {
    this.rate = rate;
    this.buckets = new RecentMap(maxBuckets);
  }

  /** The number of names whose buckets are remembered. */
  get size(): number {
    return this.buckets.size;
  }

  /**
   * Returns the number of tokens that this name can take now.
   *
   * @param now - in milliseconds, as `clock.now()`
   */
  left(name: string, now: number): number {
    return this.buckets.peek(name)?.left(this.rate, now) ?? this.rate.burst;
  }

  /**
   * Takes a token. Returns true if this name had a token.
   *
   * @param now - in milliseconds, as `clock.now()`
   */
  take(name: string, now: number): boolean {
    return this.takeOrWait(name, now) === 0;
  }

  /**
   * Takes a token and returns 0, or returns the time until this name has a token, in milliseconds.
   *
   * @param now - in milliseconds, as `clock.now()`
   */
  takeOrWait(name: string, now: number): number {
    const bucket = this.buckets.peek(name) ?? new TokenBucket(this.rate);
    this.buckets.use(name, bucket);
    const waitMs = bucket.takeOrWait(this.rate, now);
    // A full bucket need not be remembered. Two checks for each use of a bucket are enough to find all full
    // buckets.
    this.buckets.forget(2, (old) => old.isFull(this.rate, now));
    return waitMs;
  }

  /**
   * Returns a token that was taken, for example if what it stood for was not done.
   *
   * @param now - in milliseconds, as `clock.now()`
   */
  giveBack(name: string, now: number): void {
    const bucket = this.buckets.peek(name);
    bucket?.giveBack(this.rate);
    // A full bucket must not take a place while another bucket is forgotten.
    if (bucket?.isFull(this.rate, now) === true) this.buckets.delete(name);
  }
}
