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
  /** Seed of all random choices, a whole number of at least 0. The same seed gives the same run. */
  readonly seed: number;
  /** Latency of links that set none. @default 1 ms */
  readonly latency?: LatencyOptions;
  /** Size of each end's send buffer and receive buffer, in bytes, for links that set none. @default 131072 */
  readonly bufferBytes?: number;
  /** Share of the segments that arrive in two pieces, cut at any byte. @default 0.05 */
  readonly cutShare?: number;
  /** TCP settings of the kernels. @default Linux's values */
  readonly tcp?: TcpSettings;
  /** Minimum number of last entries that the trace keeps. The hash covers all entries. @default 10000 */
  readonly traceLimit?: number;
  /**
   * Faults of `chaos` to omit, by their index in `faults`. `explore` uses this option to find the faults that cause a
   * failure.
   * @default none
   */
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

/** The length of a run. */
export interface SimulationRunOptions {
  /** Virtual time at which the run stops, in milliseconds since the start. */
  readonly untilMs: number;
}

/** Time in which a connection must be read, after all faults are repaired, in milliseconds. */
const READ_WITHIN_MS = 60_000;
/** Time between two looks at connections that are not read, in milliseconds. */
const POLL_INTERVAL_MS = 1000;

/** The direction of a partition, and its effect on senders. */
export interface PartitionOptions {
  /** Whether only the bytes from the first hosts to the second hosts are lost. @default false */
  readonly oneWay?: boolean;
  /**
   * Whether routers report that the host cannot be reached. If true, a connect fails at once with `EHOSTUNREACH`. If false,
   * segments vanish, and connects time out.
   * @default false
   */
  readonly answered?: boolean;
}

