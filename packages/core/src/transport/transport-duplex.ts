import type { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { CloseInfo } from '../contract/connection.ts';
import { toError } from '../errors.ts';
import type { Transport, TransportSink } from './transport.ts';

const ENDED: CloseInfo = { reason: 'local', by: 'local', error: undefined };

type Callback = (error?: Error | null) => void;

/**
 * A byte transport as a Node `Duplex`. The stream wraps a transport without `detach`, so that TLS can run on top. The
 * stream opens the transport and is then its sink. Like a `net.Socket`, the stream has `connecting` and the event
 * `connect`.
 */
export class TransportDuplex extends Duplex implements TransportSink {
  readonly transport: Transport;
  connecting: boolean;
  private isFull = true;
  private onWritten: Callback | undefined = undefined;
  private onEnded: Callback | undefined = undefined;
  private onDestroyed: (() => void) | undefined = undefined;
  private isOver = false;

  constructor(transport: Transport) {
    super({ allowHalfOpen: true });
    this.transport = transport;
    transport.open(this);
    this.connecting = !transport.isActive;
  }

  get isReadHeld(): boolean {
    return this.isFull;
  }

  // --- reports of the transport ---

  checkTurn(): void {}

  connected(): void {
    this.connecting = false;
    this.emit('connect');
    if (!this.isFull) this.transport.requestRead();
  }

  received(message: unknown): void {
    if (!this.push(message)) this.isFull = true;
  }

  readComplete(): void {
    if (!this.isFull) this.transport.requestRead();
  }

  inputEnded(): void {
    this.push(null);
  }

  written(): void {
    const { onWritten } = this;
    this.onWritten = undefined;
    onWritten?.();
  }

  outputEnded(): void {
    const { onEnded } = this;
    this.onEnded = undefined;
    onEnded?.();
  }

  /** Reports an error as a warning. A byte transport has these errors only for connections that were never made. */
  caught(error: Error): void {
    this.emit('warning', error);
  }

  failed(error: Error): void {
    this.destroy(error);
  }

  disconnected(): void {
    this.isOver = true;
    this.onDestroyed?.();
    if (this.destroyed) return;
    if (!this.readableEnded) this.push(null);
    setImmediate(() => this.destroy());
  }

  // --- requests of the stream ---

  override _read(): void {
    this.isFull = false;
    if (!this.connecting) this.transport.requestRead();
  }

  override _write(chunk: Buffer, _encoding: string, callback: Callback): void {
    this.send([chunk], chunk.length, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    let bytes = 0;
    for (const { chunk } of chunks) bytes += chunk.length;
    this.send(
      chunks.map(({ chunk }) => chunk),
      bytes,
      callback,
    );
  }

  override _final(callback: Callback): void {
    this.onEnded = callback;
    this.transport.shutdownOutput(ENDED);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.isOver) {
      callback(error);
      return;
    }
    this.onDestroyed = () => callback(error);
    this.transport.close({ ...ENDED, error: error ?? undefined });
  }

  private send(buffers: readonly Buffer[], bytes: number, callback: Callback): void {
    if (this.connecting) {
      this.once('connect', () => this.send(buffers, bytes, callback));
      return;
    }
    try {
      if (this.transport.write(buffers, bytes)) callback();
      else this.onWritten = callback;
    } catch (thrown) {
      callback(toError(thrown));
    }
  }
}
