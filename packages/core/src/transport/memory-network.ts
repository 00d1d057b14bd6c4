import type { Address, Clock } from '../contract.ts';
import { describeOptions } from '../internal/option-set.ts';
import { systemClock } from '../internal/system-clock.ts';
import type { Listener, ListenerSink, TransportWay } from './listener.ts';
import { CAPACITY, MemoryTransport, systemError } from './memory-transport.ts';

/** Options of a {@link MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** Bytes that each direction of a connection holds before its writer has to wait. @default 65536 */
  readonly capacityBytes?: number;
}

const OPTIONS = describeOptions('MemoryNetwork', { capacityBytes: CAPACITY });

/** Connections kept for a server that does not read; more are refused. */
const BACKLOG = 1024;

/**
 * Names that servers listen on and clients connect to, without ports, in one process: for integration
 * tests, for benchmarks, and for parts of a program that talk as if they were apart.
 *
 * @example
 * ```ts
 * const network = new MemoryNetwork();
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(new Echo()))
 *   .bind({ network, name: 'echo' });
 * const client = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new Printer()))
 *   .connect({ network, name: 'echo' });
 * ```
 * @see Netty's `LocalAddress` and `LocalServerChannel`; the names live in an object, not in the module
 */
export class MemoryNetwork {
  private readonly capacityBytes: number;
  private readonly listeners = new Map<string, MemoryListener>();
  private connections = 0;

  constructor(options: MemoryNetworkOptions = {}) {
    this.capacityBytes = OPTIONS.resolve(options).capacityBytes;
  }

  /** The names that are listened on now. */
  get names(): string[] {
    return [...this.listeners.keys()];
  }

  /** A listener on a name; the name is taken once it is opened. */
  listen(name: string, clock: Clock = systemClock): MemoryListener {
    return new MemoryListener(this, name, clock);
  }

  /** A transport that connects to a name once it is opened. */
  connect(name: string, clock: Clock = systemClock): MemoryTransport {
    this.connections += 1;
    const options = { capacityBytes: this.capacityBytes, clock };
    const local = { path: `memory:${name}#${this.connections}` };
    return MemoryTransport.dialing(local, { path: `memory:${name}` }, options, (end) => {
      const listener = this.listeners.get(name);
      if (listener?.hasRoom === true) {
        listener.accept(end.answer({ ...options, clock: listener.clock }));
        return undefined;
      }
      const why = listener === undefined ? 'nobody listens there' : 'its backlog is full';
      return systemError('ECONNREFUSED', `connect ECONNREFUSED memory:${name}: ${why}`);
    });
  }

  /** @internal */
  claim(name: string, listener: MemoryListener): boolean {
    if (this.listeners.has(name)) return false;
    this.listeners.set(name, listener);
    return true;
  }

  /** @internal */
  release(name: string, listener: MemoryListener): void {
    if (this.listeners.get(name) === listener) this.listeners.delete(name);
  }
}

const IN_MEMORY: TransportWay = { kind: 'memory', why: 'a network in memory' };

/** A listening name in a {@link MemoryNetwork}. */
export class MemoryListener implements Listener {
  readonly way: TransportWay = IN_MEMORY;
  readonly localAddress: Address;
  readonly clock: Clock;
  private readonly network: MemoryNetwork;
  private readonly name: string;
  private readonly waiting: MemoryTransport[] = [];
  private sink: ListenerSink | undefined = undefined;
  private mayAccept = false;
  private isListening = false;
  private isClosed = false;
  private isDelivering = false;

  constructor(network: MemoryNetwork, name: string, clock: Clock) {
    this.network = network;
    this.name = name;
    this.clock = clock;
    this.localAddress = { path: `memory:${name}` };
  }

  get isActive(): boolean {
    return this.isListening;
  }

  /** False if a further connection is refused. */
  get hasRoom(): boolean {
    return this.waiting.length < BACKLOG;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.clock.execute(() => this.start(sink));
  }

  accept(end: MemoryTransport): void {
    this.waiting.push(end);
    this.deliver();
  }

  requestAccept(): void {
    this.mayAccept = true;
    this.deliver();
  }

  pauseAccepting(): void {
    this.mayAccept = false;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isListening = false;
    this.network.release(this.name, this);
    for (const end of this.waiting.splice(0)) end.abort();
    this.clock.execute(() => this.sink?.closed());
  }

  private start(sink: ListenerSink): void {
    if (this.isClosed) return;
    this.isListening = this.network.claim(this.name, this);
    if (this.isListening) sink.listening();
    else sink.failed(systemError('EADDRINUSE', `listen EADDRINUSE memory:${this.name}`));
  }

  private deliver(): void {
    // The receiver of each connection asks for the next one.
    if (this.isDelivering) return;
    this.isDelivering = true;
    while (this.mayAccept && this.waiting.length > 0) {
      this.mayAccept = false;
      this.sink?.accepted(this.waiting.shift()!);
    }
    this.isDelivering = false;
  }
}
