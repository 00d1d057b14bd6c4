import type { Buffer } from 'node:buffer';
import { ChannelCore } from '../../channel/channel-core.ts';
import type { Timer } from '../../contract.ts';
import { toError } from '../../errors.ts';
import { checkNumber } from '../../internal/option-check.ts';
import { flag, number, unchecked, whole } from '../../internal/option-kind.ts';
import { describeOptions } from '../../internal/option-set.ts';
import type { TransportSink } from '../../transport/transport.ts';
import { EventQueue } from './event-queue.ts';
import { FaultInjector } from './fault-injector.ts';
import type { ChaosOptions, Fault } from './fault-plan.ts';
import { forbidCalls, isCallOfSystem } from './forbidden-calls.ts';
import { Latency, type LatencyOptions } from './latency.ts';
import type { ClockFault } from './machine-clock.ts';
import type { NetworkPath } from './network-path.ts';
import { takeProcessErrors } from './process-errors.ts';
import { beginRun, runCode, runningCode } from './running-code.ts';
import { SeededRandom } from './seeded-random.ts';
import { type HostProgram, SimulatedHost } from './simulated-host.ts';
import { SimulatedLink } from './simulated-link.ts';
import { type HostNames, SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulationChecks } from './simulation-checks.ts';
import { SimulationError } from './simulation-error.ts';
import { SimulationTrace } from './simulation-trace.ts';
import { type ResolvedTcpSettings, resolveTcpSettings, type TcpSettings } from './tcp-settings.ts';

/** Options of a {@link Simulation}. */
export interface SimulationOptions {
  /** What all chance follows from: the same seed, the same run. A whole number, at least 0. */
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
export interface RunOptions {
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

/** Events of one instant after which the time is taken to stand still. */
const LONGEST_INSTANT = 1_000_000;

// The real one: inside a run it is forbidden to programs.
const nextTurn = setImmediate;

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
  // It is the `HostWorld` of its hosts by members that the published types do not have.
  readonly seed: number;
  readonly trace: SimulationTrace;
  readonly settings: ResolvedTcpSettings;
  private readonly queue = new EventQueue();
  private readonly network: SimulatedNetwork;
  private readonly injector: FaultInjector;
  private readonly cutShare: number;
  private readonly cuts: SeededRandom;
  private readonly checks = new SimulationChecks();
  private nowMs = 0;
  private hasRunCode = false;
  private isRunning = false;
  private hasRun = false;
  private isFree = false;
  private isGoingOn = false;

  constructor(options: SimulationOptions) {
    const { seed, bufferBytes, cutShare, traceLimit, ...given } = OPTIONS.resolve(options);
    this.seed = seed;
    const latency = new Latency(given.latency);
    this.network = new SimulatedNetwork(this, this.seed, { latency, bufferBytes });
    const note = (what: string) => this.fault('', what);
    this.injector = new FaultInjector(this.network, this, this.seed, given.omit, note);
    this.cutShare = cutShare;
    this.settings = resolveTcpSettings(given.tcp);
    this.trace = new SimulationTrace(traceLimit);
    this.cuts = new SeededRandom(this.seed, 'cuts');
  }

  // --- the network ---

  /**
   * A machine with a program, which starts when the simulation runs; returns its host.
   *
   * @param program - called at each start; what it throws fails the run
   */
  host(name: string, program: HostProgram): SimulatedHost {
    const { hosts, nextAddress } = this.network;
    if (hosts.has(name)) throw new SimulationError(`there is a host ${name} already`);
    const host = new SimulatedHost(name, nextAddress, program, this);
    hosts.set(name, host);
    host.start();
    return host;
  }

  /** Both directions between two hosts. */
  link(a: HostNames, b: HostNames): SimulatedLink {
    return new SimulatedLink(this.network.bothWays(a, b));
  }

  /** One direction. */
  path(from: HostNames, to: HostNames): SimulatedLink {
    return new SimulatedLink(this.network.pathsFrom(from, to));
  }

  // --- faults ---

  /** Does something at a time of the simulation. */
  at(atMs: number, action: () => void): Timer {
    return this.plan(checkNumber('atMs', atMs), () => {
      this.hasRunCode = true;
      action();
    });
  }

  /** The power of a machine goes: memory, timers and connections are gone, and nobody is told. */
  crash(host: string): void {
    this.fault(host, 'crash');
    this.network.named(host).crash();
  }

  /** A process ends, as by SIGKILL: its kernel ends its connections. */
  stop(host: string): void {
    this.fault(host, 'stop');
    this.network.named(host).stop();
  }

  /** Starts a host that was crashed or stopped; its program is called again. */
  restart(host: string): void {
    this.fault(host, 'restart');
    this.network.named(host).start();
  }

  /** A process stands still, as by SIGSTOP; its kernel goes on. */
  freeze(host: string): void {
    this.fault(host, 'freeze');
    this.network.named(host).freeze();
  }

