// Logging

export type { LogFormat } from './logging/describe-message.ts';
export { hexDump } from './logging/hex-dump.ts';
export { LoggingHandler, type LoggingOptions } from './logging/logging-handler.ts';
