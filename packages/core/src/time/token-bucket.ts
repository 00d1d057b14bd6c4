/** How fast something may happen. */
export interface Rate {
  /** How many on average. */
  readonly perSecond: number;
  /** How many at once, after a pause. */
  readonly burst: number;
}

/**
 * A share that is used up and grows back: allows bursts, and a rate on average. It keeps neither its rate, which
 * thousands share, nor a timer: the caller gives both the rate and the time `now`, in milliseconds.
 */
export class TokenBucket {
  /** Below 0: so many are reserved for later. */
  private tokens: number;
  private filledAt = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate) {
    this.tokens = rate.burst;
  }

  /** True if there was a token to take. */
  take(rate: Rate, now: number): boolean {
    this.fill(rate, now);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Takes the next token, and returns how long it is until it is there: milliseconds, 0 for now. */
  reserve(rate: Rate, now: number): number {
    this.fill(rate, now);
    this.tokens -= 1;
    return this.tokens >= 0 ? 0 : (-this.tokens * 1000) / rate.perSecond;
  }

  /** Tokens that were taken and not used, or earned. */
  giveBack(rate: Rate, tokens = 1): void {
    this.tokens = Math.min(rate.burst, this.tokens + tokens);
  }

  /** How many can be taken now. */
  left(rate: Rate, now: number): number {
    this.fill(rate, now);
    return Math.max(0, Math.floor(this.tokens));
  }

  /** Milliseconds until there is a token. */
  waitMs(rate: Rate, now: number): number {
    this.fill(rate, now);
    return this.tokens >= 1 ? 0 : ((1 - this.tokens) / rate.perSecond) * 1000;
  }

  /** True if nothing of the share is used up. */
  isFull(rate: Rate, now: number): boolean {
    this.fill(rate, now);
    return this.tokens >= rate.burst;
  }

  private fill(rate: Rate, now: number): void {
    // Also where no time has passed.
    if (rate.perSecond === Number.POSITIVE_INFINITY) this.tokens = rate.burst;
    if (now <= this.filledAt) return;
    const grown = ((now - this.filledAt) / 1000) * rate.perSecond;
    // A rounding error must not keep a token back that is due.
    this.tokens = Math.min(rate.burst, this.tokens + grown + 1e-9);
    this.filledAt = now;
  }
}
