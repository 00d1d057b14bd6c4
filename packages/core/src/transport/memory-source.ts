import type { Address, Clock } from '../contract.ts';
import { AcceptingListener, type ConnectionSource } from './accepting-listener.ts';
import type { Listener, TransportWay } from './listener.ts';
import type { Transport } from './transport.ts';

/** A name or a port that a listener takes. */
export interface ListenPlace {
  /** Takes it. Returns its address, or why it is not available. */
  claim(): Address | Error;
  /** Gives it back after it was taken. */
  release(): void;
}

/** A listener without a socket: connections are handed to it. */
export interface MemoryListener extends Listener {
  /** Connections that it can still keep until the server takes them. */
  readonly room: number;
  /** Takes a connection; without room it is aborted. */
  accept(transport: Transport): void;
}

/**
 * A listener on a name or a port that no kernel has.
 *
 * @param backlog - connections that it keeps until the server takes them, 1024 without it; more are refused
 */
export function listenInMemory(place: ListenPlace, clock: Clock, backlog?: number): MemoryListener {
  return new AcceptingListener(new MemorySource(place, clock), undefined, backlog);
}

/** Connections of one process. */
class MemorySource implements ConnectionSource {
  readonly way: TransportWay = { kind: 'memory', why: 'a network in memory' };
  private readonly place: ListenPlace;
  private readonly clock: Clock;
  private listener: AcceptingListener | undefined = undefined;
  private isTaken = false;
  private isClosed = false;

  constructor(place: ListenPlace, clock: Clock) {
    this.place = place;
    this.clock = clock;
  }

  listen(to: AcceptingListener): void {
    this.listener = to;
    this.clock.execute(() => this.start(to));
  }

  close(): void {
    this.isClosed = true;
    if (this.isTaken) this.place.release();
    this.clock.execute(() => this.listener?.ended());
  }

  private start(to: AcceptingListener): void {
    if (this.isClosed) return;
    const address = this.place.claim();
    this.isTaken = !(address instanceof Error);
    if (address instanceof Error) to.failed(address);
    else to.listening(address);
  }
}
