/**
 * A user event of a channel of {@link SharedWorkerBootstrap}, right after it is active: there is no shared worker here, so the
 * tab has a WebSocket of its own. Fired by the first handler of the pipeline.
 */
export class OwnConnectionEvent {
  /** Why: what the function that makes the worker threw. */
  readonly cause: Error;

  constructor(cause: Error) {
    this.cause = cause;
  }
}
