/**
 * Logs that keep lasting channels, in memory, in the primary of `node:cluster`, in NATS JetStream or in Redis: `@headrace/lasting/log`.
 *
 * @module
 */

export { type MemorySessionLogOptions, memorySessionLog } from './log/memory-session-log.ts';
export { type SessionLogOfOptions, sessionLogOf } from './log/session-log-of.ts';
