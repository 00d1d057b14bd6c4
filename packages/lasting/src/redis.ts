/**
 * Lasting channels kept in Redis: `@headrace/lasting/redis`. The entry needs the package `@redis/client`.
 *
 * @module
 */

export {
  type RedisSender,
  type RedisSessionLogOptions,
  redisSessionLog,
} from './log/redis-session-log.ts';
