/**
 * Random numbers that are the same for the same seed, on every machine: the generator `sfc32`, which passes PractRand.
 * Only integers and division: V8's `Math.log` and its relatives may change with the version.
 */
export class SeededRandom {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param stream - numbers of one seed and different streams have nothing to do with each other */
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

  /** At least 0, below 1, with 32 random bits. */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A number from `min` on, below `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }
}
