import { Buffer } from 'node:buffer';
import { ChannelError } from '@headrace/core';
import { checkOptions } from '@headrace/core/authoring';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../log/log.ts';
import { MemoryStream } from '../log/memory-stream.ts';
import type { BusHost, BusSubscription } from './bus.ts';
import type { BusEngine, BusLink, BusLinkSink } from './bus-engine.ts';
import { ENGINE_BUS_OPTIONS, EngineBus, type EngineBusOptions } from './engine-bus.ts';

/** Options of {@link memoryBus}. */
export interface MemoryBusOptions extends EngineBusOptions {
  /** The buses of one hub hear each other. @default a hub of its own */
  readonly hub?: MemoryHub;
}

/** A bus within this process: for one node, and for tests of several. */
export function memoryBus(options: MemoryBusOptions = {}): EngineBus {
  checkOptions('memoryBus', options, { ...ENGINE_BUS_OPTIONS, hub: true });
  const { hub = new MemoryHub(), ...rest } = options;
  return new EngineBus(new MemoryEngine(hub), rest);
}

/** Where the memory buses of a process meet. */
export class MemoryHub {
  private readonly links = new Map<string, Set<MemoryLink>>();
  private readonly all = new Set<MemoryLink>();
  private refuses = false;
  private isStopped = false;
  private readonly streams = new Map<string, MemoryStream>();

  /**
   * As a server with a disk that is killed: every link is lost, and none can be had until {@link start}. What was
   * stored for durable groups stays.
   */
  kill(): void {
    this.refuses = true;
    for (const link of [...this.all]) link.lose(new Error('the hub was killed'));
  }

  /** As a server that is stopped by a signal: it takes everything, and nothing comes out of it until {@link start}. */
  stop(): void {
    this.isStopped = true;
  }

  /** After {@link kill} or {@link stop}: it works again. What came while it was stopped is lost. */
  start(): void {
    this.refuses = false;
    this.isStopped = false;
  }

  /** @internal */
  join(link: MemoryLink): void {
    if (this.refuses) throw new ChannelError('CHANNEL_REFUSED', 'the hub was killed');
    this.all.add(link);
  }

  /** @internal */
  leave(link: MemoryLink): void {
    this.all.delete(link);
    for (const subject of this.links.keys()) this.unsubscribe(link, subject);
  }

  /** @internal */
  subscribe(link: MemoryLink, subject: string): void {
    const links = this.links.get(subject);
    if (links === undefined) this.links.set(subject, new Set([link]));
    else links.add(link);
  }

  /** @internal */
  unsubscribe(link: MemoryLink, subject: string): void {
    const links = this.links.get(subject);
    if (links?.delete(link) && links.size === 0) this.links.delete(subject);
  }

  /** @internal */
  publish(subject: string, bytes: Buffer): void {
    if (this.isStopped) return;
    for (const link of this.links.get(subject) ?? []) link.deliver(subject, bytes);
  }

  /** @internal False while it is stopped. */
  get answers(): boolean {
    return !this.isStopped;
  }

  /** @internal */
  stream(name: string): MemoryStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream();
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** @internal */
  receivers(subject: string): number {
    return this.links.get(subject)?.size ?? 0;
  }
}

class MemoryEngine implements BusEngine {
  readonly name = 'memory:';
  readonly hasLog = true;
  private readonly hub: MemoryHub;

  constructor(hub: MemoryHub) {
    this.hub = hub;
  }

  async connect(sink: BusLinkSink, host: BusHost): Promise<BusLink> {
    return new MemoryLink(this.hub, sink, host);
  }
}

class MemoryLink implements BusLink {
  readonly log: MemoryLogLink;
  private readonly hub: MemoryHub;
  private readonly sink: BusLinkSink;
  private readonly host: BusHost;
  private isOpen = true;

  constructor(hub: MemoryHub, sink: BusLinkSink, host: BusHost) {
    this.hub = hub;
    this.sink = sink;
    this.host = host;
    this.log = new MemoryLogLink(hub, host, () => this.isOpen);
    hub.join(this);
  }

  publish(subject: string, bytes: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = bytes;
    if (this.isOpen) this.hub.publish(subject, Buffer.from(buffer, byteOffset, byteLength));
  }

  subscribe(subject: string): void {
    if (this.isOpen) this.hub.subscribe(this, subject);
  }

  unsubscribe(subject: string): void {
    this.hub.unsubscribe(this, subject);
  }

  settled(): Promise<void> {
    return this.answer(undefined);
  }

  receivers(subject: string): Promise<number> {
    return this.answer(this.hub.receivers(subject));
  }

  /** A server that is stopped gives none. */
  private answer<T>(value: T): Promise<T> {
    return this.hub.answers ? Promise.resolve(value) : new Promise(() => {});
  }

  /** Later, as any engine: who publishes does not run the listeners. */
  deliver(subject: string, bytes: Buffer): void {
    this.host.clock.execute(() => {
      if (this.isOpen) this.sink.received(subject, bytes);
    });
  }

  lose(cause: Error): void {
    void this.close();
    this.sink.lost(cause);
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.hub.leave(this);
    this.log.close();
  }
}

class MemoryLogLink implements LogLink {
  private readonly hub: MemoryHub;
  private readonly host: BusHost;
  private readonly isOpen: () => boolean;
  /** Ends what follows over this link. */
  private readonly stops = new Set<() => void>();

  constructor(hub: MemoryHub, host: BusHost, isOpen: () => boolean) {
    this.hub = hub;
    this.host = host;
    this.isOpen = isOpen;
  }

  open(stream: string, limits: LogLimits): Promise<void> {
    return this.ask(stream, (store) => store.limit(limits));
  }

  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    return this.ask(stream, (store) => store.append(id, bytes, this.host.clock.now()));
  }

  read(stream: string, after: number, limit: number): Promise<LogPage> {
    return this.ask(stream, (store) => store.read(after, limit, this.host.clock.now()));
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    let isClosed = false;
    const end = this.hub.stream(stream).follow((entry) => {
      this.host.clock.execute(() => {
        if (!isClosed) listener(entry);
      });
    });
    const stop = () => {
      isClosed = true;
      this.stops.delete(stop);
      end();
    };
    this.stops.add(stop);
    return { close: stop };
  }

  /** The link has ended. */
  close(): void {
    for (const stop of this.stops) stop();
  }

  /** Never settles where a server would not answer. */
  private ask<T>(name: string, question: (store: MemoryStream) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen()) {
        reject(new ChannelError('BUS_DOWN', 'the link to the hub has ended'));
        return;
      }
      if (this.hub.answers) resolve(question(this.hub.stream(name)));
    });
  }
}
