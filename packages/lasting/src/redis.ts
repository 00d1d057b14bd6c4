/**
 * Lasting channels kept in Redis: `@headrace/lasting/redis`. Needs the package `@redis/client`.
 *
 * @module
 */

export {
  type RedisSender,
  type RedisSessionLogOptions,
  redisSessionLog,
} from './log/redis-session-log.ts';
