// What both ends have in common: JSON-RPC in frames, and heartbeats. Programs in other languages see an ordinary JSON-RPC server.
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { HeartbeatHandler, messageHeartbeat } from '@headrace/handlers';
import { jsonRpcExchange } from '@headrace/rpc';

export const format = jsonRpcExchange();

const MAX_MESSAGE_BYTES = 65_536;

/** Bytes to messages and back, for one connection. */
export const frames = () =>
  [...contentLengthPrefixed({ maxFrameLength: MAX_MESSAGE_BYTES }), new JsonCodec()] as const;

const PING = { jsonrpc: '2.0', method: '$/ping' };
const PONG = { jsonrpc: '2.0', method: '$/pong' };

const isMethod = (message: unknown, method: string): boolean =>
  (message as { method?: unknown } | null)?.method === method;

const heartbeat = messageHeartbeat<unknown, object>({
  ping: () => PING,
  isPing: (message) => isMethod(message, PING.method),
  pong: () => PONG,
  isPong: (message) => isMethod(message, PONG.method),
});

/** The client asks when it is quiet for 10 s; three times without an answer, and the server is gone. */
export const clientHeartbeat = () =>
  new HeartbeatHandler<unknown, object>({
    format: heartbeat,
    intervalMs: 10_000,
    timeoutMs: 10_000,
    maxMissed: 3,
  });

/** The server answers, and closes a connection on which nothing comes for a minute. */
export const serverHeartbeat = () =>
  new HeartbeatHandler<unknown, object>({ format: heartbeat, silenceMs: 60_000 });
