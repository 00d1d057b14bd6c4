import { TaskDeadline } from '../channel-deadline.ts';
import type { Channel, CloseInfo, CloseReason, EndOptions } from '../contract.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { causeOf, closedError } from './close-cause.ts';

/** Why a channel ends, and whether it lingers before that. Made when the end begins, or is asked for. */
export class ChannelEnding {
  /** `close()`, `end()` or a shutdown of the output was called. */
  isAsked = false;
  /** `end()` was called before the connection was up, with output that waits for it. */
  endOptions: EndOptions | undefined = undefined;
  /** The error that closes the channel. */
  failure: Error | undefined = undefined;
  /** The failure is one of the transport. */
  hasTransportFailed = false;
  /** Set when the channel has closed. */
  info: CloseInfo | undefined = undefined;
  /** Given to `end()`. */
  private reason: CloseReason = 'local';
  private settable: SettableFuture | undefined = undefined;
  private promise: Promise<CloseInfo> | undefined = undefined;

  /** The end that we asked for, as it is reported. */
  ours(error: Error | undefined): CloseInfo {
    return { reason: this.reason, by: 'local', error };
  }

  /** A failure explains the close better than the handler that closed because of it. */
  explain(cause: CloseInfo): CloseInfo {
    this.info = this.failure === undefined ? cause : causeOf(this.failure);
    return this.info;
  }

  /** The error of operations that come after the close. */
  closedError(): Error {
    return closedError(this.info!.reason, this.failure);
  }

  /** Calls `isOver` when the peer has not ended its half in time. */
  linger(channel: Channel, reason: CloseReason, lingerMs: number, isOver: () => void): void {
    this.reason = reason;
    const deadline = new TaskDeadline(channel, { ms: lingerMs, whileHeld: 'runs' }, isOver);
    channel.onClosed(() => deadline.cancel());
  }

  /** Succeeds when the channel has closed. */
  get future(): SettableFuture {
    if (this.info !== undefined) return SettableFuture.succeeded();
    this.settable ??= new SettableFuture();
    return this.settable;
  }

  promiseFor(channel: Channel): Promise<CloseInfo> {
    this.promise ??= new Promise((resolve) => channel.onClosed(() => resolve(this.info!)));
    return this.promise;
  }

  /** Settles the future of the close, if it was asked for. */
  settle(): void {
    this.settable?.succeed();
  }
}
