import { SeededRandom } from '@headrace/core/testing';
import { type HostProgram, type HostWorld, SimulatedHost } from '../host/simulated-host.ts';
import type { Latency } from '../network/latency.ts';
import { NetworkPath } from '../network/network-path.ts';
import { SimulationError } from '../simulation-error.ts';

/** One host, or several. */
export type HostNames = string | readonly string[];

/** Settings of links that set none of their own. */
export interface PathDefaults {
  readonly latency: Latency;
  readonly bufferBytes: number;
}

/** The hosts by name and by address, and the two directions between each pair of hosts. */
export class SimulatedNetwork {
  readonly hosts = new Map<string, SimulatedHost>();
  private readonly paths = new Map<string, NetworkPath>();
  private readonly world: HostWorld;
  private readonly defaults: PathDefaults;

  constructor(world: HostWorld, defaults: PathDefaults) {
    this.world = world;
    this.defaults = defaults;
  }

  get names(): string[] {
    return [...this.hosts.keys()];
  }

  add(name: string, program: HostProgram): SimulatedHost {
    const { hosts } = this;
    if (hosts.has(name)) throw new SimulationError(`the host ${name} exists already`);
    const number = hosts.size + 1;
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    const host = new SimulatedHost(name, address, program, this.world);
    hosts.set(name, host);
    return host;
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
      const random = new SeededRandom(this.world.seed, `path ${key}`);
      path = new NetworkPath(this.world, random, latency, bufferBytes);
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

  /** Resets all connections between two hosts. */
  reset(a: string, b: string): void {
    const [one, other] = [this.named(a), this.named(b)];
    one.resetConnections(other);
    other.resetConnections(one);
  }

  /** Ends all faults at the end of a simulation. */
  repairAll(): void {
    for (const path of this.paths.values()) {
      path.repair();
      path.speedUp();
      path.release();
    }
    for (const host of this.hosts.values()) host.thaw();
  }

  /** Resets all connections, and prevents new connections. */
  isolateAll(): void {
    for (const host of this.hosts.values()) host.isolate();
  }
}
