import { Buffer } from 'node:buffer';
import {
  type Address,
  type Clock,
  type DatagramNetwork,
  type DatagramPlace,
  type DatagramSettings,
  type DatagramSocket,
  type Listener,
  type Logger,
  type LogLevel,
  MemoryTransport,
  type NetworkSocketOptions,
  type PortNetwork,
  type Transport,
} from '@headrace/core';
import { isOwnFault, systemError } from '@headrace/core/authoring';
import { SeededRandom } from '@headrace/core/testing';
import type { NetworkPath } from '../network/network-path.ts';
import { SimulationError } from '../simulation-error.ts';
import type { KeepAlive } from '../tcp/keep-alive-probes.ts';
import { TcpEnd, type TcpKernel } from '../tcp/tcp-end.ts';
import { KEEP_ALIVE_IDLE_MS, type ResolvedTcpSettings } from '../tcp/tcp-settings.ts';
import { UdpPorts } from '../udp/udp-ports.ts';
import { isMulticast, UdpSocket } from '../udp/udp-socket.ts';
import { type ClockFault, MachineClock } from './machine-clock.ts';
import { runningCode } from './running-code.ts';
import { SimulatedPort } from './simulated-port.ts';
import { type ProcessWorld, SimulatedProcess } from './simulated-process.ts';

/** The program of a host, which is called at the start of the simulation and after each restart. */
export type HostProgram = (host: SimulatedHost) => unknown;

/** The part of the simulation that a host uses. */
export interface HostWorld extends ProcessWorld {
  readonly settings: ResolvedTcpSettings;
  pathBetween(from: SimulatedHost, to: SimulatedHost): NetworkPath;
  hostAt(nameOrAddress: string): SimulatedHost | undefined;
  allHosts(): Iterable<SimulatedHost>;
  cutAt(bytes: number): number;
  sent(from: string, to: string, what: string, payload?: Buffer, arrivesMs?: number): void;
  lost(from: string, to: string, what: string): void;
  note(host: string, text: string): void;
  failed(host: string, error: unknown): void;
}

/** Linux's values, for a program that sets no idle time. */
const SYSTEM_PROBES = { intervalMs: 75_000, count: 9 };
const FIRST_FREE_PORT = 32_768;

/**
 * A machine of a simulation, with the program that runs on it. The host replaces the system for its program: it provides
 * time, random numbers, ports, connections and a log.
 */
export class SimulatedHost implements PortNetwork, DatagramNetwork {
  /** Name of the host in the network. */
  readonly name: string;
  /** IP address of the host, starting with `10.0.0.1`. Programs can use the name instead. */
  readonly address: string;
  private readonly world: HostWorld;
  private readonly program: HostProgram;
  private readonly machine: MachineClock;
  private readonly ends = new Set<TcpEnd>();
  private readonly ports = new Map<number, SimulatedPort>();
  private readonly udpPorts = new UdpPorts();
  private process: SimulatedProcess | undefined = undefined;
  private isPowered = true;
  private isIsolated = false;
  private starts = 0;
  private nextPort = FIRST_FREE_PORT;

  /** @internal */
  constructor(name: string, address: string, program: HostProgram, world: HostWorld) {
    this.name = name;
    this.address = address;
    this.program = program;
    this.world = world;
    this.machine = new MachineClock(world);
  }

  // --- for the program ---

  /** The clock of the running program. `now()` is monotonic, and `timeOfDay()` replaces `Date.now`. */
  get clock(): Clock {
    return this.running;
  }

  /** Returns a random number from the seed. Replaces `Math.random`. */
  readonly random = (): number => this.running.random.next();

  /** Returns random bytes from the seed. Replaces `crypto.randomBytes`. */
  readonly randomBytes = (size: number): Buffer => {
    const { random } = this.running;
    return Buffer.from(Array.from({ length: size }, () => random.integer(0, 255)));
  };

  /**
   * A logger that writes warnings and errors into the trace. An error of the program's own code that no handler caught fails
   * the simulation, as an error that reaches the process does. Therefore assertions in handlers work.
   */
  readonly logger: Logger = {
    log: (level: LogLevel, message: string, error?: Error) => {
      if (level === 'debug' || level === 'info') return;
      this.note(`${level}: ${message}${error === undefined ? '' : ` (${error.message})`}`);
      if (error !== undefined && isOwnFault(error)) this.world.failed(this.name, error);
    },
  };

  /**
   * Options for bootstraps and channels: `new ServerBootstrap().childOptions(host.options)`,
   * `new Bootstrap().options(host.options)`.
   */
  get options(): { readonly clock: Clock; readonly logger: Logger } {
    return { clock: this.clock, logger: this.logger };
  }

  /** Number of times that the program was started: 1 during its first run. */
  get startCount(): number {
    return this.starts;
  }

  /** Writes a line into the trace. */
  note(text: string): void {
    this.world.note(this.name, text);
  }

