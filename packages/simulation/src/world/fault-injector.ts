import { Latency } from '../network/latency.ts';
import {
  type ChaosOptions,
  type Fault,
  faultText,
  planFaults,
  resolveChaos,
} from './fault-plan.ts';
import type { SimulationWorld } from './simulation-world.ts';

/** Plans random faults, starts them, and ends them. */
export class FaultInjector {
  /** All planned faults, including the omitted faults. */
  readonly planned: Fault[] = [];
  private readonly world: SimulationWorld;
  private readonly omitted: ReadonlySet<number>;
  private plans = 0;
  /** The hosts of the active freezes. Faults can overlap. */
  private readonly freezes: string[] = [];

  /** @param omitted - indexes in `planned` of the faults that do not happen */
  constructor(world: SimulationWorld, omitted: ReadonlySet<number>) {
    this.world = world;
    this.omitted = omitted;
  }

  /** Plans faults when the simulation next runs, because all hosts exist then. */
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

  /** Starts a fault. Returns a function that ends it, or `undefined` if the host of a crash or stop is already down. */
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
        this.freezes.push(host.name);
        host.freeze();
        return () => {
          this.freezes.splice(this.freezes.indexOf(host.name), 1);
          if (!this.freezes.includes(host.name)) host.thaw();
        };
      case 'reset':
        network.reset(host.name, other.name);
        return () => {};
      case 'slow': {
        const by = new Latency({ minMs: 0, maxMs: fault.byMs ?? 0 });
        const paths = network.bothWays(host.name, other.name);
        const undos = paths.map((path) => path.slow(by));
        return () => {
          for (const undo of undos) undo();
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
