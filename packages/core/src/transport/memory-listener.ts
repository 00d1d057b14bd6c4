import type { Address, Clock } from '../contract.ts';
import { AcceptQueue } from './accept-queue.ts';
import type { Listener, ListenerSink, TransportWay } from './listener.ts';
import type { Transport } from './transport.ts';

/** A name or a port that a listener takes. */
export interface ListenPlace {
  /** Takes it. Returns its address, or why it cannot be had. */
  claim(listener: MemoryListener): Address | Error;
  /** Gives it back after it was taken. */
  release(): void;
}

const IN_MEMORY: TransportWay = { kind: 'memory', why: 'a network in memory' };

/** Accepts connections of one process. */
export class MemoryListener implements Listener {
  readonly way: TransportWay = IN_MEMORY;
  readonly clock: Clock;
  private readonly place: ListenPlace;
  private readonly queue: AcceptQueue;
  private local: Address | undefined = undefined;
  private sink: ListenerSink | undefined = undefined;
  private isClosed = false;

  /** @param backlog - connections kept for a server that does not accept. @default 1024 */
  constructor(place: ListenPlace, clock: Clock, backlog?: number) {
    this.place = place;
    this.clock = clock;
    this.queue = new AcceptQueue(backlog);
  }

  get isActive(): boolean {
    return this.local !== undefined && !this.isClosed;
  }

  get localAddress(): Address | undefined {
    return this.local;
  }

  /** Connections that can still be kept. */
  get room(): number {
    return this.queue.room;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.clock.execute(() => this.start(sink));
  }

  accept(connection: Transport): void {
    this.queue.add(connection);
  }

  requestAccept(): void {
    this.queue.requestAccept();
  }

  pauseAccepting(): void {
    this.queue.pauseAccepting();
  }

  close(): void {
    if (this.isClosed) return;
    if (this.local !== undefined) this.place.release();
    this.isClosed = true;
    this.queue.close();
    this.clock.execute(() => this.sink?.closed());
  }

  private start(sink: ListenerSink): void {
    if (this.isClosed) return;
    const address = this.place.claim(this);
    if (address instanceof Error) {
      sink.failed(address);
      return;
    }
    this.local = address;
    this.queue.open(sink);
    sink.listening();
  }
}
