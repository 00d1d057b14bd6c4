import type { Channel, CloseInfo, CloseReason, Timer } from '../contract.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import { causeOf, closedError } from './close-cause.ts';
import { CloseWatchers } from './close-watchers.ts';

/** Why a channel ends, whether it lingers before that, and the listeners for its end. */
export class ChannelEnding {
  /** `close()`, `end()` or a shutdown of the output was called. */
  isAsked = false;
  /** The error that closes the channel. */
  failure: Error | undefined = undefined;
  /** The failure is one of the transport. */
  hasTransportFailed = false;
  /** Set when the channel has closed. */
  info: CloseInfo | undefined = undefined;
  /** Given to `end()`. */
  private reason: CloseReason = 'local';
  // Most connections have few listeners, and there may be very many connections.
  private watchers: CloseWatchers | undefined = undefined;

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
    const deadline: Timer = channel.clock.schedule(isOver, lingerMs);
    this.add(channel, () => deadline.cancel());
  }

  get future(): SettableFuture {
    if (this.info !== undefined) return SettableFuture.succeeded();
    this.watchers ??= new CloseWatchers();
    return this.watchers.future;
  }

  promiseFor(channel: Channel): Promise<CloseInfo> {
    this.watchers ??= new CloseWatchers();
    return this.watchers.promiseFor(channel);
  }

  add(channel: Channel, listener: (channel: Channel) => void): void {
    if (this.info !== undefined) {
      listener(channel);
      return;
    }
    this.watchers ??= new CloseWatchers();
    this.watchers.add(listener);
  }

  delete(listener: (channel: Channel) => void): void {
    this.watchers?.delete(listener);
  }

  /** Calls the listeners. */
  announce(channel: Channel): void {
    this.watchers?.announce(channel);
  }

  /** Settles the future of the close, if it was asked for. */
  settle(): void {
    this.watchers?.succeed();
  }
}
