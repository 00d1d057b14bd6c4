/**
 * A generator whose random numbers are the same for the same seed, on every machine. The algorithm is `sfc32`, which passes
 * PractRand. The generator uses only integers and division, because V8's `Math.log` and similar functions can change with the
 * version.
 */
export class SeededRandom {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param stream - name of a sequence; sequences with different names are independent, even with the same seed */
  constructor(seed: number, stream: string) {
    let hash = 0x811c_9dc5;
    for (let i = 0; i < stream.length; i++) {
      hash = Math.imul(hash ^ stream.charCodeAt(i), 0x0100_0193);
    }
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 2 ** 32) >>> 0;
    this.c = hash >>> 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** Returns a number of at least 0 and below 1, with 32 random bits. */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** Returns an integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** Returns a number of at least `min` and below `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }
}
