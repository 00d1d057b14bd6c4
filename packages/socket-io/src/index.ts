// A server for clients of Socket.IO

// Engine.IO alone, for clients of their own
export {
  type EngineAcceptor,
  type EngineChannel,
  type EngineChannelOptions,
  EngineIo,
  type EngineIoOptions,
} from './engine/engine-io.ts';
export type { EngineOptions, EngineTransportName } from './engine/engine-options.ts';
export type { EngineEnd } from './engine/engine-session.ts';
export { ENGINE_END } from './engine/engine-transport.ts';
// Namespaces, their clients and events
export { type DisconnectReason, SOCKET_IO_DISCONNECT } from './namespace/disconnect-reason.ts';
export type {
  AnswerOf,
  AnyEvents,
  AnyListener,
  EventArgs,
  EventName,
  SentArgs,
} from './namespace/event-map.ts';
export type { SocketIoHandshake } from './namespace/handshake.ts';
export type {
  ClientAction,
  ClientCommand,
  LoggedMessage,
  LogPart,
  LogPlace,
  Members,
  NamespaceLog,
  NamespaceNodes,
  NamespaceReceiver,
  NamespaceTerms,
  NodeMessage,
  SessionRecords,
  SocketIoClient,
  SocketIoNodes,
} from './namespace/namespace-nodes.ts';
export type { SocketIoRecoveryOptions } from './namespace/recovery.ts';
export { SocketIoBroadcast } from './namespace/socket-io-broadcast.ts';
export {
  type Acknowledge,
  type ChosenClients,
  SocketIoEvent,
} from './namespace/socket-io-event.ts';
export {
  type SocketIoAcceptance,
  type SocketIoChannel,
  type SocketIoChannelOptions,
  type SocketIoDecision,
  type SocketIoListeners,
  SocketIoNamespace,
  type SocketIoNamespaceOptions,
  type SocketIoRefusal,
  type SocketIoSchemas,
} from './namespace/socket-io-namespace.ts';
export { type AnswerOptions, SocketIoSocket } from './namespace/socket-io-socket.ts';
export { type AnySocketIoNamespace, SocketIo, type SocketIoOptions } from './server/socket-io.ts';
