// Logging

export type { LogFormat } from './logging/describe-message.ts';
export { hexDump } from './logging/hex-dump.ts';
export { LoggingHandler, type LoggingOptions } from './logging/logging-handler.ts';
// Routing
export { type Protocol, startsWith } from './routing/protocol.ts';
export {
  ProtocolDetectedEvent,
  ProtocolDetector,
  type ProtocolDetectorOptions,
} from './routing/protocol-detector.ts';
export { replaceWith } from './routing/replace-with.ts';
