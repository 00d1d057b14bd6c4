// Idle, heartbeat, auth, limits, echo, broadcast

export { AuthenticatedEvent, AuthFailedEvent } from './auth/auth-event.ts';
export { AuthHandler } from './auth/auth-handler.ts';
export type { AuthAttempt, AuthOptions, AuthReplies, AuthVerdict } from './auth/auth-options.ts';
export { type Authenticate, GuessLimiter, type GuessLimiterOptions } from './auth/guess-limiter.ts';
export { PRINCIPAL, principalOf, restoreSignIn } from './auth/principal.ts';
export { secretsEqual } from './auth/secrets-equal.ts';
export {
  SessionRegistry,
  type SessionRegistryEvents,
  type SessionRegistryOptions,
} from './auth/session-registry.ts';
export type { OtherSession, Session, Sessions } from './auth/sessions.ts';
export { Announcer, type AnnouncerOptions } from './broadcast/announcer.ts';
export { BroadcastHandler, type BroadcastOptions } from './broadcast/broadcast-handler.ts';
export type { RequestScope } from './call/work.ts';
export { EchoHandler, type EchoOptions } from './echo/echo-handler.ts';
export { AdaptiveInterval, type AdaptiveIntervalOptions } from './heartbeat/adaptive-interval.ts';
export {
  HeartbeatMissedEvent,
  HeartbeatProbeEvent,
  HeartbeatReceivedEvent,
} from './heartbeat/heartbeat-event.ts';
export {
  type BytesHeartbeatOptions,
  bytesHeartbeat,
  emptyFrameHeartbeat,
  type HeartbeatFormat,
  type MessageHeartbeatOptions,
  messageHeartbeat,
  type TextHeartbeatOptions,
  textHeartbeat,
} from './heartbeat/heartbeat-format.ts';
export { HeartbeatHandler } from './heartbeat/heartbeat-handler.ts';
export { HEARTBEAT_PRESETS, type HeartbeatOptions } from './heartbeat/heartbeat-options.ts';
export { IdleCloseHandler, type IdleCloseOptions } from './idle/idle-close-handler.ts';
export { type IdleState, IdleStateEvent } from './idle/idle-state-event.ts';
export { IdleStateHandler, type IdleStateOptions } from './idle/idle-state-handler.ts';
export { addressKey } from './limit/address-key.ts';
export type { AdmissionHandler, AdmissionOptions } from './limit/admission-handler.ts';
export {
  type ConnectionLimitCounters,
  ConnectionLimitHandler,
  type ConnectionLimitOptions,
} from './limit/connection-limit-handler.ts';
export {
  ConnectionRateHandler,
  type ConnectionRateOptions,
} from './limit/connection-rate-handler.ts';
export {
  IpFilterHandler,
  type IpFilterOptions,
  type IpRange,
  type IpRule,
} from './limit/ip-filter-handler.ts';
export type { Load } from './limit/load-meter.ts';
export {
  MessageRateExceededEvent,
  MessageRateHandler,
  type MessageRateOptions,
} from './limit/message-rate-handler.ts';
export {
  type OverloadCounters,
  OverloadEvent,
  OverloadGuard,
  type OverloadGuardOptions,
  type OverloadState,
} from './limit/overload-guard.ts';
export { TokenBuckets } from './limit/token-buckets.ts';
export { ConnectionExpiredEvent, type ExpiryOptions } from './timeout/connection-expiry.ts';
export { MaxAgeHandler, type MaxAgeOptions } from './timeout/max-age-handler.ts';
export { MaxMessagesHandler, type MaxMessagesOptions } from './timeout/max-messages-handler.ts';
export { ReadTimeoutHandler, type ReadTimeoutOptions } from './timeout/read-timeout-handler.ts';
export { WriteTimeoutHandler, type WriteTimeoutOptions } from './timeout/write-timeout-handler.ts';

// Flow

export { FileRegion, type FileRegionOptions } from './flow/file-region.ts';
export { FlowControlHandler } from './flow/flow-control-handler.ts';
export {
  FlushConsolidationHandler,
  type FlushConsolidationOptions,
} from './flow/flush-consolidation-handler.ts';
export { ReadWhenWritable } from './flow/read-when-writable.ts';
export { StreamWriteHandler, type StreamWriteOptions } from './flow/stream-write-handler.ts';

// Routing

export { CombinedHandler } from './routing/combined-handler.ts';
export {
  ForwardHandler,
  type ForwardOptions,
  type ForwardRequest,
} from './routing/forward-handler.ts';
export { MatchHandler, type MessageClass, match } from './routing/match-handler.ts';
export {
  matchTag,
  type NoSuchTag,
  type OtherTagCases,
  type TagCases,
  type Tagged,
  type TagOf,
} from './routing/match-tag.ts';
export { isHttpRequest, type Protocol, startsWith } from './routing/protocol.ts';
export {
  ProtocolDetectedEvent,
  ProtocolDetector,
  type ProtocolDetectorOptions,
} from './routing/protocol-detector.ts';
export {
  type Counterpart,
  pipeChannels,
  RelayHandler,
  type RelayOptions,
} from './routing/relay-handler.ts';
export { replaceWith } from './routing/replace-with.ts';
export { RequestHandler, type RequestOptions } from './routing/request-handler.ts';
export { type SwitchProtocolOptions, switchProtocol } from './routing/switch-protocol.ts';
export { type EventClass, UserEventHandler } from './routing/user-event-handler.ts';

// Shaping

export { GlobalTraffic, type GlobalTrafficOptions } from './shaping/global-traffic.ts';
export type { RateLimit, RateLimitOptions } from './shaping/rate-limit.ts';
export { TrafficCounter, type TrafficCounterOptions } from './shaping/traffic-counter.ts';
export type { TrafficLimits } from './shaping/traffic-limits.ts';
export {
  TrafficShapingHandler,
  type TrafficShapingOptions,
} from './shaping/traffic-shaping-handler.ts';

// Seeing: logging, metrics, captures

export type { LogFormat } from './logging/describe-message.ts';
export { fromPino, type PinoLike } from './logging/from-pino.ts';
export { LoggingHandler, type LoggingOptions } from './logging/logging-handler.ts';
export { PcapHandler, type PcapOptions } from './logging/pcap-handler.ts';
export { PcapWriter, type PcapWriterOptions } from './logging/pcap-writer.ts';
export { CHANNEL_METRICS, type ChannelMetrics } from './metrics/channel-metrics.ts';
export {
  DIAGNOSTICS_CHANNELS,
  DiagnosticsHandler,
  type DiagnosticsMessage,
} from './metrics/diagnostics-handler.ts';
export type { MetricFamily, MetricSample } from './metrics/metric-family.ts';
export { MetricsHandler, type MetricsOptions } from './metrics/metrics-handler.ts';
export { type MetricsListenerOptions, metricsListener } from './metrics/metrics-listener.ts';
export { type MetricsOfOptions, metricsOf } from './metrics/metrics-of.ts';
export { prometheusText } from './metrics/prometheus-text.ts';
export {
  type ChannelTotal,
  ServerMetrics,
  type ServerMetricsOptions,
} from './metrics/server-metrics.ts';
