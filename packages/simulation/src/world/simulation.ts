import type { Timer } from '@headrace/core';
import {
  checkNumber,
  describeOptions,
  flag,
  number,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import type { ClockFault } from '../host/machine-clock.ts';
import type { HostProgram, SimulatedHost } from '../host/simulated-host.ts';
import { Latency, type LatencyOptions } from '../network/latency.ts';
import type { NetworkPath } from '../network/network-path.ts';
import { SimulatedLink } from '../network/simulated-link.ts';
import { SimulationError } from '../simulation-error.ts';
import { resolveTcpSettings, type TcpSettings } from '../tcp/tcp-settings.ts';
import { FaultInjector } from './fault-injector.ts';
import type { ChaosOptions, Fault } from './fault-plan.ts';
import type { HostNames } from './simulated-network.ts';
import type { SimulationTrace } from './simulation-trace.ts';
import { SimulationWorld } from './simulation-world.ts';

/** Options of a {@link Simulation}. */
export interface SimulationOptions {
  /** The seed of all random choices: the same seed, the same run. A whole number, at least 0. */
  readonly seed: number;
  /** Of links that set none. @default 1 ms */
  readonly latency?: LatencyOptions;
  /** Each end's send buffer and receive buffer, in bytes, of links that set none. @default 131072 */
  readonly bufferBytes?: number;
  /** Part of the segments that arrive in two pieces, cut at any byte. @default 0.05 */
  readonly cutShare?: number;
  /** How the kernels do TCP. @default as Linux */
  readonly tcp?: TcpSettings;
  /** How many entries of the trace are kept; the hash covers all. @default 10000 */
  readonly traceLimit?: number;
  /** Faults of `chaos` that are left out, by their place in `faults`: how `explore` finds those that matter. @default none */
  readonly omit?: ReadonlySet<number>;
}

const OPTIONS = describeOptions('Simulation', {
  seed: whole({ max: Number.MAX_SAFE_INTEGER, required: true }),
  latency: unchecked({ default: { minMs: 1 } }),
  bufferBytes: whole({ min: 1, default: 128 * 1024 }),
  cutShare: number({ max: 1, default: 0.05 }),
  tcp: unchecked({ default: {} }),
  traceLimit: whole({ min: 1, default: 10_000 }),
  omit: unchecked({ default: new Set<number>() }),
});
const RUN = describeOptions('run', { untilMs: unchecked({ required: true }) });
const PARTITION = describeOptions('partition', {
  oneWay: flag({ default: false }),
  answered: flag({ default: false }),
});

/** How long a run is. */
export interface SimulationRunOptions {
  /** Virtual time at which it stops, in milliseconds from the beginning. */
  readonly untilMs: number;
}

/** How a partition looks from inside. */
export interface PartitionOptions {
  /** Only what the first sends to the second is lost. @default false */
  readonly oneWay?: boolean;
  /**
   * Routers answer that the host cannot be reached: a connect fails at once with `EHOSTUNREACH`. Without it segments
   * vanish, and connects time out. @default false
   */
  readonly answered?: boolean;
}

/**
 * A network of hosts in one process, in virtual time, from one seed: machines that crash, cables that are cut, links
 * that are slow, clocks that run ahead. The same seed gives the same run, bit by bit, on every version of Node.
 *
 * The program of a host uses what its host offers: `host.options` for bootstraps and channels, `network: host` as the
 * place, `random: host.random` for handlers. A call that would leave the simulation (`Date.now`, `setTimeout`,
 * `Math.random`, a socket) throws and names itself.
 *
 * TCP keeps its promises: bytes arrive once and in order, or the connection breaks, by what breaks it in life.
 *
 * @example
 * ```ts
 * const sim = new Simulation({ seed: 7 });
 * sim.host('server', async (host) => {
 *   await new ServerBootstrap()
 *     .childOptions(host.options)
 *     .childHandler((channel) => channel.pipeline.addLast(new EchoHandler()))
 *     .bind({ network: host, port: 7 });
 * });
 * sim.host('client', async (host) => {
 *   const channel = await new Bootstrap()
 *     .options(host.options)
 *     .handler((channel) => channel.pipeline.addLast(new Printer()))
 *     .connect({ network: host, host: 'server', port: 7 });
 *   channel.writeAndFlush(Buffer.from('hello'));
 * });
 * sim.link('client', 'server').latency({ minMs: 1, maxMs: 20 });
 * sim.at(5_000, () => sim.partition('client', 'server'));
 * sim.at(9_000, () => sim.repair('client', 'server'));
 * await sim.run({ untilMs: 60_000 });
 * ```
 * @see tokio's turmoil, TigerBeetle's VOPR and FoundationDB's simulator, which showed how much this finds
 */
export class Simulation {
  private readonly world: SimulationWorld;
  private readonly injector: FaultInjector;
  private isRunning = false;
  private hasRun = false;

  constructor(options: SimulationOptions) {
    const { latency, bufferBytes, tcp, omit, ...given } = OPTIONS.resolve(options);
    const world = new SimulationWorld({
      ...given,
      settings: resolveTcpSettings(tcp),
      paths: { latency: new Latency(latency), bufferBytes },
    });
    this.world = world;
    this.injector = new FaultInjector(world, omit);
  }

  /** The seed, of which all that is random follows. */
  get seed(): number {
    return this.world.seed;
  }

  /** The trace of the events so far. */
  get trace(): SimulationTrace {
    return this.world.trace;
  }

  // --- the network ---

  /**
   * A machine with a program, which starts when the simulation runs; returns its host.
   *
   * @param program - called at each start; an error that it throws fails the run
   */
  host(name: string, program: HostProgram): SimulatedHost {
    const host = this.world.network.add(name, program);
    host.start();
    return host;
  }

  /** Both directions between two hosts. */
  link(a: HostNames, b: HostNames): SimulatedLink {
    return new SimulatedLink(this.world.network.bothWays(a, b));
  }

  /** One direction. */
  path(from: HostNames, to: HostNames): SimulatedLink {
    return new SimulatedLink(this.world.network.pathsFrom(from, to));
  }

  // --- faults ---

  /**
   * Does something at a time of the simulation.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a time
   */
  at(atMs: number, action: () => void): Timer {
    const { loop } = this.world;
    return loop.plan(checkNumber('atMs', atMs), () => {
      loop.noteCode();
      action();
    });
  }

  /** The power of a machine fails: memory, timers and connections are gone; no peer is notified. */
  crash(host: string): void {
    this.hit(host, 'crash').crash();
  }

  /** A process ends, as by SIGKILL: its kernel ends its connections. */
  stop(host: string): void {
    this.hit(host, 'stop').stop();
  }

  /** Starts a host that was crashed or stopped; its program is called again. */
  restart(host: string): void {
    this.hit(host, 'restart').start();
  }

  /** A process stands still, as by SIGSTOP; its kernel goes on. */
  freeze(host: string): void {
    this.hit(host, 'freeze').freeze();
  }

  /** A frozen process goes on: tasks that became due meanwhile run now. */
  thaw(host: string): void {
    this.hit(host, 'thaw').thaw();
  }

  /** The clock of a host goes wrong. */
  setClock(host: string, fault: ClockFault): void {
    this.hit(host, `clock ${JSON.stringify(fault)}`).setClock(fault);
  }

  /** Nothing comes through between these hosts any more; segments on their way are lost. */
  partition(a: HostNames, b: HostNames, options: PartitionOptions = {}): void {
    const { oneWay, answered } = PARTITION.resolve(options);
    for (const path of this.hitLink('partition', a, b, oneWay)) path.cut(answered);
  }

  /** Takes back every partition between these hosts. */
  repair(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('repair', a, b)) path.repair();
  }

  /** Keeps what is sent between these hosts until `release`: nothing is lost. */
  hold(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('hold', a, b)) path.hold();
  }

  /** Sends on what `hold` has kept between these hosts. */
  release(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('release', a, b)) path.release();
  }

  /** A box between these hosts resets all their connections. */
  reset(a: string, b: string): void {
    this.world.fault('', `reset ${a} | ${b}`);
    this.world.network.reset(a, b);
  }

  /** Plans faults by chance, for the hosts that there are when the simulation runs. */
  chaos(options: ChaosOptions): void {
    this.injector.plan(options);
  }

  /** The faults that `chaos` has planned, once the simulation runs. */
  get faults(): readonly Fault[] {
    return this.injector.planned;
  }

  // --- running ---

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.world.now;
  }

  /**
   * Runs until a virtual time. Between two events all promises that can go on do. Rejects with what a program did not
   * catch, and with calls that leave the simulation.
   *
   * @throws SimulationError
   */
  async run(options: SimulationRunOptions): Promise<void> {
    const { untilMs } = RUN.resolve(options);
    checkNumber('untilMs', untilMs, { min: this.now, max: Number.MAX_SAFE_INTEGER });
    if (this.isRunning) throw new SimulationError('the simulation runs already');
    this.world.checks.throwIfFailed();
    this.isRunning = true;
    this.hasRun = true;
    const endWatch = this.world.beginWatch();
    try {
      await this.world.loop.runUntil(untilMs);
    } finally {
      endWatch();
      this.isRunning = false;
    }
  }

  /**
   * Lets everything happen by itself from now on, as fast as it can, for a test that knows nothing about a simulation and
   * awaits what it does, such as `describeTransport`. No call is forbidden then.
   */
  runFreely(): void {
    this.hasRun = true;
    this.world.loop.runFreely();
  }

  /**
   * Checks the invariants of every simulation, after its run. It repairs everything, resets all
   * connections, and lets `settleMs` pass in which no connection can be made. Then it checks that
   * every channel is closed, every write future has settled, and everything given to {@link watch}
   * is 0.
   *
   * @param settleMs - @default 120000
   * @throws SimulationError
   */
  async verify(settleMs: number = 120_000): Promise<void> {
    this.checkHasRun();
    const { world } = this;
    world.network.endAll();
    world.fault('', 'the end: all connections are reset, and no others can be made');
    world.checks.beginSettling();
    await this.run({ untilMs: this.now + settleMs });
    world.checks.verify(this.now);
  }

  /**
   * A number that has to be 0 once all connections are gone: the size of a group, a counter of what is under way.
   *
   * @param host - counts as long as this process lives
   */
  watch(host: SimulatedHost, name: string, count: () => number): void {
    this.world.checks.watch(host.currentProcess, name, count);
  }

  /** @internal */
  checkHasRun(): void {
    const what = this.isRunning ? 'is still running' : 'has not run';
    if (this.isRunning || !this.hasRun) {
      throw new SimulationError(`the simulation ${what}: a scenario has to await sim.run()`);
    }
  }

  /** Notes the fault of a host. */
  private hit(host: string, what: string): SimulatedHost {
    this.world.fault(host, what);
    return this.world.network.named(host);
  }

  /** Notes the fault of what lies between hosts. */
  private hitLink(what: string, a: HostNames, b: HostNames, isOneWay = false): NetworkPath[] {
    const { network } = this.world;
    this.world.fault('', `${what} ${listOf(a)} ${isOneWay ? '→' : '|'} ${listOf(b)}`);
    return isOneWay ? network.pathsFrom(a, b) : network.bothWays(a, b);
  }
}

function listOf(names: HostNames): string {
  return [names].flat().join(', ');
}
