import type { Latency } from './latency.ts';
import { NetworkPath } from './network-path.ts';
import { SeededRandom } from './seeded-random.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedTime } from './simulated-time.ts';
import { SimulationError } from './simulation-error.ts';

/** One host, or several. */
export type HostNames = string | readonly string[];

/** What links have that nobody has set. */
export interface PathDefaults {
  readonly latency: Latency;
  readonly bufferBytes: number;
}

/** The hosts by name and by address, and the two directions between each two of them. */
export class SimulatedNetwork {
  readonly hosts = new Map<string, SimulatedHost>();
  readonly paths = new Map<string, NetworkPath>();
  private readonly time: SimulatedTime;
  private readonly seed: number;
  private readonly defaults: PathDefaults;

  constructor(time: SimulatedTime, seed: number, defaults: PathDefaults) {
    this.time = time;
    this.seed = seed;
    this.defaults = defaults;
  }

  get names(): string[] {
    return [...this.hosts.keys()];
  }

  /** The address of the next host. */
  get nextAddress(): string {
    const number = this.hosts.size + 1;
    return `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  }

  named(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (host !== undefined) return host;
    throw new SimulationError(`there is no host ${name}, only ${this.names.join(', ')}`);
  }

  at(nameOrAddress: string): SimulatedHost | undefined {
    const named = this.hosts.get(nameOrAddress);
    if (named !== undefined) return named;
    for (const host of this.hosts.values()) if (host.address === nameOrAddress) return host;
    return undefined;
  }

  pathBetween(from: SimulatedHost, to: SimulatedHost): NetworkPath {
    const key = `${from.name}\n${to.name}`;
    let path = this.paths.get(key);
    if (path === undefined) {
      const { latency, bufferBytes } = this.defaults;
      const random = new SeededRandom(this.seed, `path ${key}`);
      path = new NetworkPath(this.time, random, latency, bufferBytes);
      this.paths.set(key, path);
    }
    return path;
  }

  pathsFrom(from: HostNames, to: HostNames): NetworkPath[] {
    const paths: NetworkPath[] = [];
    for (const one of [from].flat()) {
      for (const other of [to].flat()) {
        const path = this.pathBetween(this.named(one), this.named(other));
        if (one !== other) paths.push(path);
      }
    }
    return paths;
  }

  bothWays(a: HostNames, b: HostNames): NetworkPath[] {
    return [...this.pathsFrom(a, b), ...this.pathsFrom(b, a)];
  }
}
