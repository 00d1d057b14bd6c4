import { Latency } from '../network/latency.ts';
import {
  type ChaosOptions,
  type Fault,
  faultText,
  planFaults,
  resolveChaos,
} from './fault-plan.ts';
import type { SimulationWorld } from './simulation-world.ts';

/** Plans faults by chance, brings them about, and ends them. */
export class FaultInjector {
  /** All that were planned, also those that are left out. */
  readonly planned: Fault[] = [];
  private readonly world: SimulationWorld;
  private readonly omitted: ReadonlySet<number>;
  private plans = 0;

  /** @param omitted - faults that are not brought about, by their place in `planned` */
  constructor(world: SimulationWorld, omitted: ReadonlySet<number>) {
    this.world = world;
    this.omitted = omitted;
  }

  /** Plans as soon as the simulation goes on: all hosts are there then. */
  plan(given: ChaosOptions): void {
    const options = resolveChaos(given);
    const number = this.plans;
    this.plans += 1;
    const { world } = this;
    world.plan(world.now, () => {
      for (const host of options.hosts ?? []) world.network.named(host);
      for (const fault of planFaults(world.seed, number, options, world.network.names)) {
        const index = this.planned.push(fault) - 1;
        if (!this.omitted.has(index)) world.plan(fault.atMs, () => this.inflict(fault));
      }
    });
  }

  private inflict(fault: Fault): void {
    const end = this.begin(fault);
    if (end === undefined) return;
    this.world.fault('', faultText(fault));
    this.world.plan(fault.atMs + fault.forMs, () => {
      if (fault.forMs > 0) this.world.fault('', `the end of: ${faultText(fault)}`);
      end();
    });
  }

  /** Returns what ends it; `undefined` if another fault has hit there already. */
  private begin(fault: Fault): (() => void) | undefined {
    const { network } = this.world;
    const host = network.named(fault.host);
    const other = network.named(fault.other ?? fault.host);
    switch (fault.kind) {
      case 'crash':
      case 'stop':
        if (!host.isRunning) return undefined;
        if (fault.kind === 'crash') host.crash();
        else host.stop();
        return () => host.start();
      case 'freeze':
        host.freeze();
        return () => host.thaw();
      case 'reset':
        network.reset(host.name, other.name);
        return () => {};
      case 'slow': {
        const by = new Latency({ minMs: 0, maxMs: fault.byMs ?? 0 });
        const paths = network.bothWays(host.name, other.name);
        for (const path of paths) path.slow(by);
        return () => {
          for (const path of paths) path.slow(undefined);
        };
      }
      case 'partition': {
        const { isOneWay = false } = fault;
        const paths = isOneWay
          ? network.pathsFrom(host.name, other.name)
          : network.bothWays(host.name, other.name);
        const undos = paths.map((path) => path.cut(false));
        return () => {
          for (const undo of undos) undo();
        };
      }
    }
  }
}
