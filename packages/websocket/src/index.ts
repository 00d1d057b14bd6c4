// A server: HTTP, pages and WebSockets at the end of a pipeline

// A client
export { HttpTunnel, type HttpTunnelOptions } from './client/http-tunnel.ts';
export { WebSocketBootstrap, type WebSocketPipeline } from './client/web-socket-bootstrap.ts';
export type { WebSocketClientOptions } from './client/web-socket-client-options.ts';
export { bearerOf, cookieOf, type RequestHeaders } from './server/credentials.ts';
export {
  HttpEndpoint,
  type HttpEndpointOptions,
  type RequestListener,
} from './server/http-endpoint.ts';
export {
  HttpEndpointHandler,
  type HttpEndpointHandlerOptions,
} from './server/http-endpoint-handler.ts';
export type { HttpSessions, SessionRequest, SessionSignIn } from './server/http-sessions.ts';
export type { UpgradeRefusal } from './server/refusal-check.ts';
export type { HttpTunnelServerOptions } from './server/tunnel-server.ts';
export type {
  UpgradeAcceptance,
  UpgradeDecision,
  WebSocketAcceptor,
  WebSocketUpgradeOptions,
} from './server/web-socket-upgrader.ts';
// A WebSocket as a channel
export { closeCodeOf, type WebSocketClose } from './socket/close-codes.ts';
export type { WebSocketCompression } from './socket/compression.ts';
export { WebSocketPing, WebSocketPong } from './socket/control-message.ts';
export type { WebSocketLimits } from './socket/message-limits.ts';
export { TextMessage, type WebSocketInput, type WebSocketOutput } from './socket/text-message.ts';
export { WebSocketBinaryCodec } from './socket/web-socket-binary-codec.ts';
export {
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_PROTOCOL,
  WEB_SOCKET_TUNNEL,
  type WebSocketChannel,
  type WebSocketChannelOptions,
  type WebSocketInitializer,
} from './socket/web-socket-channel.ts';
export { type WebSocketHeartbeat, webSocketHeartbeat } from './socket/web-socket-heartbeat.ts';
export {
  WebSocketJsonCodec,
  type WebSocketJsonCodecOptions,
} from './socket/web-socket-json-codec.ts';
export { WebSocketTextCodec } from './socket/web-socket-text-codec.ts';
// Errors
export { WEB_SOCKET_ERRORS } from './web-socket-errors.ts';
