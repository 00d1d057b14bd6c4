import type { Address, CloseInfo } from '../contract.ts';
import { toError } from '../errors.ts';
import { descriptorLimit, outOfDescriptors, RESERVED_DESCRIPTORS } from './descriptor-limit.ts';
import type { Listener, ListenerSink, TransportWay } from './listener.ts';
import type { StaleSocketFile } from './stale-socket.ts';
import type { Transport } from './transport.ts';

/** Where connections come from: a listening socket of Node or Bun, a name in memory, a port of a simulated host. */
export interface ConnectionSource {
  /** The kind of its connections, and why. */
  readonly way: TransportWay;
  /** Begins to listen, and reports to the listener, but not from within this call. Called again after a stale file. */
  listen(to: AcceptingListener): void;
  /** Stops; the listener's `ended` is called later. Called once. */
  close(): void;
}

/** Connections kept while accepting is paused; Node and Bun cannot stop accepting. More are reset. */
const MAX_HELD = 1024;

/** The close reason of a connection that is not taken. */
const REFUSED: CloseInfo = { reason: 'refused', by: 'local', error: undefined };

/** A {@link Listener} on a source: it keeps the connections that the sink has not taken yet. */
export class AcceptingListener implements Listener {
  private readonly source: ConnectionSource;
  private readonly staleFile: StaleSocketFile | undefined;
  private readonly most: number;
  private sink: ListenerSink | undefined = undefined;
  localAddress: Address | undefined = undefined;
  isActive = false;
  private isClosed = false;
  private mayAccept = false;
  private isDelivering = false;
  private readonly held: Transport[] = [];
  /** From this number on a descriptor is one of those that the application needs; the lowest free one is taken. */
  private firstReserved = Number.POSITIVE_INFINITY;
  /** Connections that were reset for want of descriptors, and not reported yet. */
  private unreported = 0;

  /**
   * @param staleFile - of a path; none is in the way of another source
   * @param most - connections that it keeps
   */
  constructor(source: ConnectionSource, staleFile?: StaleSocketFile, most: number = MAX_HELD) {
    this.source = source;
    this.staleFile = staleFile;
    this.most = most;
  }

  get way(): TransportWay {
    return this.source.way;
  }

  /** Connections that can still be kept. */
  get room(): number {
    return this.most - this.held.length;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.source.listen(this);
  }

  requestAccept(): void {
    this.mayAccept = true;
    if (this.isDelivering) return;
    if (this.unreported > 0) this.reportShortage();
    this.isDelivering = true;
    while (this.mayAccept && this.held.length > 0) this.deliver(this.held.shift()!);
    this.isDelivering = false;
  }

  pauseAccepting(): void {
    this.mayAccept = false;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isActive = false;
    for (const transport of this.held.splice(0)) transport.abort(REFUSED);
    this.source.close();
  }

  // --- what the source reports ---

  listening(address: Address | undefined): void {
    if (this.isClosed) return;
    this.isActive = true;
    this.localAddress = address;
    this.firstReserved = descriptorLimit() - RESERVED_DESCRIPTORS;
    this.sink?.listening();
  }

  /** It cannot listen. */
  failed(error: Error): void {
    if (this.isClosed) return;
    const isTriedAgain = this.staleFile?.isInTheWay(error, (isRemoved) => {
      if (this.isClosed) return;
      if (isRemoved) this.source.listen(this);
      else this.sink?.failed(error);
    });
    if (isTriedAgain !== true) this.sink?.failed(error);
  }

  /** It goes on listening. */
  caught(error: Error): void {
    this.sink?.caught(error);
  }

  /** It is over, after `close`. */
  ended(): void {
    this.sink?.closed();
  }

  /**
   * The system has accepted a connection.
   *
   * @param adopt - makes a transport of it
   * @param drop - closes it, if it cannot be taken
   */
  adopt(adopt: () => Transport, drop: () => void, descriptor?: number): void {
    if (this.isShort(descriptor)) {
      drop();
      return;
    }
    try {
      this.accept(adopt());
    } catch (thrown) {
      drop();
      this.caught(toError(thrown));
    }
  }

  accept(transport: Transport): void {
    if (this.isClosed) transport.abort(REFUSED);
    else if (this.mayAccept) this.deliver(transport);
    else if (this.room > 0) this.held.push(transport);
    else transport.abort(REFUSED);
  }

  /**
   * True if so high a descriptor shows that few are left: then the connection must be dropped, and the sink, which may
   * pause, is notified. Without that the system's connections are taken and dropped without a report.
   */
  private isShort(descriptor: number | undefined): boolean {
    if (descriptor === undefined || descriptor < this.firstReserved) return false;
    this.unreported += 1;
    if (this.mayAccept) this.reportShortage();
    return true;
  }

  private reportShortage(): void {
    const error = outOfDescriptors(this.unreported);
    this.unreported = 0;
    this.caught(error);
  }

  private deliver(transport: Transport): void {
    this.mayAccept = false;
    this.sink?.accepted(transport);
  }
}
