/**
 * A page does not watch its output: the browser owns the connection, and a peer that takes nothing answers no heartbeat either. What
 * waits is limited by `maxOutboundBytes`.
 */
export class StallWatch {
  begin(): void {}

  end(): void {}
}
