import type { Address, Clock } from '../contract.ts';
import type { AcceptingListener, ConnectionSource } from './accepting-listener.ts';
import type { TransportWay } from './listener.ts';

/** A name or a port that a listener takes. */
export interface ListenPlace {
  /** Takes it. Returns its address, or why it cannot be had. */
  claim(): Address | Error;
  /** Gives it back after it was taken. */
  release(): void;
}

/** Connections of one process. */
export class MemorySource implements ConnectionSource {
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