  /** A frozen process goes on: what became due meanwhile happens now. */
  thaw(host: string): void {
    this.fault(host, 'thaw');
    this.network.named(host).thaw();
  }

  /** The clock of a host goes wrong. */
  setClock(host: string, fault: ClockFault): void {
    this.fault(host, `clock ${JSON.stringify(fault)}`);
    this.network.named(host).setClock(fault);
  }

  /** Nothing comes through between these hosts any more; what is on its way is lost. */
  partition(a: HostNames, b: HostNames, options: PartitionOptions = {}): void {
    const { oneWay, answered } = PARTITION.resolve(options);
    this.fault('', `partition ${listOf(a)} ${oneWay ? '→' : '|'} ${listOf(b)}`);
    const paths = oneWay ? this.network.pathsFrom(a, b) : this.network.bothWays(a, b);
    for (const path of paths) path.cut(answered);
  }

  /** Takes back every partition between these hosts. */
  repair(a: HostNames, b: HostNames): void {
    this.fault('', `repair ${listOf(a)} | ${listOf(b)}`);
    for (const path of this.network.bothWays(a, b)) path.repair();
  }

  /** Keeps what is sent between these hosts until `release`: nothing is lost. */
  hold(a: HostNames, b: HostNames): void {
    this.fault('', `hold ${listOf(a)} | ${listOf(b)}`);
    for (const path of this.network.bothWays(a, b)) path.hold();
  }

  release(a: HostNames, b: HostNames): void {
    this.fault('', `release ${listOf(a)} | ${listOf(b)}`);
    for (const path of this.network.bothWays(a, b)) path.release();
  }

  /** A box between these hosts resets all their connections. */
  reset(a: string, b: string): void {
    this.fault('', `reset ${a} | ${b}`);
    this.network.named(a).resetConnections(this.network.named(b));
    this.network.named(b).resetConnections(this.network.named(a));
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
    return this.nowMs;
  }

  /**
   * Runs until a virtual time. Between two events all promises that can go on do. Rejects with what a program did not
   * catch, and with calls that leave the simulation.
   *
   * @throws SimulationError
   */
  async run(options: RunOptions): Promise<void> {
    const { untilMs } = RUN.resolve(options);
    checkNumber('untilMs', untilMs, { min: this.nowMs, max: Number.MAX_SAFE_INTEGER });
    if (this.isRunning) throw new SimulationError('the simulation runs already');
    this.checks.throwIfFailed();
    this.isRunning = true;
    this.hasRun = true;
    const end = this.begin();
    try {
      await this.runEvents(untilMs);
      this.nowMs = untilMs;
    } finally {
      end();
      this.isRunning = false;
    }
  }

  /**
   * Lets everything happen by itself from now on, as fast as it can, for a test that knows nothing of a simulation and
   * awaits what it does, such as `describeTransport`. No call is forbidden then.
   */
  runFreely(): void {
    this.isFree = true;
    this.hasRun = true;
    this.goOnFreely();
  }

  /**
   * What every simulation has to hold, after its run: repairs everything, resets all connections, lets `settleMs` pass
   * in which no connection can be made, and then looks whether every channel is closed, every write future has settled,
   * and everything given to {@link watch} is 0.
   *
   * @param settleMs - @default 120000
   * @throws SimulationError
   */
  async verify(settleMs: number = 120_000): Promise<void> {
    this.checkHasRun();
    for (const path of this.network.paths.values()) {
      path.repair();
      path.slow(undefined);
      path.release();
    }
    for (const host of this.network.hosts.values()) {
      host.thaw();
      host.isolate();
    }
    this.fault('', 'the end: all connections are reset, and no others can be made');
    this.checks.beginSettling();
    await this.run({ untilMs: this.nowMs + settleMs });
    this.checks.verify(this.nowMs);
  }

  /**
   * A number that has to be 0 once all connections are gone: the size of a group, a counter of what is under way.
   *
   * @param host - counts as long as this process lives
   */
  watch(host: SimulatedHost, name: string, count: () => number): void {
    this.checks.watch(host.currentProcess, name, count);
  }

  // --- for hosts ---

  /** @internal */
  checkHasRun(): void {
    const what = this.isRunning ? 'is still running' : 'has not run';
    if (this.isRunning || !this.hasRun) {
      throw new SimulationError(`the simulation ${what}: a scenario has to await sim.run()`);
    }
  }

  /** @internal */
  plan(atMs: number, task: () => void): Timer {
    if (Number.isNaN(atMs)) throw new SimulationError('something was to happen at NaN ms');
    if (this.isFree) this.goOnFreely();
    return this.queue.add(Math.max(atMs, this.nowMs), task);
  }

  /** @internal */
  enter(process: SimulatedProcess, task: () => void): void {
    this.hasRunCode = true;
    runCode({ owner: this, process }, () => {
      try {
        task();
      } catch (error) {
        this.failed(process.hostName, error);
      }
    });
  }

