import { checkNumber } from '@headrace/core/authoring';
import type { LatencyOptions } from './latency.ts';
import type { NetworkPath } from './network-path.ts';

/** The network between hosts; each method returns the link itself. */
export class SimulatedLink {
  private readonly paths: readonly NetworkPath[];

  /** @internal */
  constructor(paths: readonly NetworkPath[]) {
    this.paths = paths;
  }

  latency(options: LatencyOptions): this {
    for (const path of this.paths) path.setLatency(options);
    return this;
  }

  /** How many bytes a second go through, headers of 40 bytes a segment included; `Infinity` for no limit. */
  bandwidth(bytesPerSecond: number): this {
    checkNumber('bytesPerSecond', bytesPerSecond, { min: 1 });
    for (const path of this.paths) path.setRate(bytesPerSecond);
    return this;
  }

  /** Send and receive buffer of each end of connections that are made from now on. */
  buffer(bytes: number): this {
    checkNumber('bytes', bytes, { min: 1, integer: true });
    for (const path of this.paths) path.bufferBytes = bytes;
    return this;
  }
}
