import { checkNumber, choice, describeOptions, number } from '@headrace/core/authoring';
import type { SeededRandom } from '@headrace/core/testing';

/** The time that bytes need to reach the other host. */
export interface LatencyOptions {
  /** Minimum latency, in milliseconds. */
  readonly minMs: number;
  /** Maximum latency, in milliseconds. @default minMs */
  readonly maxMs?: number;
  /**
   * Distribution of the latencies. With `uniform`, all latencies in the range are equally likely. With `long-tail`, half of
   * the latencies are in the lowest tenth of the range, and one in a hundred is above 90 % of it.
   * @default 'uniform'
   */
  readonly shape?: 'uniform' | 'long-tail';
}

const OPTIONS = describeOptions('latency', {
  minMs: number({ required: true }),
  maxMs: number(),
  shape: choice(['uniform', 'long-tail'], { default: 'uniform' }),
});
/** Shape of the long tail: `u / (TAIL - (TAIL - 1) u)` is 1/10 for u = 1/2 and 0.92 for u = 0.99. */
const TAIL = 9;

/** A checked {@link LatencyOptions}. */
export class Latency {
  readonly minMs: number;
  readonly maxMs: number;
  private readonly hasTail: boolean;

  constructor(options: LatencyOptions) {
    const { minMs, maxMs = minMs, shape } = OPTIONS.resolve(options);
    this.minMs = minMs;
    this.maxMs = checkNumber('maxMs', maxMs, { min: minMs });
    this.hasTail = shape === 'long-tail';
  }

  /** Returns a random latency in milliseconds, rounded to microseconds. */
  draw(random: SeededRandom): number {
    if (this.minMs === this.maxMs) return this.minMs;
    const u = random.next();
    const share = this.hasTail ? u / (TAIL - (TAIL - 1) * u) : u;
    return Math.round((this.minMs + share * (this.maxMs - this.minMs)) * 1000) / 1000;
  }
}
