import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '../../contract.ts';
import { writeAll } from '../../internal/byte-source.ts';
import type { HandleRequest, StreamInternals } from './stream-handle.ts';

/** Messages up to this size are copied together; larger ones are passed on as they are. */
const COPY_BYTES = 8 * 1024;
const LARGEST_BITS = 16;
const SMALLEST_BITS = 8;

/**
 * What all connections on handles share: the outcome of Node's last call, the request and the memory of writes that
 * are over; and whether Node has kept its promises so far.
 */
export class StreamBinding {
  /** A call that hands bytes to Node is under way: Node may not call back before it returns. */
  isCalling = false;
  /**
   * Memory to gather small messages in, one piece for each power of two: nearly always the kernel takes the bytes
   * within the call, and the piece serves again, for any connection. When it does not, the piece is given away, and
   * holds at most twice what it must.
   */
  private readonly pieces: (Buffer | undefined)[] = [];
  /** Views of the pieces, each of the length that was used last: replies are often as long as those before. */
  private readonly views: (Buffer | undefined)[] = [];
  /**
   * Memory is in use, from the gathering until it is released: a message that sends another one while it is
   * written, or a callback from within the system's write, must not write over it.
   */
  private isGathering = false;
  private broken: string | undefined = undefined;
  private spare: HandleRequest | undefined = undefined;
  private readonly internals: StreamInternals;
  private readonly state: Int32Array;
  private readonly readIndex: number;
  private readonly writtenIndex: number;
  private readonly asyncIndex: number;
  private readonly onWritten: HandleRequest['oncomplete'];

  constructor(internals: StreamInternals) {
    this.internals = internals;
    this.state = internals.streamBaseState;
    this.readIndex = internals.kReadBytesOrError;
    this.writtenIndex = internals.kBytesWritten;
    this.asyncIndex = internals.kLastWriteWasAsync;
    this.onWritten = completionFor(this);
  }

  /** The promise that Node broke; from then on no memory and no request serves twice. */
  get distrusted(): string | undefined {
    return this.broken;
  }

  distrust(why: string): void {
    this.broken ??= why;
    this.spare = undefined;
  }

  /** What the read under way brought: bytes, or a negative error number. */
  get readCount(): number | undefined {
    return this.state[this.readIndex];
  }

  /** The last write was over within its call, and needs neither its request nor its bytes any more. */
  get isWritten(): boolean {
    return this.state[this.asyncIndex] === 0;
  }

  /** Node counted as many bytes in the last write as we gave it. */
  hasCounted(bytes: number): boolean {
    return this.state[this.writtenIndex] === (bytes | 0);
  }

  /** A request for one write. A callback that writes within the write of another connection finds it taken. */
  beginWrite(): HandleRequest {
    let request = this.spare;
    if (request === undefined) {
      request = new this.internals.WriteWrap();
      // On those whose write was over at once, too: a completion that still comes is noticed.
      request.oncomplete = this.onWritten;
      request.owner = undefined;
      request.held = undefined;
    } else this.spare = undefined;
    this.isCalling = true;
    return request;
  }

  /** Node did not keep the request: it serves the next write. */
  reuse(request: HandleRequest): void {
    if (this.broken === undefined) this.spare = request;
  }

  /**
   * The messages, `bytes` long together, as one Buffer, which has to be released with {@link reuseGathered} or
   * {@link keepGathered}; `undefined` if one is too large to be copied, or all together are, or memory is in use.
   */
  gather(messages: readonly OutboundBytes[], bytes: number): Buffer | undefined {
    if (bytes === 0 || bytes > 1 << LARGEST_BITS) return undefined;
    if (this.isGathering || this.broken !== undefined) return undefined;
    const view = this.viewOf(bytes);
    this.isGathering = true;
    let isWhole = false;
    try {
      isWhole = writeAll(messages, view, COPY_BYTES);
    } finally {
      this.isGathering = isWhole;
    }
    return isWhole ? view : undefined;
  }

  /** The kernel has a copy of what was gathered: its memory serves again. */
  reuseGathered(): void {
    this.isGathering = false;
  }

  /** What was gathered is still in use, or may be: the next call takes other memory. */
  keepGathered(view: Buffer): void {
    this.isGathering = false;
    const bits = bitsOf(view.length);
    if (this.views[bits] !== view) return;
    this.pieces[bits] = undefined;
    this.views[bits] = undefined;
  }

  private viewOf(bytes: number): Buffer {
    const bits = bitsOf(bytes);
    let view = this.views[bits];
    if (view !== undefined && view.length === bytes) return view;
    let piece = this.pieces[bits];
    if (piece === undefined) {
      piece = Buffer.allocUnsafeSlow(1 << bits);
      this.pieces[bits] = piece;
    }
    view = piece.subarray(0, bytes);
    this.views[bits] = view;
    return view;
  }

  newShutdown(): HandleRequest {
    return new this.internals.ShutdownWrap();
  }
}

function bitsOf(bytes: number): number {
  return Math.max(SMALLEST_BITS, 32 - Math.clz32(bytes - 1));
}

/** What a request calls when it ends. */
export interface RequestOwner {
  hasWritten(request: HandleRequest, status: number): void;
  /** Node broke a promise that concerns this connection. */
  breaks(promise: string): void;
}

/** One for all requests of a binding. A request without an owner was over already, or never begun. */
function completionFor(binding: StreamBinding): HandleRequest['oncomplete'] {
  return function (status, handle) {
    const owner = this.owner as RequestOwner | undefined;
    if (owner !== undefined) {
      owner.hasWritten(this, status);
      return;
    }
    binding.distrust(ENDED_TWICE);
    (handle?.owner as RequestOwner | undefined)?.breaks(ENDED_TWICE);
  };
}

const ENDED_TWICE = 'a write ended that was over already';
