import { ChannelError } from '../../errors.ts';
import { readBuffer } from '../read-memory.ts';
import { GatheringMemory } from '../socket-memory.ts';
import type { HandleRequest, StreamInternals } from './stream-handle.ts';

/** Requests kept: as many writes of encrypted connections may be under way in one turn. */
const MOST_SPARES = 1024;

/**
 * The state that all connections on handles share: the outcome of Node's last call, the request and
 * the memory of writes that are over, and whether Node has kept its promises so far.
 */
export class StreamBinding {
  /** A call that hands bytes to Node is under way: Node may not call back before it returns. */
  isCalling = false;
  /** Of the writes that the kernel takes within their call; none once Node has broken a promise. */
  memory: GatheringMemory | undefined = new GatheringMemory();
  /** The promise that Node broke; from then on no memory and no request serves twice. */
  distrusted: string | undefined = undefined;
  private readonly spares: HandleRequest[] = [];
  /** Of the last write that ended after its call. */
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

  /** The error of a connection on which Node broke a promise; from now on nothing is shared. */
  broken(promise: string): ChannelError {
    this.distrust(promise);
    const text = `Node ${process.version} does not keep its handles' promises: ${promise}; closing`;
    return new ChannelError('CHANNEL_FAILED', text);
  }

  /** The result of the read under way: a number of bytes, or a negative error number. */
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
    let request = this.spares.pop();
    if (request === undefined) {
      request = new this.internals.WriteWrap();
      // On those whose write was over at once, too: a completion that still comes is noticed.
      request.oncomplete = this.onWritten;
      request.owner = undefined;
      request.held = undefined;
    }
    this.isCalling = true;
    return request;
  }

  /** Node did not keep the request: it serves the next write. */
  reuse(request: HandleRequest): void {
    const { spares } = this;
    if (this.distrusted === undefined && spares.length < MOST_SPARES) spares.push(request);
  }

  /** Node keeps the request until its completion, which is under way, has returned: it serves again after the next one. */
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
 * The count is the part of the buffer that all connections read into which is this connection's. It is accepted if it
 * fits the buffer, and if the handle's own total, modulo 2^32, has grown by as much.
 */
export function isCountRight(count: number, totalBefore: number, total: number): boolean {
  return count <= readBuffer.length && ((total - totalBefore) | 0) === count;
}

/** The owner of a request, which is called when the request ends. */
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
