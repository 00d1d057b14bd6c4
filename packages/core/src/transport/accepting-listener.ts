import type { Address, CloseInfo } from '../contract/connection.ts';
import { toError } from '../errors.ts';
import { descriptorLimit, outOfDescriptors, RESERVED_DESCRIPTORS } from './descriptor-limit.ts';
import type { Listener, ListenerSink, TransportChoice } from './listener.ts';
import type { StaleSocketFile } from './stale-socket.ts';
import type { Transport } from './transport.ts';

/** A source of connections: a listening socket of Node or Bun, a name in memory, or a port of a simulated host. */
export interface ConnectionSource {
  readonly way: TransportChoice;
  /**
   * Begins to listen. Reports follow after this call has returned. The call is repeated after a stale file was
   * deleted.
   */
  listen(to: AcceptingListener): void;
  /** Stops listening and later calls the listener's `ended`. Called once. */
  close(): void;
}

/**
 * Maximum number of connections that are kept while accepting is paused, because Node and Bun cannot stop accepting.
 * Further connections are reset.
 */
const MAX_HELD = 1024;

const REFUSED: CloseInfo = { reason: 'refused', by: 'local', error: undefined };

/** A {@link Listener} on a source. The listener keeps the connections that the sink has not accepted yet. */
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
  /**
   * The first of the descriptors that are reserved for the application. The system assigns the lowest free
   * descriptor.
   */
  private firstReserved = Number.POSITIVE_INFINITY;
  /** Number of connections that were reset for lack of descriptors, and not reported yet. */
  private unreported = 0;

  /**
   * @param staleFile - socket file of a path; other sources have none
   * @param most - maximum number of connections that the listener keeps
   */
  constructor(source: ConnectionSource, staleFile?: StaleSocketFile, most: number = MAX_HELD) {
    this.source = source;
    this.staleFile = staleFile;
    this.most = most;
  }

  get way(): TransportChoice {
    return this.source.way;
  }

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

  // --- reports of the source ---

  listening(address: Address | undefined): void {
    if (this.isClosed) return;
    this.isActive = true;
    this.localAddress = address;
    this.firstReserved = descriptorLimit() - RESERVED_DESCRIPTORS;
    this.sink?.listening();
  }

  failed(error: Error): void {
    if (this.isClosed) return;
    const isTriedAgain = this.staleFile?.isInTheWay(error, (isRemoved) => {
      if (this.isClosed) return;
      if (isRemoved) this.source.listen(this);
      else this.sink?.failed(error);
    });
    if (isTriedAgain !== true) this.sink?.failed(error);
  }

  /** Called for an error after which the source continues to listen. */
  caught(error: Error): void {
    this.sink?.caught(error);
  }

  /** Called after `close`, when the source has ended. */
  ended(): void {
    this.sink?.closed();
  }

  /**
   * Called when the system has accepted a connection.
   *
   * @param adopt - function that makes a transport of the connection
   * @param drop - function that closes the connection if it cannot be accepted
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
   * Returns true if the number of the descriptor shows that few descriptors are left. The caller must then drop the
   * connection. The sink is notified, so that it can pause accepting. Otherwise connections would be dropped without
   * a report.
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
