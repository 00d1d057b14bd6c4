import type { Address } from '../contract.ts';
import type { Listener, ListenerSink } from './listener.ts';
import type { ConnectionlessRules, Transport, TransportSink } from './transport.ts';

/** A {@link Listener} as the transport of a server channel. The input of the transport is the accepted connections. */
export class ListenerTransport implements Transport, ListenerSink {
  readonly accepts = 'nothing: a listening channel cannot be written to';
  readonly unsentBytes = 0;
  readonly remoteAddress = undefined;
  private readonly listener: Listener;
  private readonly wrap: ((connection: Transport) => Transport) | undefined;
  private sink: TransportSink | undefined = undefined;

  /** @param wrap - function that puts a transport, such as TLS, on top of each accepted connection. @default none */
  constructor(listener: Listener, wrap?: (connection: Transport) => Transport) {
    this.listener = listener;
    this.wrap = wrap;
  }

  get isActive(): boolean {
    return this.listener.isActive;
  }

  get localAddress(): Address | undefined {
    return this.listener.localAddress;
  }

  get connectionless(): ConnectionlessRules | undefined {
    return this.listener.connectionless;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    this.listener.open(this);
  }

  requestRead(): void {
    this.listener.requestAccept();
  }

  pauseReading(): void {
    this.listener.pauseAccepting();
  }

  sizeOf(): number {
    return -1;
  }

  write(): boolean {
    return true;
  }

  shutdownOutput(): void {
    this.sink?.outputEnded();
  }

  close(): void {
    this.listener.close();
  }

  abort(): void {
    this.listener.close();
  }

  // --- reports of the listener ---

  listening(): void {
    this.sink?.connected();
  }

  accepted(connection: Transport): void {
    this.sink?.received(this.wrap === undefined ? connection : this.wrap(connection));
    this.sink?.readComplete();
  }

  caught(error: Error): void {
    this.sink?.caught(error);
  }

  failed(error: Error): void {
    this.sink?.failed(error);
  }

  closed(): void {
    this.sink?.disconnected();
  }
}
