import './copy.ts';

// Start a server or a client
export type {
  AcceptedTransport,
  BindTarget,
  ListenerTarget,
  MemoryTarget,
  PortNetworkTarget,
  ServerTls,
} from './bootstrap/bind-target.ts';
export { Bootstrap, type ClientOptions, type ConnectOptions } from './bootstrap/bootstrap.ts';
export type {
  ClientTls,
  ConnectPlace,
  ConnectSocketOptions,
  PathPlace,
  PortNetworkPlace,
  PortPlace,
  TransportTarget,
} from './bootstrap/connect-target.ts';
export {
  CONNECTION_CHANNELS,
  type ConnectionMessage,
} from './bootstrap/connection-diagnostics.ts';
export type { ShutdownOptions } from './bootstrap/drain.ts';
export { Server, type ServerEvents } from './bootstrap/server.ts';
export {
  type BindOptions,
  type ChildOptions,
  ServerBootstrap,
  type ServerOptions,
} from './bootstrap/server-bootstrap.ts';
// TLS
export {
  PEER_CERTIFICATE,
  TLS,
  TlsHandshakeEvent,
} from './bootstrap/tls-event.ts';
export { type UpgradeToTlsOptions, upgradeToTls } from './bootstrap/upgrade-to-tls.ts';
export type { WatchedEmitter } from './call/watched-emitter.ts';
export type { ChannelInitializer } from './channel/channel-builder.ts';
// Channels over transports of your own
export type { ChannelHooks, ChannelOptions } from './channel/channel-options.ts';
export { initializer } from './channel/initializer.ts';
export {
  type ConnectChannelOptions,
  connectChannel,
  type OpenChannelOptions,
  openChannel,
  registerChannel,
} from './channel/open-channel.ts';
// The nouns
export { AttributeKey } from './contract/attribute-key.ts';
export type {
  Clock,
  DeadlineEntry,
  DeadlineRule,
  Deadlines,
  Timer,
  Turns,
  WhileHeld,
} from './contract/clock.ts';
export type {
  Address,
  CloseInfo,
  CloseReason,
  MessageLimits,
  TlsInfo,
} from './contract/connection.ts';
export type { ChannelMatcher, Group, GroupOutcome } from './contract/group.ts';
export type { Misfit, ThePipelineSoFar, TypesOf } from './contract/handler-chain.ts';
export type { HandlerEvents } from './contract/handler-events.ts';
export type { HandlerTypes, PassThrough, Types, WhatItReads } from './contract/handler-types.ts';
export type { Logger, LogLevel } from './contract/logger.ts';
export type { MessageKind, MessageKinds } from './contract/message-kinds.ts';
export type { ByteSource, OutboundBytes } from './contract/outbound-bytes.ts';
export type {
  Attributes,
  Channel,
  Context,
  Direction,
  EndOptions,
  Handled,
  Handler,
  HandlerClass,
  HandlerRef,
  InboundInvoker,
  OutboundInvoker,
  Pipeline,
  ReadHold,
  WriteFuture,
  WriteOptions,
} from './contract.ts';
export { DrainEvent, type DrainHold } from './drain/drain-event.ts';
export { DrainStartEvent } from './drain/drain-start-event.ts';
// Errors
export {
  ChannelError,
  DecodeError,
  EncodeError,
  ERROR_CODES,
  ERROR_PAGE,
  type ErrorClassName,
  type ErrorCode,
  type ErrorCodeEntry,
  type ErrorCodeOf,
  type ErrorCodeTable,
  type ErrorDetails,
  errorCodes,
  HeadraceError,
  isHeadraceError,
  OptionError,
  PipelineError,
  RejectedError,
  TimedOutError,
  type WholeErrorCode,
} from './errors.ts';
// Groups
export {
  ChannelGroup,
  type ChannelGroupEvents,
  type ChannelGroupOptions,
} from './group/channel-group.ts';
export { ChannelMatchers } from './group/channel-matchers.ts';
export { ChannelGroupError, GroupFuture, type MemberFailure } from './group/group-future.ts';
export type {
  SlowMemberCounters,
  SlowMemberOptions,
  SlowMemberPolicy,
} from './group/slow-member.ts';
// Loggers and the clock
export { silentLogger, stderrLogger } from './log/stderr-logger.ts';
export { CLIENT_ADDRESS, clientAddress } from './peer/client-address.ts';
export type { TrustedPeers } from './peer/trusted-peers.ts';
// Pipelines
export { handler } from './pipeline/handler-literal.ts';
export {
  type HandlerFactory,
  type HandlerSource,
  type Made,
  PipelineTemplate,
  pipeline,
} from './pipeline/pipeline-template.ts';
export { sequential } from './pipeline/sequential.ts';
export { TlsUpgradeEvent } from './pipeline/tls-upgrade-event.ts';
// How handlers fit each other, for the compiler
export type * as TypedPipeline from './pipeline/typed-pipeline.ts';
// A channel as streams
export { ChannelDuplex } from './stream/channel-duplex.ts';
export {
  type ChannelStreams,
  type ChannelStreamsOptions,
  channelStreams,
} from './stream/channel-streams.ts';
export { DuplexHandler } from './stream/duplex-handler.ts';
export { ClockDeadlines } from './time/clock-deadlines.ts';
export { systemClock } from './time/system-clock.ts';
export { TurnQueue } from './time/turn-queue.ts';
// Transports
export type { ByteEnd, EndUser } from './transport/byte-end.ts';
export type {
  DatagramNetwork,
  DatagramPlace,
  DatagramSettings,
  DatagramSocket,
  DatagramSocketUser,
  MulticastGroup,
} from './transport/datagram-network.ts';
export type { ListenTarget } from './transport/listen-target.ts';
export type {
  Listener,
  ListenerSink,
  TransportChoice,
  TransportKind,
  WantedTransport,
} from './transport/listener.ts';
export { MemoryNetwork, type MemoryNetworkOptions } from './transport/memory-network.ts';
export {
  type EndOwner,
  MemoryTransport,
  type MemoryTransportOptions,
} from './transport/memory-transport.ts';
export type { NetworkSocketOptions, PortNetwork } from './transport/port-network.ts';
export type { ReadMemory, ReadRoom, RoomOwner } from './transport/read-memory.ts';
export type { SocketOptions } from './transport/socket-options.ts';
export { SocketTransport } from './transport/socket-transport.ts';
export {
  type StreamPair,
  StreamTransport,
  type StreamTransportOptions,
} from './transport/stream-transport.ts';
export { TlsClientContext, type TlsClientOptions } from './transport/tls/tls-client-context.ts';
export type { TlsIdentity } from './transport/tls/tls-identity.ts';
export { TlsServerContext, type TlsServerOptions } from './transport/tls/tls-server-context.ts';
export { TlsTransport } from './transport/tls/tls-transport.ts';
export type {
  Carrier,
  ConnectionlessRules,
  Transport,
  TransportSink,
} from './transport/transport.ts';
