import type { CloseInfo } from '../contract/connection.ts';
import type { Channel, EndOptions } from '../contract.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { ChannelDeadline } from '../time/channel-deadline.ts';
import { causeOf, closedError } from './close-cause.ts';

/** Minimum time between two looks at waiting output, in milliseconds. */
const POLL_INTERVAL_MS = 100;

const LOCAL: CloseInfo = { reason: 'local', by: 'local', error: undefined };

/** The output of a channel that lingers. */
interface LingeringOutput {
  readonly isShut: boolean;
  readonly progress: number;
  readonly isWatched: boolean;
}

/**
 * The time of a channel after its `end()`. The time starts again with each progress of the output, and when all output was sent.
 * A peer that reads nothing is found by the watch for stalls, which also sees progress within the kernel.
 */
class Linger extends ChannelDeadline {
  private readonly output: LingeringOutput;
  private readonly isOver: (isCut: boolean) => void;
  private seen: number;

  constructor(output: LingeringOutput, ms: number, isOver: (isCut: boolean) => void) {
    super({ ms, whileHeld: 'runs' });
    this.output = output;
    this.isOver = isOver;
    this.seen = output.progress;
  }

  protected over(channel: Channel): void {
    const { isShut, isWatched, progress } = this.output;
    if (isShut || (progress === this.seen && !isWatched)) {
      this.isOver(!isShut);
      return;
    }
    this.seen = progress;
    this.begin(channel, channel.clock.now() + Math.max(0, POLL_INTERVAL_MS - this.ms));
  }
}

/** The reason for the end of a channel, and its linger. The object is made when the end begins or is requested. */
export class ChannelEnding {
  /** Whether `close()`, `end()` or a shutdown of the output was called, or the channel follows the peer's end. */
  isAsked = false;
  /** Options of an `end()` that was called before the connection was up, while output waited for the connection. */
  endOptions: EndOptions | undefined = undefined;
  failure: Error | undefined = undefined;
  hasTransportFailed = false;
  /** Information about the close, after the channel has closed. */
  info: CloseInfo | undefined = undefined;
  private cause: CloseInfo = LOCAL;
  private lingering: Linger | undefined = undefined;
  private settable: SettableFuture | undefined = undefined;
  private promise: Promise<CloseInfo> | undefined = undefined;

  /** Returns the information about a close that this side requested, or with which it follows the peer's end. */
  ours(error: Error | undefined): CloseInfo {
    const { reason, by } = this.cause;
    return { reason, by, error };
  }

  /** Whether the channel ends when its output was sent. */
  get isLingering(): boolean {
    return this.lingering !== undefined;
  }

  /**
   * Sets `info`. A failure takes precedence over `cause`, because a handler can close the channel as a result of the
   * failure.
   */
  explain(cause: CloseInfo): CloseInfo {
    this.info = this.failure === undefined ? cause : causeOf(this.failure);
    return this.info;
  }

  /** Returns the error of operations after the close. */
  closedError(): Error {
    return closedError(this.info!.reason, this.failure);
  }

  /**
   * Calls `isOver` if the peer has not ended its half in time. `isCut` is true if output is left, of which nothing was sent for
   * the whole time.
   */
  linger(
    channel: Channel,
    cause: CloseInfo,
    output: LingeringOutput,
    lingerMs: number,
    isOver: (isCut: boolean) => void,
  ): void {
    this.cause = cause;
    const linger = new Linger(output, lingerMs, isOver);
    this.lingering = linger;
    linger.begin(channel);
    channel.onClosed(() => linger.cancel());
  }

  /** Gives the peer the whole linger time to end its half, because all output was sent. */
  outputSent(channel: Channel): void {
    this.lingering?.begin(channel);
  }

  get future(): SettableFuture {
    if (this.info !== undefined) return SettableFuture.succeeded();
    this.settable ??= new SettableFuture();
    return this.settable;
  }

  promiseFor(channel: Channel): Promise<CloseInfo> {
    this.promise ??= new Promise((resolve) => channel.onClosed(() => resolve(this.info!)));
    return this.promise;
  }

  /** Settles the future of the close, if a caller asked for the future. */
  settle(): void {
    this.settable?.succeed();
  }
}