  listenOn(port: number, options: NetworkSocketOptions, backlog?: number): Listener {
    const { running, ports, address, settings } = this;
    let taken = port;
    const claim = () => {
      if (port === 0) taken = this.freePort();
      if (ports.has(taken)) {
        return systemError('EADDRINUSE', `listen EADDRINUSE: address in use ${address}:${port}`);
      }
      ports.set(taken, claimed);
      return { host: address, port: taken, family: 'IPv4' } as const;
    };
    const release = () => {
      // After a crash, the restarted program can have the port.
      if (ports.get(taken) === claimed) ports.delete(taken);
    };
    const prepare = (end: TcpEnd) => this.setKeepAlive(end, options);
    const size = backlog ?? settings.backlog;
    const claimed = new SimulatedPort({ claim, release }, running, size, prepare);
    return claimed.listener;
  }

  connectTo(host: string, port: number, options: NetworkSocketOptions): Transport {
    const { running, world } = this;
    const other = world.hostAt(host === 'localhost' || host === '127.0.0.1' ? this.name : host);
    const local: Address = { host: this.address, port: this.freePort(), family: 'IPv4' };
    const remote: Address = { host: other?.address ?? host, port, family: 'IPv4' };
    const bufferBytes = world.pathBetween(this, other ?? this).bufferBytes;
    const end = new TcpEnd(this, other ?? this, local, remote, bufferBytes);
    this.setKeepAlive(end, options);
    return MemoryTransport.over(running, end, () => {
      if (other === undefined) {
        return systemError('ENOTFOUND', `getaddrinfo ENOTFOUND ${host}`);
      }
      // This fails at once, because no attempt may be pending at the end of a simulation.
      if (this.isIsolated) return systemError('ENETUNREACH', `connect ENETUNREACH ${host}`);
      this.ends.add(end);
      end.connect(port);
      return undefined;
    });
  }

  datagramSocket(place: DatagramPlace, settings: DatagramSettings): DatagramSocket {
    return new UdpSocket(this, this.running, place, settings);
  }

  // --- what happens to it ---

  /** Whether the machine is switched on. */
  get isUp(): boolean {
    return this.isPowered;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  /** Starts the program. A machine that is off is switched on. */
  start(): void {
    if (this.process !== undefined) return;
    this.isPowered = true;
    this.starts += 1;
    const { world, name, starts } = this;
    const random = new SeededRandom(world.seed, `${name}#${starts}`);
    const process = new SimulatedProcess(name, world, this.machine, random);
    this.process = process;
    process.nextTurn(() => {
      const result = this.program(this);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return;
      (result as PromiseLike<unknown>).then(undefined, (error: unknown) => {
        if (process.isAlive) world.failed(name, error);
      });
    });
  }

  /** Simulates a power failure. Memory, timers and connections are lost, and no peer is notified. */
  crash(): void {
    const { process } = this;
    this.process = undefined;
    process?.end();
    this.isPowered = false;
    this.ports.clear();
    this.udpPorts.clear();
    for (const end of [...this.ends]) end.vanish();
  }

  /** Ends the process, as SIGKILL or `process.exit` does. The kernel ends its connections. */
  stop(): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    process.end();
    for (const { listener } of this.ports.values()) listener.close();
    this.udpPorts.clear();
    for (const end of [...this.ends]) {
      if (end.user instanceof MemoryTransport) end.close();
      // The connection waits to be accepted.
      else if (end.user !== undefined && end.isOpen) end.reset();
    }
  }

  /** @internal */
  freeze(): void {
    this.process?.freeze();
  }

  /** @internal */
  thaw(): void {
    this.process?.thaw();
  }

  /** @internal */
  setClock(fault: ClockFault): void {
    this.machine.set(fault);
  }

  /** @internal Resets all connections with another host, as a device between the hosts would do. */
  resetConnections(other: SimulatedHost): void {
    for (const end of [...this.ends]) if (end.isPairedWith(other)) end.resetByOthers();
  }

  /** @internal Resets all connections at the end of a simulation, and prevents new connections. */
  isolate(): void {
    this.isIsolated = true;
    for (const end of [...this.ends]) end.resetByOthers();
  }

  /** @internal The running process. */
  get currentProcess(): SimulatedProcess | undefined {
    return this.process;
  }

  /** @internal Number of connections in the host's kernel. */
  get connectionCount(): number {
    return this.ends.size;
  }

  // --- as a kernel ---

  /** @internal */
  get time(): HostWorld {
    return this.world;
  }

  /** @internal */
  get settings(): ResolvedTcpSettings {
    return this.world.settings;
  }

  /** @internal */
  pathTo(other: TcpKernel): NetworkPath {
    return this.world.pathBetween(this, other as SimulatedHost);
  }

  /** @internal */
  cutAt(bytes: number): number {
    return this.world.cutAt(bytes);
  }

  /** @internal */
  answer(port: number, caller: TcpEnd): TcpEnd | 'refused' | 'full' {
    const called = this.ports.get(port);
    if (called === undefined || this.isIsolated) return 'refused';
    if (!called.hasRoom) return 'full';
    const from = caller.kernel as SimulatedHost;
    const { bufferBytes } = this.world.pathBetween(from, this);
    const end = new TcpEnd(this, from, caller.remote, caller.local, bufferBytes);
    this.ends.add(end);
    called.calledBy(end);
    return end;
  }

