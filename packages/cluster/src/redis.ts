/**
 * A bus over Redis: `@headrace/cluster/redis`. Needs the package `@redis/client`.
 *
 * @module
 */

export { type RedisBusOptions, redisBus } from './bus/redis/redis-bus.ts';
