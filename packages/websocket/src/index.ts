// A server: HTTP, pages and WebSockets at the end of a pipeline

// A client
export { WebSocketBootstrap, type WebSocketClientOptions } from './client/web-socket-bootstrap.ts';
export {
  HttpEntry,
  type HttpEntryOptions,
  type RequestListener,
  type WebSocketAcceptor,
} from './server/http-entry.ts';
export { HttpEntryHandler, type HttpEntryHandlerOptions } from './server/http-entry-handler.ts';
export { isOwnOrigin, type OriginFacts } from './server/own-origin.ts';
// A WebSocket as a channel
export { closeCodeOf, type WebSocketClose } from './socket/close-codes.ts';
export { TextMessage, type WebSocketInput, type WebSocketOutput } from './socket/text-message.ts';
export {
  WebSocketChannel,
  type WebSocketChannelOptions,
  type WebSocketInitializer,
  webSocketChannel,
} from './socket/web-socket-channel.ts';
export { WebSocketTextCodec } from './socket/web-socket-text-codec.ts';
export { type WebSocketCarrier, WebSocketTransport } from './socket/web-socket-transport.ts';
export type { WsSocket } from './socket/ws-socket.ts';