  /** @internal */
  takePort(port: number, socket: UdpSocket): number | Error {
    const taken = port === 0 ? this.freePort() : port;
    if (this.udpPorts.add(taken, socket)) return taken;
    return systemError('EADDRINUSE', `bind EADDRINUSE ${this.address}:${taken}`);
  }

  /** @internal */
  freePortOf(socket: UdpSocket): void {
    this.udpPorts.remove(socket);
  }

  /** @internal */
  addressOf(nameOrAddress: string): string | undefined {
    const isOwn = nameOrAddress === 'localhost' || nameOrAddress === '127.0.0.1';
    if (isOwn) return this.address;
    // An address is valid even if no host has it.
    const isAddress = /^[\d.]+$/.test(nameOrAddress);
    return this.world.hostAt(nameOrAddress)?.address ?? (isAddress ? nameOrAddress : undefined);
  }

  /** @internal */
  sendDatagram(from: UdpSocket, address: string, port: number, bytes: Buffer): void {
    const { world } = this;
    if (isMulticast(address)) {
      for (const to of world.allHosts()) {
        const isReached = to !== this || from.reachesOwnHost;
        if (isReached) this.sendToMembers(to, from, address, port, bytes);
      }
      return;
    }
    const to = world.hostAt(address);
    const what = `UDP ${bytes.length} bytes to port ${port}`;
    world.sent(this.name, to?.name ?? address, what, bytes);
    if (to === undefined || this.isIsolated) return;
    world.pathBetween(this, to).sendDatagram(bytes.length, {
      arrived: () => to.datagramArrived(this, from, port, bytes),
      lost: (isAnswered) => {
        world.lost(this.name, to.name, what);
        if (isAnswered) from.refused('EHOSTUNREACH', address, port);
      },
    });
  }

  /**
   * Sends a datagram to the members of a group on one host. Each host has its own path, with its own losses and duplicates.
   */
  private sendToMembers(
    to: SimulatedHost,
    from: UdpSocket,
    group: string,
    port: number,
    bytes: Buffer,
  ): void {
    const { world, address } = this;
    if (this.isIsolated || to.udpPorts.members(group, address, port).length === 0) return;
    const what = `UDP ${bytes.length} bytes to group ${group} port ${port}`;
    world.sent(this.name, to.name, what, bytes);
    world.pathBetween(this, to).sendDatagram(bytes.length, {
      arrived: () => {
        if (!to.isPowered || to.isIsolated) return;
        for (const socket of to.udpPorts.members(group, address, port)) {
          socket.arrived(Buffer.from(bytes), address, from.port);
        }
      },
      lost: () => world.lost(this.name, to.name, what),
    });
  }

  private datagramArrived(
    sender: SimulatedHost,
    from: UdpSocket,
    port: number,
    bytes: Buffer,
  ): void {
    if (!this.isPowered || this.isIsolated) return;
    const socket = this.udpPorts.receiver(port);
    // Each arrival gets a copy, because a datagram can arrive twice.
    if (socket !== undefined) socket.arrived(Buffer.from(bytes), sender.address, from.port);
    else {
      const answer = () => from.refused('ECONNREFUSED', this.address, port);
      this.world.pathBetween(this, sender).sendDatagram(0, { arrived: answer, lost: () => {} });
    }
  }

  /** @internal */
  forget(end: TcpEnd): void {
    this.ends.delete(end);
  }

  /** @internal */
  sent(to: TcpKernel, what: string, payload?: Buffer, arrivesMs?: number): void {
    this.world.sent(this.name, to.name, what, payload, arrivesMs);
  }

  /** @internal */
  lost(to: TcpKernel, what: string): void {
    this.world.lost(this.name, to.name, what);
  }

  private get running(): SimulatedProcess {
    // Code of an ended process can continue in its own handler or after an await. Such code uses the ended process.
    const code = runningCode();
    const own = code?.owner === this.world ? code.process : undefined;
    if (own?.hostName === this.name) return own;
    if (this.process !== undefined) return this.process;
    throw new SimulationError(`host ${this.name} is not running`);
  }

  private freePort(): number {
    do this.nextPort = this.nextPort >= 65_535 ? FIRST_FREE_PORT : this.nextPort + 1;
    while (this.ports.has(this.nextPort) || this.udpPorts.has(this.nextPort));
    return this.nextPort;
  }

  private setKeepAlive(end: TcpEnd, options: NetworkSocketOptions): void {
    if (!options.keepAlive) return;
    const { keepAliveInitialDelayMs: idleMs, keepAliveIntervalMs: intervalMs } = options;
    const keepAlive: KeepAlive =
      idleMs > 0
        ? { idleMs, intervalMs, count: options.keepAliveCount }
        : { idleMs: KEEP_ALIVE_IDLE_MS, ...SYSTEM_PROBES };
    end.setKeepAlive(keepAlive);
  }
}
