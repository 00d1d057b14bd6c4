// Idle, heartbeat, auth, limits, echo, broadcast, calls

export { AuthenticatedEvent, AuthFailedEvent } from './auth/auth-event.ts';
export { AuthHandler } from './auth/auth-handler.ts';
export type { AuthAttempt, AuthOptions, AuthVerdict } from './auth/auth-options.ts';
export { GuessLimiter } from './auth/guess-limiter.ts';
export { PRINCIPAL, principalOf } from './auth/principal.ts';
export { secretsEqual } from './auth/secrets-equal.ts';
export { SessionRegistry } from './auth/session-registry.ts';
export type { OtherSession, Session, Sessions } from './auth/sessions.ts';
export { Announcer } from './broadcast/announcer.ts';
export { BroadcastHandler } from './broadcast/broadcast-handler.ts';
export { EchoHandler } from './echo/echo-handler.ts';
export { type BinaryExchange, binaryExchange } from './exchange/binary-exchange.ts';
export { refusal } from './exchange/exchange-error.ts';
export type {
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
  ExchangeTypes,
} from './exchange/exchange-format.ts';
export {
  type CallOptions,
  type ExchangeCounts,
  ExchangeHandler,
  type ExchangeOptions,
} from './exchange/exchange-handler.ts';
export type { ExchangeScope } from './exchange/exchange-worker.ts';
export {
  type JsonRpcCall,
  type JsonRpcExchange,
  jsonRpcExchange,
} from './exchange/json-rpc-exchange.ts';
export { AdaptiveInterval } from './heartbeat/adaptive-interval.ts';
export { HeartbeatMissedEvent, HeartbeatReceivedEvent } from './heartbeat/heartbeat-event.ts';
export {
  bytesHeartbeat,
  emptyFrameHeartbeat,
  type HeartbeatFormat,
  messageHeartbeat,
  textHeartbeat,
} from './heartbeat/heartbeat-format.ts';
export { HeartbeatHandler } from './heartbeat/heartbeat-handler.ts';
export { HEARTBEAT_PRESETS, type HeartbeatOptions } from './heartbeat/heartbeat-options.ts';
export { IdleCloseHandler } from './idle/idle-close-handler.ts';
export { IdleStateEvent } from './idle/idle-state-event.ts';
export { IdleStateHandler } from './idle/idle-state-handler.ts';
export { addressKey } from './limit/address-key.ts';
export {
  type ConnectionLimitCounters,
  ConnectionLimitHandler,
  type ConnectionLimitOptions,
} from './limit/connection-limit-handler.ts';
export { ConnectionRateHandler } from './limit/connection-rate-handler.ts';
export { IpFilterHandler } from './limit/ip-filter-handler.ts';
export type { Load } from './limit/load-meter.ts';
export { MessageRateExceededEvent, MessageRateHandler } from './limit/message-rate-handler.ts';
export { type OverloadCounters, OverloadEvent, OverloadGuard } from './limit/overload-guard.ts';
export { UniqueAddressHandler } from './limit/unique-address-handler.ts';
export { ConnectionExpiredEvent } from './timeout/connection-expiry.ts';
export { MaxAgeHandler } from './timeout/max-age-handler.ts';
export { MaxMessagesHandler } from './timeout/max-messages-handler.ts';
export { ReadTimeoutHandler } from './timeout/read-timeout-handler.ts';
export { WriteTimeoutHandler } from './timeout/write-timeout-handler.ts';

// Flow

export { FileRegion } from './flow/file-region.ts';
export { FlowControlHandler } from './flow/flow-control-handler.ts';
export { FlushConsolidationHandler } from './flow/flush-consolidation-handler.ts';
export { ReadWhenWritable } from './flow/read-when-writable.ts';
export { StreamWriteHandler } from './flow/stream-write-handler.ts';

// Routing

export { CombinedHandler } from './routing/combined-handler.ts';
export { ForwardHandler, type ForwardRequest } from './routing/forward-handler.ts';
export { MatchHandler, match } from './routing/match-handler.ts';
export { matchTag, type TagCases } from './routing/match-tag.ts';
export { isHttpRequest, type Protocol, startsWith } from './routing/protocol.ts';
export { ProtocolDetectedEvent, ProtocolDetector } from './routing/protocol-detector.ts';
export { pipeChannels, RelayHandler } from './routing/relay-handler.ts';
export { replaceWith } from './routing/replace-with.ts';
export { RequestHandler } from './routing/request-handler.ts';
export { switchProtocol } from './routing/switch-protocol.ts';
export { UserEventHandler } from './routing/user-event-handler.ts';

// Shaping

export { GlobalTraffic } from './shaping/global-traffic.ts';
export { TrafficCounter } from './shaping/traffic-counter.ts';
export { TrafficShapingHandler } from './shaping/traffic-shaping-handler.ts';

// Seeing: logging, metrics, captures

export { fromPino } from './logging/from-pino.ts';
export { LoggingHandler } from './logging/logging-handler.ts';
export { PcapHandler } from './logging/pcap-handler.ts';
export { PcapWriter } from './logging/pcap-writer.ts';
export { CHANNEL_METRICS, type ChannelMetrics } from './metrics/channel-metrics.ts';
export {
  DIAGNOSTICS_CHANNELS,
  DiagnosticsHandler,
  type DiagnosticsMessage,
} from './metrics/diagnostics-handler.ts';
export type { MetricFamily, MetricSample } from './metrics/metric-family.ts';
export { MetricsHandler } from './metrics/metrics-handler.ts';
export { metricsListener } from './metrics/metrics-listener.ts';
export { metricsOf } from './metrics/metrics-of.ts';
export { prometheusText } from './metrics/prometheus-text.ts';
export { ServerMetrics } from './metrics/server-metrics.ts';
