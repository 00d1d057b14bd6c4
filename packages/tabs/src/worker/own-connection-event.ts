/**
 * A user event that reports that this tab has its own WebSocket, because no shared worker is available. The first handler of a
 * {@link SharedWorkerBootstrap} channel fires the event right after `channelActive`.
 */
export class OwnConnectionEvent {
  /** Error that was thrown by the function that creates the worker. */
  readonly cause: Error;

  constructor(cause: Error) {
    this.cause = cause;
  }
}
