/** A limit on the rate of events. */
export interface Rate {
  /** Average number of events per second. */
  readonly perSecond: number;
  /** Maximum number of events at once, after a pause. */
  readonly burst: number;
}

/**
 * A token bucket, which allows bursts and limits the average rate. It keeps neither its rate, which thousands of buckets
 * share, nor a timer. The caller passes the rate and the time `now`, in milliseconds.
 */
export class TokenBucket {
  /** Number of tokens. A negative number counts reserved tokens. */
  private tokens: number;
  private filledAt = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate) {
    this.tokens = rate.burst;
  }

  /** Takes a token. Returns false if no token is available. */
  take(rate: Rate, now: number): boolean {
    return this.takeOrWait(rate, now) === 0;
  }

  /**
   * Takes a token and returns 0. If no token is available, returns the time until one is, in milliseconds. A caller that asked
   * for the time later could get 0, because a token can come due between two calls.
   */
  takeOrWait(rate: Rate, now: number): number {
    this.fill(rate, now);
    if (this.tokens < 1) return ((1 - this.tokens) / rate.perSecond) * 1000;
    this.tokens -= 1;
    return 0;
  }

  /** Reserves the next token. Returns the time until the token is available, in milliseconds, or 0 if it is available now. */
  reserve(rate: Rate, now: number): number {
    this.fill(rate, now);
    this.tokens -= 1;
    return this.tokens >= 0 ? 0 : (-this.tokens * 1000) / rate.perSecond;
  }

  /** Adds tokens, either unused or earned, up to the burst. */
  giveBack(rate: Rate, tokens = 1): void {
    this.tokens = Math.min(rate.burst, this.tokens + tokens);
  }

  /** Returns the number of tokens that are available now. */
  left(rate: Rate, now: number): number {
    this.fill(rate, now);
    return Math.max(0, Math.floor(this.tokens));
  }

  isFull(rate: Rate, now: number): boolean {
    this.fill(rate, now);
    return this.tokens >= rate.burst;
  }

  private fill(rate: Rate, now: number): void {
    // An unlimited bucket is full, even if no time has passed.
    if (rate.perSecond === Number.POSITIVE_INFINITY) this.tokens = rate.burst;
    if (now <= this.filledAt) return;
    const grown = ((now - this.filledAt) / 1000) * rate.perSecond;
    // The addition makes up for rounding errors, which must not delay a token that is due.
    this.tokens = Math.min(rate.burst, this.tokens + grown + 1e-9);
    this.filledAt = now;
  }
}
