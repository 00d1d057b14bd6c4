/**
 * A bus over Redis: `@headrace/bus/redis`. Needs the package `@redis/client`.
 *
 * @module
 */

export { type RedisBusOptions, redisBus } from './redis/redis-bus.ts';
export type { RedisClient } from './redis/redis-client.ts';
export type { RedisAccess } from './redis/redis-link.ts';
