import type { Clock } from '../contract/clock.ts';
import type { Address } from '../contract/connection.ts';
import { AcceptingListener, type ConnectionSource } from './accepting-listener.ts';
import type { Listener, TransportChoice } from './listener.ts';
import type { Transport } from './transport.ts';

/** A name or a port that a listener takes. */
export interface ListenPlace {
  /** Takes the place. Returns its address, or an error if the place is not available. */
  claim(): Address | Error;
  /** Gives a claimed place back. */
  release(): void;
}

/** A listener without a socket. Another object passes connections to it. */
export interface MemoryListener extends Listener {
  /** Number of connections that the listener can still keep for the server. */
  readonly room: number;
  /** Accepts a connection, or aborts the connection if there is no room. */
  accept(transport: Transport): void;
}

/**
 * Returns a listener on a name or a port that no kernel has.
 *
 * @param backlog - maximum number of connections that wait for the server, by default 1024; further connections are
 * refused
 */
export function listenInMemory(place: ListenPlace, clock: Clock, backlog?: number): MemoryListener {
  return new AcceptingListener(new MemorySource(place, clock), undefined, backlog);
}

class MemorySource implements ConnectionSource {
  readonly way: TransportChoice = { kind: 'memory', why: 'a network in memory' };
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