/**
 * A network of hosts in one process, in virtual time, from one seed. Machines can crash, cables can be cut, links can be
 * slow, and clocks can be wrong. The same seed gives the same run, bit by bit, on every version of Node.
 *
 * The program of a host uses the features of its host: `host.options` for bootstraps and channels, `network: host` as the
 * place, `random: host.random` for handlers. A call that would leave the simulation (`Date.now`, `setTimeout`, `Math.random`,
 * a socket) throws an error that names the call.
 *
 * TCP works as on a real network: bytes arrive once and in order, or the connection breaks.
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
 * @see tokio's turmoil, TigerBeetle's VOPR and FoundationDB's simulator, which inspired this class
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

  /** The seed of all random choices. */
  get seed(): number {
    return this.world.seed;
  }

  get trace(): SimulationTrace {
    return this.world.trace;
  }

  // --- the network ---

  /**
   * Adds a machine with a program, which starts when the simulation runs. Returns its host.
   *
   * @param program - called at each start; an error that it throws fails the run
   */
  host(name: string, program: HostProgram): SimulatedHost {
    const host = this.world.network.add(name, program);
    host.start();
    return host;
  }

  /** Returns both directions between two hosts. */
  link(a: HostNames, b: HostNames): SimulatedLink {
    return new SimulatedLink(this.world.network.bothWays(a, b));
  }

  /** Returns one direction between two hosts. */
  path(from: HostNames, to: HostNames): SimulatedLink {
    return new SimulatedLink(this.world.network.pathsFrom(from, to));
  }

  // --- faults ---

  /**
   * Runs an action at a time of the simulation.
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

  /** Simulates a power failure of a machine. Memory, timers and connections are lost, and no peer is notified. */
  crash(host: string): void {
    this.hit(host, 'crash').crash();
  }

  /** Ends a process, as SIGKILL does. The kernel ends the process's connections. */
  stop(host: string): void {
    this.hit(host, 'stop').stop();
  }

  /** Starts a host that was crashed or stopped, and calls its program again. */
  restart(host: string): void {
    this.hit(host, 'restart').start();
  }

  /** Freezes a process, as SIGSTOP does. The kernel continues. */
  freeze(host: string): void {
    this.hit(host, 'freeze').freeze();
  }

  /** Continues a frozen process. Tasks that became due during the freeze run now. */
  thaw(host: string): void {
    this.hit(host, 'thaw').thaw();
  }

  setClock(host: string, fault: ClockFault): void {
    this.hit(host, `clock ${JSON.stringify(fault)}`).setClock(fault);
  }

  /** Cuts the connection between these hosts. Segments on their way are lost. */
  partition(a: HostNames, b: HostNames, options: PartitionOptions = {}): void {
    const { oneWay, answered } = PARTITION.resolve(options);
    for (const path of this.hitLink('partition', a, b, oneWay)) path.cut(answered);
  }

  /** Removes every partition between these hosts. */
  repair(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('repair', a, b)) path.repair();
  }

  /** Holds the segments between these hosts until `release`. No segment is lost. */
  hold(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('hold', a, b)) path.hold();
  }

  /** Releases the segments that `hold` has kept between these hosts. */
  release(a: HostNames, b: HostNames): void {
    for (const path of this.hitLink('release', a, b)) path.release();
  }

  /** Resets all connections between these hosts, as a device between them would do. */
  reset(a: string, b: string): void {
    this.world.fault('', `reset ${a} | ${b}`);
    this.world.network.reset(a, b);
  }

  /** Plans random faults for the hosts that exist when the simulation runs. */
  chaos(options: ChaosOptions): void {
    this.injector.plan(options);
  }

  /** The faults that `chaos` has planned. The list is empty before the simulation runs. */
  get faults(): readonly Fault[] {
    return this.injector.planned;
  }

  // --- running ---

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.world.now;
  }

  /**
   * Runs until a virtual time. Between two events, all promises that are ready continue. Rejects if a program does not catch
   * an error, or makes a call that would leave the simulation.
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
   * Runs all events without further calls from now on, as fast as possible. Use it for a test that awaits its own work and is
   * not written for a simulation, such as `describeTransport`. No call is forbidden in this mode.
   */
  runFreely(): void {
    this.hasRun = true;
    this.world.loop.runFreely();
  }

  /**
   * Checks the invariants of every simulation, after its run. First repairs all faults, and checks that every open connection is
   * read within a minute, unless its holder was named to {@link mayHold}. Then resets all connections, and waits for `settleMs`,
   * during which no connection can be made. Then checks that every channel is closed, every write future has settled, and every
   * number given to {@link watch} is 0.
   *
   * @param settleMs - @default 120000
   * @throws SimulationError
   */
  async verify(settleMs: number = 120_000): Promise<void> {
    this.checkHasRun();
    const { world } = this;
    world.network.repairAll();
    await this.verifyReads();
    world.network.isolateAll();
    world.fault('', 'the end: all connections are reset, and no others can be made');
    world.checks.beginSettling();
    await this.run({ untilMs: this.now + settleMs });
    world.checks.verify(this.now);
  }

  /**
   * Adds a number that must be 0 after all connections have ended, for example the size of a group.
   *
   * @param host - host of the number; the number is not checked after the end of the host's current process
   */
  watch(host: SimulatedHost, name: string, count: () => number): void {
    this.world.checks.watch(host.currentProcess, name, count);
  }

  /**
   * Names a holder that may hold the reads of a connection for longer than a minute, as in `channel.readHolds`. For a channel
   * whose auto-read is off and whose input nobody requests, the name is `autoRead`.
   */
  mayHold(why: string): void {
    this.world.checks.mayHold.add(why);
  }

  /** Waits until each connection that is not read now was read once or has closed. */
  private async verifyReads(): Promise<void> {
    const { checks } = this.world;
    const untilMs = this.now + READ_WITHIN_MS;
    let unread = checks.unread();
    while (unread.length > 0 && this.now < untilMs) {
      await this.run({ untilMs: this.now + POLL_INTERVAL_MS });
      unread = unread.filter((one) => one.isStillUnread);
    }
    checks.verifyRead(unread, this.now, READ_WITHIN_MS);
  }

  /** @internal */
  checkHasRun(): void {
    const what = this.isRunning ? 'is still running' : 'has not run';
    if (this.isRunning || !this.hasRun) {
      throw new SimulationError(`the simulation ${what}: a scenario has to await sim.run()`);
    }
  }

  /** Records the fault of a host in the trace. */
  private hit(host: string, what: string): SimulatedHost {
    this.world.fault(host, what);
    return this.world.network.named(host);
  }

  /** Records the fault of a link in the trace. */
  private hitLink(what: string, a: HostNames, b: HostNames, isOneWay = false): NetworkPath[] {
    const { network } = this.world;
    this.world.fault('', `${what} ${listOf(a)} ${isOneWay ? '→' : '|'} ${listOf(b)}`);
    return isOneWay ? network.pathsFrom(a, b) : network.bothWays(a, b);
  }
}

function listOf(names: HostNames): string {
  return [names].flat().join(', ');
}