  /** @internal */
  opened(process: SimulatedProcess, sink: TransportSink): (() => void) | undefined {
    return sink instanceof ChannelCore ? this.checks.add(process, sink) : undefined;
  }

  /** @internal */
  pathBetween(from: SimulatedHost, to: SimulatedHost): NetworkPath {
    return this.network.pathBetween(from, to);
  }

  /** @internal */
  hostAt(nameOrAddress: string): SimulatedHost | undefined {
    return this.network.at(nameOrAddress);
  }

  /** @internal */
  cutAt(bytes: number): number {
    if (bytes < 2 || this.cutShare === 0 || this.cuts.next() >= this.cutShare) return bytes;
    return this.cuts.integer(1, bytes - 1);
  }

  /** @internal */
  sent(host: string, to: string, what: string, payload?: Buffer, arrivesMs?: number): void {
    const arrival = arrivesMs === undefined ? {} : { arrivesMs };
    this.trace.add({ atMs: this.nowMs, kind: 'sent', host, to, what, ...arrival }, payload);
  }

  /** @internal */
  lost(host: string, to: string, what: string): void {
    this.trace.add({ atMs: this.nowMs, kind: 'lost', host, to, what: `lost: ${what}` });
  }

  /** @internal */
  note(host: string, text: string): void {
    this.trace.add({ atMs: this.nowMs, kind: 'note', host, what: this.checks.withoutIds(text) });
  }

  /** @internal */
  failed(host: string, error: unknown): void {
    if (this.currentProcess?.isAlive === false) return;
    const { message } = toError(error);
    this.note(host, `FAILED: ${message}`);
    this.checks.failed(
      error instanceof SimulationError
        ? error
        : new SimulationError(
            `at ${this.nowMs.toFixed(1)} ms an error reached ${host === '' ? 'the scenario' : `the process of host ${host}`}: ${message}`,
            { cause: error },
          ),
    );
  }

  // --- inside ---

  private begin(): () => void {
    const endRun = beginRun();
    const unforbid = forbidCalls((call, instead) => this.forbidden(call, instead));
    const restoreErrors = takeProcessErrors((error) => this.processFailed(error));
    const unwatch = this.checks.watchFutures(() => this.currentProcess);
    return () => {
      endRun();
      unwatch();
      restoreErrors();
      unforbid();
    };
  }

  private get currentProcess(): SimulatedProcess | undefined {
    const code = runningCode();
    return code?.owner === this ? code.process : undefined;
  }

  /** Where several simulations run at once, an error belongs to the one whose code it is; else to all. */
  private processFailed(error: unknown): void {
    const code = runningCode();
    if (code !== undefined && code.owner !== this) return;
    this.failed(code?.process?.hostName ?? '', error);
  }

  private forbidden(call: string, instead: string): void {
    const code = runningCode();
    if (code?.owner !== this || isCallOfSystem()) return;
    const who = code.process === undefined ? 'the scenario' : `host ${code.process.hostName}`;
    const error = new SimulationError(
      `${who} called ${call}, which the seed does not decide: use ${instead}`,
    );
    this.checks.failed(error);
    throw error;
  }

  private async runEvents(untilMs: number): Promise<void> {
    const { queue } = this;
    let sameInstant = 0;
    for (let event = queue.first(); event !== undefined && event.atMs <= untilMs; ) {
      queue.dropFirst();
      sameInstant = event.atMs > this.nowMs ? 0 : sameInstant + 1;
      if (sameInstant > LONGEST_INSTANT) throw this.standsStill();
      this.nowMs = Math.max(this.nowMs, event.atMs);
      const { task } = event;
      event.task = undefined;
      runCode({ owner: this, process: undefined }, task!);
      if (this.hasRunCode) {
        this.hasRunCode = false;
        // Promises, and what they lead to, go on until nothing is left to run.
        await new Promise<void>((resolve) => nextTurn(resolve));
      }
      this.checks.throwIfFailed();
      event = queue.first();
    }
  }

  private goOnFreely(): void {
    if (this.isGoingOn) return;
    this.isGoingOn = true;
    nextTurn(() => {
      this.isGoingOn = false;
      const event = this.queue.first();
      if (event === undefined) return;
      this.queue.dropFirst();
      this.nowMs = Math.max(this.nowMs, event.atMs);
      const { task } = event;
      event.task = undefined;
      task?.();
      this.checks.throwIfFailed();
      this.goOnFreely();
    });
  }

  private standsStill(): SimulationError {
    return new SimulationError(
      `the time stands still at ${this.nowMs} ms: ${LONGEST_INSTANT} events happened there`,
    );
  }

  private fault(host: string, what: string): void {
    this.trace.add({ atMs: this.nowMs, kind: 'fault', host, what });
  }
}

function listOf(names: HostNames): string {
  return [names].flat().join(', ');
}
