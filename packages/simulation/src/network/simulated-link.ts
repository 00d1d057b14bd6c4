import { checkNumber, describeOptions, number } from '@headrace/core/authoring';
import type { LatencyOptions } from './latency.ts';
import type { NetworkPath } from './network-path.ts';

/** Faults of the datagrams on a link. TCP repairs such faults itself. */
export interface DatagramFaults {
  /** Share of the datagrams that are lost, from 0 to 1. @default 0 */
  readonly loss?: number;
  /** Share of the datagrams that arrive twice, from 0 to 1. @default 0 */
  readonly duplicates?: number;
  /**
   * Share of the datagrams that take up to `reorderMs` longer, so that others overtake them, from 0 to 1. A latency with a
   * range also reorders datagrams.
   * @default 0
   */
  readonly reordering?: number;
  /** Maximum additional time of a reordered datagram, in milliseconds. @default 100 */
  readonly reorderMs?: number;
  /**
   * Maximum size of a datagram, in bytes, often 1472 on real networks. Larger datagrams are lost, as on networks that drop
   * fragments.
   * @default Infinity
   */
  readonly maxBytes?: number;
}

const DATAGRAMS = describeOptions('datagrams', {
  loss: number({ max: 1, default: 0 }),
  duplicates: number({ max: 1, default: 0 }),
  reordering: number({ max: 1, default: 0 }),
  reorderMs: number({ default: 100 }),
  maxBytes: number({ min: 1, default: Number.POSITIVE_INFINITY }),
});

/** The network between hosts. Each method returns the link. */
export class SimulatedLink {
  private readonly paths: readonly NetworkPath[];

  /** @internal */
  constructor(paths: readonly NetworkPath[]) {
    this.paths = paths;
  }

  /** Sets the latency in each direction. */
  latency(options: LatencyOptions): this {
    for (const path of this.paths) path.setLatency(options);
    return this;
  }

  /**
   * Sets the bandwidth in bytes per second, including headers of 40 bytes for each segment. `Infinity` means no limit.
   *
   * @throws OptionError `OPTION_INVALID` for less than 1
   */
  bandwidth(bytesPerSecond: number): this {
    checkNumber('bytesPerSecond', bytesPerSecond, { min: 1 });
    for (const path of this.paths) path.setRate(bytesPerSecond);
    return this;
  }

  /** Sets the losses, duplicates and reordering of datagrams. The seed decides which datagrams are affected. */
  datagrams(faults: DatagramFaults): this {
    const losses = DATAGRAMS.resolve(faults);
    for (const path of this.paths) path.datagrams = losses;
    return this;
  }

  /**
   * Sets the size of the send buffer and the receive buffer of each end, in bytes. The size applies to connections that are
   * made from now on.
   *
   * @throws OptionError `OPTION_INVALID` for less than 1
   */
  buffer(bytes: number): this {
    checkNumber('bytes', bytes, { min: 1, integer: true });
    for (const path of this.paths) path.bufferBytes = bytes;
    return this;
  }
}
