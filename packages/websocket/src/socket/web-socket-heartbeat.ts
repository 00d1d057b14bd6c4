import { WebSocketPing, WebSocketPong } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

/** The format of the heartbeats of {@link webSocketHeartbeat}. */
export interface WebSocketHeartbeat {
  ping(): WebSocketPing;
  isPing(message: unknown): boolean;
  /** Returns no answer, because the WebSocket has already answered the ping. */
  pong(ping: WebSocketInput): undefined;
  isPong(message: unknown): boolean;
  /** Always true, because peers answer pings. */
  readonly isAnswered: true;
}

const PING = new WebSocketPing();

const FORMAT: WebSocketHeartbeat = {
  ping: () => PING,
  isPing: (message) => message instanceof WebSocketPing,
  // The WebSocket has answered the ping.
  pong: () => undefined,
  isPong: (message) => message instanceof WebSocketPong,
  isAnswered: true,
};

/**
 * Returns the format of heartbeats that are ping and pong frames, for the option `format` of a `HeartbeatHandler` of
 * `@headrace/handlers`. Every peer answers pings without code, including pages in browsers. A page cannot send pings.
 *
 * ```text
 *  websocket | [heartbeat] | text | auth | app     pings are answered before the sign-in, too
 *  websocket | [idle] | heartbeat | text | app     a pong, and a ping of the peer, count as life
 *  websocket | heartbeat | text | [idle] | app     only messages do
 * ```
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
 * import { WebSocketPong, WebSocketTextCodec, webSocketHeartbeat } from '@headrace/websocket';
 *
 * const heartbeat = new HeartbeatHandler({ ...HEARTBEAT_PRESETS.relaxed, format: webSocketHeartbeat() });
 * const channel = new EmbeddedChannel(heartbeat, new WebSocketTextCodec());
 * channel.advance(10_020);
 * console.log(channel.readOutbound()?.constructor.name); // prints WebSocketPing
 * channel.advance(80);
 * channel.writeInbound(new WebSocketPong(Buffer.alloc(4)));
 * console.log(heartbeat.roundTripMs !== undefined, channel.readInbound()); // prints true undefined
 * channel.advance(60_000);
 * console.log(channel.closeInfo?.reason); // prints heartbeat
 * ```
 */
export function webSocketHeartbeat(): WebSocketHeartbeat {
  return FORMAT;
}
