import { RespError, type RespInput, RespNull, RespSimple } from '@headrace/resp';
import type { Session } from '../session.ts';
import {
  type CommandTable,
  integerOf,
  isLargest,
  keyOf,
  NOT_AN_INTEGER,
  syntaxError,
} from './command.ts';

/** The arguments of SET after the value. */
interface SetOptions {
  readonly ttlMs?: number;
  readonly only?: 'new' | 'existing';
}

const MAX_TTL_MS = BigInt(Number.MAX_SAFE_INTEGER);

export const STRING_COMMANDS: CommandTable = {
  get: { min: 1, run: ({ store }, [key]) => store.get(keyOf(key!)) ?? RespNull.STRING },
  set: { min: 2, max: Number.POSITIVE_INFINITY, keeps: true, run: set },
  mget: {
    min: 1,
    max: Number.POSITIVE_INFINITY,
    run: ({ store }, keys) => keys.map((key) => store.get(keyOf(key)) ?? RespNull.STRING),
  },
  incr: { min: 1, keeps: true, run: ({ store }, [key]) => increment(store, keyOf(key!)) },
};

function set({ store }: Session, [key, value, ...words]: readonly Buffer[]): RespInput {
  const options = words.length === 0 ? {} : parseSetOptions(words);
  if (options instanceof RespError) return options;
  const name = keyOf(key!);
  if (options.only !== undefined) {
    const exists = store.get(name) !== undefined;
    if (exists !== (options.only === 'existing')) return RespNull.STRING;
  }
  store.set(name, value!, options.ttlMs);
  return RespSimple.OK;
}

function parseSetOptions(words: readonly Buffer[]): SetOptions | RespError {
  let ttlMs: number | undefined;
  let only: 'new' | 'existing' | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!.toString('latin1').toLowerCase();
    const isTime = (word === 'ex' || word === 'px') && ttlMs === undefined;
    if (isTime && at + 1 < words.length) {
      at += 1;
      const parsed = parseTtl(words[at]!, word === 'ex' ? 1000n : 1n);
      if (parsed instanceof RespError) return parsed;
      ttlMs = parsed;
    } else if ((word === 'nx' || word === 'xx') && only === undefined) {
      only = word === 'nx' ? 'new' : 'existing';
    } else return syntaxError();
  }
  return { ...(ttlMs === undefined ? {} : { ttlMs }), ...(only === undefined ? {} : { only }) };
}

function parseTtl(word: Buffer, unitMs: bigint): number | RespError {
  const value = integerOf(word);
  if (value === undefined) return new RespError(NOT_AN_INTEGER);
  const ttlMs = value * unitMs;
  if (ttlMs <= 0n || ttlMs > MAX_TTL_MS)
    return new RespError("ERR invalid expire time in 'set' command");
  return Number(ttlMs);
}

function increment(store: Session['store'], key: string): RespInput {
  const value = store.get(key);
  const number = value === undefined ? 0n : integerOf(value);
  if (number === undefined) return new RespError(NOT_AN_INTEGER);
  if (isLargest(number)) return new RespError('ERR increment or decrement would overflow');
  store.update(key, Buffer.from(String(number + 1n)));
  return number + 1n;
}
