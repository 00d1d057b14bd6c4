import { ChannelError } from '../../errors.ts';
import { readBuffer } from '../read-memory.ts';
import { GatheringMemory } from '../socket-memory.ts';
import type { HandleRequest, StreamInternals } from './stream-handle.ts';

/** Maximum number of kept requests. In one turn, this many writes of encrypted connections can be under way. */
const MAX_SPARES = 1024;

/**
 * The state that all connections on handles share: the result of Node's last call, the requests and memory of ended
 * writes, and whether Node has kept its promises so far.
 */
export class StreamBinding {
  /** Whether a call that hands bytes to Node is under way. Node must not call back before that call returns. */
  isCalling = false;
  /** Memory of the writes that the kernel accepts within their call; `undefined` after Node has broken a promise. */
  memory: GatheringMemory | undefined = new GatheringMemory();
  /** The promise that Node broke. From then on no memory and no request is used twice. */
  distrusted: string | undefined = undefined;
  private readonly spares: HandleRequest[] = [];
  /** Request of the last write that ended after its call. */
  private ended: HandleRequest | undefined = undefined;
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

  distrust(why: string): void {
    this.distrusted ??= why;
    this.memory = undefined;
    this.spares.length = 0;
    this.ended = undefined;
  }

  /** Stops all sharing. Returns the error of a connection on which Node broke a promise. */
  broken(promise: string): ChannelError {
    this.distrust(promise);
    const text = `Node ${process.version} does not keep its handles' promises: ${promise}; closing`;
    return new ChannelError('CHANNEL_FAILED', text);
  }

  /** Result of the current read: a number of bytes, or a negative error number. */
  get readCount(): number | undefined {
    return this.state[this.readIndex];
  }

  /** Whether the last write ended within its call, and no longer needs its request or its bytes. */
  get isWritten(): boolean {
    return this.state[this.asyncIndex] === 0;
  }

  /** Returns true if Node counted this number of bytes in the last write. */
  hasCounted(bytes: number): boolean {
    return this.state[this.writtenIndex] === (bytes | 0);
  }

  /**
   * Returns a request for one write. A callback that writes during another connection's write receives another
   * request.
   */
  beginWrite(): HandleRequest {
    let request = this.spares.pop();
    if (request === undefined) {
      request = new this.internals.WriteWrap();
      // This also applies to requests whose write ended at once, so that a late completion is noticed.
      request.oncomplete = this.onWritten;
      request.owner = undefined;
      request.held = undefined;
    }
    this.isCalling = true;
    return request;
  }

  /** Makes the request available for the next write, because Node did not keep it. */
  reuse(request: HandleRequest): void {
    const { spares } = this;
    if (this.distrusted === undefined && spares.length < MAX_SPARES) spares.push(request);
  }

  /**
   * Makes the request available after the next completion, because Node keeps the request until the request's own
   * completion has returned.
   */
  reuseLater(request: HandleRequest): void {
    const { ended } = this;
    this.ended = request;
    if (ended !== undefined) this.reuse(ended);
  }

  newShutdown(): HandleRequest {
    return new this.internals.ShutdownWrap();
  }
}

/**
 * Returns true if a read filled `count` bytes of the shared buffer. The count must fit the buffer, and the handle's
 * own total, modulo 2^32, must have grown by the same number.
 */
export function isCountRight(count: number, totalBefore: number, total: number): boolean {
  return count <= readBuffer.length && ((total - totalBefore) | 0) === count;
}

export interface RequestOwner {
  hasWritten(request: HandleRequest, status: number): void;
  /** Called when Node broke a promise that concerns this connection. */
  breaks(promise: string): void;
}

/** Returns one callback for all requests of a binding. A request without an owner had ended already, or never began. */
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

const ENDED_TWICE = 'a write ended that had ended already';
