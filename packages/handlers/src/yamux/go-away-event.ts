/**
 * Announces that the peer takes no more substreams: fired by a {@link YamuxHandler} through the pipeline of the connection.
 * Substreams that are open go on; new ones need another connection.
 */
export class GoAwayEvent {
  /** 0 for the usual end, 1 for an error of the protocol, 2 for one within the peer. */
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}
