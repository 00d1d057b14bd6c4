import type { RedisAccess } from '@headrace/bus/redis';
import type { StoreEngine } from '../contract/store-engine.ts';
import { RedisLogLink } from './redis-log-link.ts';
import { RedisRecordLink } from './redis-record-link.ts';
import { RedisStateLink } from './redis-state-link.ts';

/** The stores of one bus over Redis. */
export function redisStores(): StoreEngine {
  return {
    openLog: ({ access }) => new RedisLogLink(access as RedisAccess),
    openStates: ({ access }) => new RedisStateLink(access as RedisAccess),
    openRecords: ({ access }) => new RedisRecordLink(access as RedisAccess),
  };
}
