import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { BusSubscription } from '@headrace/bus';
import type { RedisAccess } from '@headrace/bus/redis';
import { liveSubject } from '../contract/live-subject.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import { DUPLICATE_WINDOW_MS, MAX_PAGE_BYTES } from '../memory/memory-stream.ts';
import { CHANGE, PAGE } from './redis-state-scripts.ts';
import { MAX_PAGE, type RedisScript, RedisStore, text } from './redis-store.ts';

/** Number of parts of an entry in an answer. */
const ENTRY_PARTS = 7;

/**
 * State groups in Redis. Each group has a few keys that one script writes.
 *
 * Redis cannot say whether it has lost changes. So a new run of the server is a new epoch: after a restart, after a failover, and
 * after a backup was restored.
 */
export class RedisStateLink implements StateLink {
  private readonly parts: RedisAccess;
  private readonly store: RedisStore<StateLimits>;

  constructor(parts: RedisAccess) {
    this.parts = parts;
    this.store = new RedisStore(parts, [CHANGE, PAGE]);
  }

  open(stream: string, limits: StateLimits): Promise<void> {
    return this.store.open(stream, limits);
  }

  async append(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const { keys, bytes } = this.store.limitsOf(stream);
    const { expected } = write;
    const [epoch = '', answer, ...rest] = await this.run(
      CHANGE,
      stream,
      [
        ...[id, write.key, write.bytes, write.isRemoval ? '1' : '0'],
        expected === undefined ? '' : String(expected),
        ...[limitText(keys), limitText(bytes), liveSubject(stream), String(DUPLICATE_WINDOW_MS)],
      ],
      `{${stream}}:i:${id}`,
    );
    if (text(answer) === 'full') {
      return { full: text(rest[0]) === 'keys' ? 'keys' : 'bytes', size: numberIn(rest[1]) };
    }
    if (text(answer) === 'conflict') return { conflict: entriesOf(epoch, rest)[0] ?? null };
    return { position: { epoch, offset: numberIn(rest[0]) } };
  }

  async read(stream: string, after: number, limit: number): Promise<StatePage> {
    const count = Math.max(1, Math.min(limit, MAX_PAGE));
    const words = [after, count, MAX_PAGE_BYTES].map(String);
    const [epoch, end, last, floor, ...rest] = await this.run(PAGE, stream, words);
    const entries = entriesOf(epoch, rest);
    return { epoch, entries, end: numberIn(end), last: numberIn(last), floor: numberIn(floor) };
  }

  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription {
    const close = this.parts.subscribe(liveSubject(stream), (bytes) => {
      const entry = liveEntry(bytes);
      if (entry !== undefined) listener(entry);
    });
    return { close };
  }

  /** Runs a script. Returns the epoch and the rest of the answer. */
  private async run(
    script: RedisScript,
    stream: string,
    values: readonly (string | Buffer)[],
    ...keys: readonly string[]
  ): Promise<[epoch: string, ...answer: Buffer[]]> {
    const { runId, warn } = this.parts;
    const { removals, removalAgeMs } = this.store.limitsOf(stream);
    const [begun, epoch, ...answer] = await this.store.run(
      script,
      [...keysOf(stream), ...keys],
      [runId, randomUUID(), limitText(removals), limitText(removalAgeMs), ...values],
    );
    if (text(begun) === '1') {
      warn(`a part of the state {${stream}} in Redis was lost: the state begins again, empty`);
    }
    return [text(epoch), ...answer];
  }
}

/** Makes keys that are in one slot of a Redis cluster. */
function keysOf(stream: string): string[] {
  return ['at', 'order', 'notes', 'values', 'removals'].map((name) => `{${stream}}:${name}`);
}

function entriesOf(epoch: string, parts: readonly Buffer[]): StateEntry[] {
  const entries: StateEntry[] = [];
  for (let at = 0; at + ENTRY_PARTS <= parts.length; at += ENTRY_PARTS) {
    const [offset, previous, id, key, flag, ageMs, bytes] = parts.slice(at, at + ENTRY_PARTS);
    entries.push({
      position: { epoch, offset: numberIn(offset) },
      previous: numberIn(previous),
      id: text(id),
      bytes: bytes!,
      key: text(key),
      isRemoval: text(flag) === '1',
      ageMs: numberIn(ageMs),
    });
  }
  return entries;
}

/** Parses `epoch offset previous is-removal length-of-id length-of-key`, a line feed, the id, the key, and the bytes. */
function liveEntry(message: Buffer): StateEntry | undefined {
  const end = message.indexOf(10);
  const parts = message.toString('latin1', 0, Math.max(end, 0)).split(' ');
  const [epoch = '', offset, previous, flag, idLength, keyLength] = parts;
  const keyAt = end + 1 + Number(idLength);
  const from = keyAt + Number(keyLength);
  if (parts.length !== 6 || !areSlices(end + 1, keyAt, from, message.byteLength)) return undefined;
  return {
    position: { epoch, offset: Number(offset) },
    previous: Number(previous),
    id: message.toString('utf8', end + 1, keyAt),
    bytes: message.subarray(from),
    key: message.toString('utf8', keyAt, from),
    isRemoval: flag === '1',
    ageMs: 0,
  };
}

/** Returns true for places in ascending order. */
function areSlices(...places: readonly number[]): boolean {
  return places.every((place, i) => place >= (places[i - 1] ?? 0));
}

function numberIn(part: Buffer | undefined): number {
  return Number(text(part));
}

/** Returns a limit for a script. Lua reads the largest text as no limit. */
function limitText(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : '1e999';
}
