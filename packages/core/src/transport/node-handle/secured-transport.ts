// An encrypted connection: Node's TLS handle carries its bytes, and the TLS socket on that handle begins and ends
// it.
import type { Buffer } from 'node:buffer';
import type { TLSSocket } from 'node:tls';
import type { OutboundBytes } from '../../contract/outbound-bytes.ts';
import { keepRead, readBuffer } from '../read-memory.ts';
import { StreamTransport } from '../stream-transport.ts';
import { errnoError } from '../system-error.ts';
import { handleBelow, hasStreamMethods } from './handle-obstacle.ts';
import { isCountRight, type RequestOwner, type StreamBinding } from './stream-binding.ts';
import type { HandleRequest, StreamHandle } from './stream-handle.ts';

/** Node's TLS handle, which has the methods of the handle below it. */
interface TlsHandle extends StreamHandle {
  /** Whether Node's socket considers the handle as started. */
  reading: boolean;
}

/**
 * A TLS socket as a transport. Requested input is read from the handle into the buffer that all connections share,
 * without a Buffer, event or tick of a stream. If one read held several records, the next records arrive without a
 * request. The transport pushes these records into the stream and reads them from there. A flush is one write to the
 * handle, which makes one TLS record for each 16 KiB. The stream reports the end of the input, errors and the close.
 */
export class SecuredTransport extends StreamTransport implements RequestOwner {
  private readonly handle: TlsHandle;
  private readonly binding: StreamBinding;
  /** Node's callback of the handle. */
  private readonly nodesRead: StreamHandle['onread'];
  private isStarted = true;
  private totalRead: number;
  private writing: HandleRequest | undefined = undefined;
  /** Whether the bytes of the write that is under way were encrypted into Node's own memory. */
  private isEncrypted = false;

  private constructor(
    socket: TLSSocket,
    handle: TlsHandle,
    binding: StreamBinding,
    explain: (error: Error) => Error,
  ) {
    super(socket, { explain });
    this.handle = handle;
    this.binding = binding;
    this.nodesRead = handle.onread;
    this.totalRead = handle.bytesRead | 0;
  }

  /** Returns a transport, or `undefined` if the socket's handle is not a known one. */
  static of(
    socket: TLSSocket,
    binding: StreamBinding,
    explain: (error: Error) => Error,
  ): SecuredTransport | undefined {
    const handle = handleBelow<TlsHandle>(socket);
    const isKnown =
      binding.distrusted === undefined &&
      hasStreamMethods(handle) &&
      typeof handle.onread === 'function' &&
      typeof handle.bytesRead === 'number';
    return isKnown ? new SecuredTransport(socket, handle, binding, explain) : undefined;
  }

  override get unsentBytes(): number {
    // Node counts the bytes of the end for one more turn, although the kernel has them: a close then must not cut the output.
    if (this.writable.writableFinished) return 0;
    return super.unsentBytes + (this.handle.writeQueueSize ?? 0);
  }

  protected override listenForData(): void {
    super.listenForData();
    const { handle } = this;
    handle.owner = this;
    handle.reading = true;
    handle.onread = onRead;
    handle.useUserBuffer(readBuffer);
  }

  override requestRead(): void {
    if (this.readable.readableLength > 0) super.requestRead();
    this.mayRead = true;
    if (this.isStarted || this.readable.destroyed) return;
    this.isStarted = true;
    this.check('read', this.handle.readStart());
  }

  protected override stopUnlessAsked(): void {
    super.stopUnlessAsked();
    if (this.mayRead || !this.isStarted || this.readable.destroyed) return;
    this.isStarted = false;
    this.handle.readStop();
  }

  override write(messages: readonly unknown[], bytes: number): boolean {
    const { handle, binding } = this;
    const { memory } = binding;
    const isOne = messages.length === 1 && messages[0] instanceof Uint8Array;
    const gathered = isOne ? undefined : memory?.gather(messages as OutboundBytes[], bytes);
    const queuedBefore = handle.writeQueueSize;
    const isTaken = gathered === undefined && super.write(messages, bytes);
    if (gathered !== undefined) this.writeOne(gathered);
    // Node has counted all bytes, and its own queue contains the encrypted bytes, which are longer.
    const queued = handle.writeQueueSize - queuedBefore;
    this.isEncrypted = binding.hasCounted(bytes) && queued > bytes;
    if (gathered === undefined) return isTaken;
    if (this.isEncrypted) memory!.reuse();
    else memory!.keep(gathered);
    return false;
  }

  protected override get holdsWrites(): boolean {
    return super.unsentBytes > 0 || (this.writing !== undefined && !this.isEncrypted);
  }

  protected override send(buffers: readonly Buffer[]): boolean {
    if (buffers.length === 1) this.writeOne(buffers[0]!);
    else {
      const request = this.beginWrite(buffers);
      this.hasBegun(this.handle.writev(request, buffers, true));
    }
    return false;
  }

  private writeOne(bytes: Buffer): void {
    const request = this.beginWrite(bytes);
    this.hasBegun(this.handle.writeBuffer(request, bytes));
  }

  private beginWrite(bytes: unknown): HandleRequest {
    const request = this.binding.beginWrite();
    request.owner = this;
    request.held = bytes;
    this.writing = request;
    return request;
  }

  private hasBegun(status: number): void {
    this.binding.isCalling = false;
    this.check('write', status);
  }

  // --- reports of the handle ---

  hasRead(): void {
    const { binding, readable } = this;
    const count = binding.readCount;
    if (count !== undefined && count <= 0) {
      this.nodesRead.call(this.handle);
      return;
    }
    if (readable.destroyed) return;
    const before = this.totalRead;
    this.totalRead = this.handle.bytesRead | 0;
    if (binding.isCalling) this.breaks('a read came within a write');
    else if (count === undefined || !isCountRight(count, before, this.totalRead)) {
      this.breaks(`a read of ${count} bytes was counted otherwise`);
    } else if (this.mayRead && readable.readableLength === 0) {
      this.deliverRead(count);
    } else {
      readable.push(keepRead(count));
      this.stopUnlessAsked();
    }
  }

  hasWritten(request: HandleRequest, status: number): void {
    if (request !== this.writing) {
      this.breaks('a write ended that was not under way');
      return;
    }
    this.writing = undefined;
    request.owner = undefined;
    request.held = undefined;
    // A write that finds the peer gone ends within its call.
    if (status < 0) this.check('write', status);
    else if (this.binding.isCalling) this.breaks('a write ended within its call');
    else {
      this.binding.reuseLater(request);
      if (!this.readable.destroyed) this.sent();
    }
  }

  breaks(promise: string): void {
    this.readable.destroy(this.binding.broken(promise));
  }

  private check(operation: string, status: number): void {
    if (status < 0) this.readable.destroy(errnoError(operation, status));
  }
}

function onRead(this: StreamHandle): void {
  (this.owner as SecuredTransport).hasRead();
}
