/**
 * An event that announces that the peer takes no more substreams. A {@link YamuxHandler} fires the event through the pipeline of
 * the connection. Open substreams continue. A new substream needs another connection.
 */
export class GoAwayEvent {
  /** 0 for a normal end, 1 for an error of the protocol, 2 for an error within the peer. */
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}
