import { checkNumber, describeOptions, number } from '@headrace/core/authoring';
import type { LatencyOptions } from './latency.ts';
import type { NetworkPath } from './network-path.ts';

/** Faults of datagrams on a link; TCP repairs the same by itself. */
export interface DatagramFaults {
  /** Part of the datagrams that are lost, 0 to 1. @default 0 */
  readonly loss?: number;
  /** Part of them that arrive twice, 0 to 1. @default 0 */
  readonly duplicates?: number;
  /**
   * Part of them that take up to `reorderMs` longer, so that others overtake them, 0 to 1. A latency with a range lets them
   * overtake each other, too. @default 0
   */
  readonly reordering?: number;
  /** How much longer a reordered one takes at most. @default 100 */
  readonly reorderMs?: number;
  /** Longer datagrams are lost, as where fragments are dropped: 1472 on many real ways. @default Infinity */
  readonly maxBytes?: number;
}

const DATAGRAMS = describeOptions('datagrams', {
  loss: number({ max: 1, default: 0 }),
  duplicates: number({ max: 1, default: 0 }),
  reordering: number({ max: 1, default: 0 }),
  reorderMs: number({ default: 100 }),
  maxBytes: number({ min: 1, default: Number.POSITIVE_INFINITY }),
});

/** The network between hosts; each method returns the link itself. */
export class SimulatedLink {
  private readonly paths: readonly NetworkPath[];

  /** @internal */
  constructor(paths: readonly NetworkPath[]) {
    this.paths = paths;
  }

  /** How long bytes are on their way. */
  latency(options: LatencyOptions): this {
    for (const path of this.paths) path.setLatency(options);
    return this;
  }

  /**
   * How many bytes a second go through, headers of 40 bytes a segment included; `Infinity` for no limit.
   *
   * @throws OptionError `OPTION_INVALID` for less than 1
   */
  bandwidth(bytesPerSecond: number): this {
    checkNumber('bytesPerSecond', bytesPerSecond, { min: 1 });
    for (const path of this.paths) path.setRate(bytesPerSecond);
    return this;
  }

  /** Losses, duplicates and reordering of datagrams, decided by the seed. */
  datagrams(faults: DatagramFaults): this {
    const losses = DATAGRAMS.resolve(faults);
    for (const path of this.paths) path.datagrams = losses;
    return this;
  }

  /**
   * Send and receive buffer of each end of connections that are made from now on, in bytes.
   *
   * @throws OptionError `OPTION_INVALID` for less than 1
   */
  buffer(bytes: number): this {
    checkNumber('bytes', bytes, { min: 1, integer: true });
    for (const path of this.paths) path.bufferBytes = bytes;
    return this;
  }
}
