import type { CloseInfo } from '../contract.ts';
import { descriptorLimit, outOfDescriptors, RESERVED_DESCRIPTORS } from './descriptor-limit.ts';
import type { ListenerSink } from './listener.ts';
import type { Transport } from './transport.ts';

/** Connections kept while accepting is paused; Node and Bun cannot stop accepting. More are reset. */
const MAX_HELD = 1024;

/** Why a connection is reset that nobody takes. */
const REFUSED: CloseInfo = { reason: 'refused', by: 'local', error: undefined };

/** The connections of a listener that were accepted and that the sink has not taken yet. */
export class AcceptQueue {
  private sink: ListenerSink | undefined = undefined;
  private mayAccept = false;
  private isClosed = false;
  private isDelivering = false;
  private readonly held: Transport[] = [];
  /** From this number on a descriptor is one of those that the application needs; the lowest free one is taken. */
  private firstReserved = Number.POSITIVE_INFINITY;
  /** Connections that were reset for want of descriptors, and not reported yet. */
  private unreported = 0;
  private readonly most: number;

  /** @param most - connections that it keeps */
  constructor(most: number = MAX_HELD) {
    this.most = most;
  }

  /** Connections that can still be kept. */
  get room(): number {
    return this.most - this.held.length;
  }

  /** The listener listens. */
  open(sink: ListenerSink): void {
    this.sink = sink;
    this.firstReserved = descriptorLimit() - RESERVED_DESCRIPTORS;
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
    this.isClosed = true;
    for (const transport of this.held.splice(0)) transport.abort(REFUSED);
  }

  add(transport: Transport): void {
    if (this.isClosed) transport.abort(REFUSED);
    else if (this.mayAccept) this.deliver(transport);
    else if (this.room > 0) this.held.push(transport);
    else transport.abort(REFUSED);
  }

  /**
   * True if so high a descriptor shows that few are left: then the connection must be reset, and the sink, which may
   * pause, is notified. Without that the system's connections are taken and dropped without a report.
   */
  isShort(descriptor: number | undefined): boolean {
    if (descriptor === undefined || descriptor < this.firstReserved) return false;
    this.unreported += 1;
    if (this.mayAccept) this.reportShortage();
    return true;
  }

  private reportShortage(): void {
    const error = outOfDescriptors(this.unreported);
    this.unreported = 0;
    this.sink?.caught(error);
  }

  private deliver(transport: Transport): void {
    this.mayAccept = false;
    this.sink?.accepted(transport);
  }
}
