import { RespError, type RespInput } from '@headrace/resp';
import type { Session } from '../session.ts';
import { type CommandTable, integerOf, keyOf, NOT_AN_INTEGER } from './command.ts';

const MAX_TTL_SECONDS = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1000));

export const KEY_COMMANDS: CommandTable = {
  del: {
    min: 1,
    max: Number.POSITIVE_INFINITY,
    run: ({ store }, keys) => keys.filter((key) => store.delete(keyOf(key))).length,
  },
  expire: { min: 2, run: expire },
  ttl: { min: 1, run: ({ store }, [key]) => ttlSeconds(store.ttl(keyOf(key!))) },
};

function expire({ store }: Session, [key, word]: readonly Buffer[]): RespInput {
  const seconds = integerOf(word!);
  if (seconds === undefined) return new RespError(NOT_AN_INTEGER);
  if (seconds > MAX_TTL_SECONDS || seconds < -MAX_TTL_SECONDS) {
    return new RespError("ERR invalid expire time in 'expire' command");
  }
  return store.expire(keyOf(key!), Number(seconds) * 1000) ? 1 : 0;
}

/** -1 and -2 mean something of their own. */
function ttlSeconds(ttlMs: number): number {
  return ttlMs < 0 ? ttlMs : Math.round(ttlMs / 1000);
}
