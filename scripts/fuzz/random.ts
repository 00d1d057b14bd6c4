/** Numbers that a seed repeats (xorshift, 32 bits). */
export class Random {
  private state: number;

  constructor(seed: number) {
    // Zero would stay zero; a multiplication spreads neighbouring seeds.
    this.state = Math.imul(seed, 0x9e3779b1) | 1;
  }

  /** From 0 to `limit`, without `limit`. */
  below(limit: number): number {
    let { state } = this;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return (state >>> 0) % limit;
  }

  of<T>(items: ArrayLike<T>): T {
    return items[this.below(items.length)]!;
  }

  /** True with a probability of one in `times`. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }
}
