import { TaskDeadline } from '../channel-deadline.ts';
import type { Channel, CloseInfo, CloseReason, EndOptions } from '../contract.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { causeOf, closedError } from './close-cause.ts';

/** The reason for the end of a channel, and its linger. The object is made when the end begins or is requested. */
export class ChannelEnding {
  /** Whether `close()`, `end()` or a shutdown of the output was called. */
  isAsked = false;
  /** Options of an `end()` that was called before the connection was up, while output waited for the connection. */
  endOptions: EndOptions | undefined = undefined;
  failure: Error | undefined = undefined;
  hasTransportFailed = false;
  /** Information about the close, after the channel has closed. */
  info: CloseInfo | undefined = undefined;
  private reason: CloseReason = 'local';
  private settable: SettableFuture | undefined = undefined;
  private promise: Promise<CloseInfo> | undefined = undefined;

  /** Returns the information about a close that this side requested. */
  ours(error: Error | undefined): CloseInfo {
    return { reason: this.reason, by: 'local', error };
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

  /** Calls `isOver` if the peer has not ended its half in time. */
  linger(channel: Channel, reason: CloseReason, lingerMs: number, isOver: () => void): void {
    this.reason = reason;
    const deadline = new TaskDeadline(channel, { ms: lingerMs, whileHeld: 'runs' }, isOver);
    channel.onClosed(() => deadline.cancel());
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
