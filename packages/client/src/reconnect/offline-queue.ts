import {
  type Channel,
  type Clock,
  isHeadraceError,
  RejectedError,
  type Timer,
  type WriteFuture,
} from '@headrace/core';
import {
  choice,
  describePart,
  ENTRY_OVERHEAD_BYTES,
  number,
  PendingWriteQueue,
  type Resolved,
  releaseSource,
  SettableFuture,
  sizeOfBytes,
  time,
} from '@headrace/core/authoring';

/** Options for writes while the client has no connection. */
export interface OfflineOptions {
  /**
   * Treatment of writes. `wait` keeps writes and sends them in order after `ready`. `fail` fails writes at once.
   * @default 'wait'
   */
  readonly policy?: 'wait' | 'fail';
  /** Maximum number of waiting messages. @default 1000 */
  readonly maxMessages?: number;
  /**
   * Maximum number of waiting bytes. Each message counts 64 bytes more than its length, and an object counts 64.
   * @default 1048576
   */
  readonly maxBytes?: number;
  /** Maximum wait of a message, in milliseconds; `false` for no limit. @default 30000 */
  readonly maxAgeMs?: number | false;
  /** Write that fails when the queue is full. @default 'reject-newest' */
  readonly onFull?: 'reject-newest' | 'drop-oldest';
}

/** @internal */
export const OFFLINE_OPTIONS = describePart('offline', {
  policy: choice(['wait', 'fail'], { default: 'wait' }),
  maxMessages: number({ min: 1, default: 1000 }),
  maxBytes: number({ min: 1, default: 1024 * 1024 }),
  maxAgeMs: time({ default: 30_000 }),
  onFull: choice(['reject-newest', 'drop-oldest'], { default: 'reject-newest' }),
});

/** @internal Receives the failures of writes that waited. */
export type QueueFailure = (future: WriteFuture, error: Error) => void;

/**
 * @internal A bounded queue of a client's writes that wait for a connection, with their futures. A write that was passed to a
 * connection leaves the queue and never returns.
 */
export class OfflineQueue {
  private readonly options: Resolved<OfflineOptions, typeof OFFLINE_OPTIONS.kinds>;
  private readonly clock: Clock;
  private readonly failed: QueueFailure;
  private readonly queue: PendingWriteQueue<number>;
  private timer: Timer | undefined = undefined;
  private channel: Channel | undefined = undefined;
  /** The error of the last failed connect or lost connection. */
  private loss: Error | undefined = undefined;

  constructor(options: OfflineOptions, clock: Clock, failed: QueueFailure) {
    this.options = OFFLINE_OPTIONS.resolve(options);
    const { maxMessages, maxBytes } = this.options;
    this.clock = clock;
    this.failed = failed;
    this.queue = new PendingWriteQueue<number>(
      {
        write: (message) => this.channel!.write(message),
        addPendingOutboundBytes: () => {},
        reportFailure: failed,
      },
      { maxMessages, maxBytes, sizeOf },
    );
  }

  get size(): number {
    return this.queue.size;
  }

  /** Waiting bytes, including 64 for each message. */
  get bytes(): number {
    return this.queue.bytes;
  }

  add(message: unknown): WriteFuture {
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const { policy, maxBytes, onFull } = this.options;
    if (policy === 'fail')
      return this.refused(
        message,
        this.rejected("there is no connection, and offline.policy is 'fail'"),
      );
    const bytes = sizeOf(message) + ENTRY_OVERHEAD_BYTES;
    if (bytes > maxBytes) {
      const text = `a message of ${bytes} bytes exceeds offline.maxBytes (${maxBytes})`;
      return this.refused(message, new RejectedError('REJECTED_QUEUE', text));
    }
    if (onFull === 'drop-oldest') this.makeRoom(bytes);
    try {
      const future = this.queue.add(message, this.clock.now());
      this.watchAge();
      return future;
    } catch (error) {
      if (!isHeadraceError(error, 'OUTBOUND_FULL')) throw error;
      return this.refused(message, this.rejected(this.fullText()));
    }
  }

  /** Sends the waiting writes while the channel is writable. If the channel closes, the remaining writes stay in the queue. */
  sendTo(channel: Channel): void {
    const { queue } = this;
    if (queue.isEmpty) return;
    this.channel = channel;
    while (!queue.isEmpty && canTake(channel)) queue.removeAndWrite();
    this.channel = undefined;
    channel.flush();
    this.watchAge();
    if (queue.isEmpty || !channel.isActive || channel.isEnding) return;
    channel.onceWritable(() => {
      if (canTake(channel)) this.sendTo(channel);
    });
  }

  /** Sets the error because of which the client has no connection; `undefined` when it is connected. */
  lost(loss: Error | undefined): void {
    this.loss = loss;
  }

  /** Fails all waiting writes. */
  end(error: Error): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.queue.removeAndFailAll(error);
  }

  private makeRoom(bytes: number): void {
    const { queue } = this;
    const { maxMessages, maxBytes } = this.options;
    while (queue.size >= maxMessages || (queue.size > 0 && queue.bytes + bytes > maxBytes)) {
      queue.removeAndFail(this.rejected(`${this.fullText()}, and a newer message took its place`));
    }
  }

  private fullText(): string {
    const { size, bytes } = this.queue;
    const { maxMessages, maxBytes } = this.options;
    return (
      `${size} messages with ${bytes} bytes wait for a connection, and this one exceeds ` +
      `offline.maxMessages (${maxMessages}) or offline.maxBytes (${maxBytes})`
    );
  }

  private refused(message: unknown, error: RejectedError): WriteFuture {
    void releaseSource(message);
    const future = SettableFuture.failed(error);
    this.failed(future, error);
    return future;
  }

  /** Creates an error that names the cause of the missing connection. */
  private rejected(text: string): RejectedError {
    const { loss } = this;
    const why = loss === undefined ? '' : `: ${loss.message}`;
    return new RejectedError('REJECTED_QUEUE', `${text}${why}`, {}, loss);
  }

  /** Schedules one timer, for the oldest write. */
  private watchAge(): void {
    const { maxAgeMs } = this.options;
    const addedAt = this.queue.currentTag;
    if (addedAt === undefined) {
      this.timer?.cancel();
      this.timer = undefined;
    } else if (this.timer === undefined && maxAgeMs < Number.POSITIVE_INFINITY) {
      const leftMs = addedAt + maxAgeMs - this.clock.now();
      this.timer = this.clock.schedule(() => this.expire(), Math.max(0, leftMs));
    }
  }

  private expire(): void {
    this.timer = undefined;
    const now = this.clock.now();
    const { maxAgeMs } = this.options;
    for (let at = this.queue.currentTag; at !== undefined; at = this.queue.currentTag) {
      if (now < at + maxAgeMs) break;
      this.queue.removeAndFail(
        this.rejected(`no connection within offline.maxAgeMs (${maxAgeMs}) after the write`),
      );
    }
    this.watchAge();
  }
}

function canTake(channel: Channel): boolean {
  return channel.isActive && channel.isWritable && !channel.isEnding;
}

function sizeOf(message: unknown): number {
  if (typeof message === 'string') return message.length;
  return Math.max(0, sizeOfBytes(message));
}
