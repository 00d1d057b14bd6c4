import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { RedisAccess } from '@headrace/bus/redis';
import { toBuffer } from '@headrace/core/authoring';
import type { KeyRecords, RecordLimits, RecordLink, RecordWrite } from '../contract/records.ts';
import { RedisScript, RedisStore, text } from './redis-store.ts';

/**
 * KEYS revision records; ARGV after record replaces keep-ms fresh-revision. Returns the revision, or nothing for another one than
 * `after`. Redis may have evicted one of the keys.
 */
const APPEND = new RedisScript(`
local at, records = KEYS[1], KEYS[2]
local now = redis.call('EXISTS', records) == 1 and redis.call('GET', at) or ''
if now ~= '' and redis.call('LINDEX', records, -1) == ARGV[2] then return now end
if now ~= ARGV[1] then return false end
if ARGV[3] == '1' or now == '' then redis.call('DEL', records) end
redis.call('RPUSH', records, ARGV[2])
redis.call('SET', at, ARGV[5], 'PX', ARGV[4])
redis.call('PEXPIRE', records, ARGV[4])
return ARGV[5]
`);

/** KEYS revision records. Returns the revision and the records, or nothing. */
const READ = new RedisScript(`
local now = redis.call('GET', KEYS[1])
if not now then return false end
local found = redis.call('LRANGE', KEYS[2], 0, -1)
if #found == 0 then return false end
table.insert(found, 1, now)
return found
`);

/** KEYS revision records; ARGV after. */
const REMOVE = new RedisScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
return false
`);

/**
 * Records in Redis: two keys that expire for each key of the stream, `{<stream>.<key>}:at` and `:records`. A revision is random, so
 * that a Redis that has lost records never uses one again.
 */
export class RedisRecordLink implements RecordLink {
  private readonly store: RedisStore<string>;

  constructor(access: RedisAccess) {
    this.store = new RedisStore(access, [APPEND, READ, REMOVE]);
  }

  open(stream: string, { keepMs }: RecordLimits): Promise<void> {
    return this.store.open(stream, String(Math.ceil(keepMs)));
  }

  async append(
    stream: string,
    { key, bytes, after, replaces }: RecordWrite,
  ): Promise<string | undefined> {
    const place = [after ?? '', toBuffer(bytes), replaces ? '1' : '0'];
    const keepMs = this.store.limitsOf(stream);
    const answer = await this.run(APPEND, stream, key, [...place, keepMs, randomUUID()]);
    return answer === null ? undefined : text(answer as Buffer);
  }

  async read(stream: string, key: string): Promise<KeyRecords | undefined> {
    const answer = await this.run(READ, stream, key, []);
    if (answer === null) return undefined;
    const [revision, ...records] = answer as readonly Buffer[];
    return { records, revision: text(revision) };
  }

  async remove(stream: string, key: string, after: string): Promise<void> {
    await this.run(REMOVE, stream, key, [after]);
  }

  private run(
    script: RedisScript,
    stream: string,
    key: string,
    values: readonly (string | Buffer)[],
  ): Promise<unknown> {
    const slot = `{${stream}.${key}}`;
    return this.store.run(script, [`${slot}:at`, `${slot}:records`], values);
  }
}
