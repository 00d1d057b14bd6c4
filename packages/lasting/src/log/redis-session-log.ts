import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { describeOptions, number, text, value } from '@headrace/core/authoring';
import type { AppendPlace, LoggedSession, SessionLog } from './session-log.ts';

/** A connected client of `@redis/client` or `redis`, for one server. Clients of a Redis Cluster or of Sentinel are refused. */
export interface RedisSender {
  /** Sends a command. Rejects with the error of the client or of Redis. */
  sendCommand(
    command: readonly (string | Buffer)[],
    options?: { readonly typeMapping?: Readonly<Record<number, unknown>> },
  ): Promise<unknown>;
}

/** Options of {@link redisSessionLog}. */
export interface RedisSessionLogOptions {
  /** Client that is already connected, and reconnects by itself. */
  readonly client: RedisSender;
  /** Time that Redis keeps a channel after its last record, in milliseconds. @default 600000 */
  readonly keepMs?: number;
  /** Prefix of the keys. @default 'hr:lasting:' */
  readonly prefix?: string;
}

const OPTIONS = describeOptions('redisSessionLog', {
  client: value<RedisSender, { readonly required: true }>(
    'a client of @redis/client for one server; clients of a Redis Cluster and of Sentinel are not supported',
    (given) => {
      const send = (given as Partial<RedisSender> | null)?.sendCommand;
      // The command is the third parameter in a client of a cluster, and the second in a client of Sentinel.
      return typeof send === 'function' && send.length <= 2;
    },
    { required: true },
  ),
  keepMs: number({ min: 1, default: 600_000 }),
  prefix: text('the beginning of the names of the keys', { default: 'hr:lasting:' }),
});

/**
 * KEYS: revision, records. ARGV: after, record, replaces, keep-ms. Returns the revision, or nothing if the revision is not
 * `after`. A revision is the time in microseconds, or a higher number, so that no revision repeats after Redis has lost its data
 * or has older data. Redis may have evicted one of the keys.
 */
const APPEND = `
local at, records = KEYS[1], KEYS[2]
local now = redis.call('EXISTS', records) == 1 and redis.call('GET', at) or ''
if now ~= '' and redis.call('LINDEX', records, -1) == ARGV[2] then return now end
if now ~= ARGV[1] then return false end
if ARGV[3] == '1' then redis.call('DEL', records) end
redis.call('RPUSH', records, ARGV[2])
local time = redis.call('TIME')
local next = string.format('%.0f', math.max(time[1] * 1000000 + time[2], (tonumber(now) or 0) + 1))
redis.call('SET', at, next, 'PX', ARGV[4])
redis.call('PEXPIRE', records, ARGV[4])
return next
`;

/** KEYS: revision, records. Returns the revision and the records. */
const READ = `
local now = redis.call('GET', KEYS[1])
if not now then return false end
local found = redis.call('LRANGE', KEYS[2], 0, -1)
if #found == 0 then return false end
table.insert(found, 1, now)
return found
`;

/** KEYS: revision, records. ARGV: revision. */
const REMOVE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
return false
`;

/** First byte of a bulk string, with which the client identifies its type. */
const BULK_STRING = '$'.charCodeAt(0);
const AS_BUFFERS = { typeMapping: { [BULK_STRING]: Buffer } };

class RedisSessionLog implements SessionLog {
  readonly keepMs: number;
  private readonly client: RedisSender;
  private readonly prefix: string;

  constructor(client: RedisSender, keepMs: number, prefix: string) {
    this.client = client;
    this.keepMs = keepMs;
    this.prefix = prefix;
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    const found = (await this.run(READ, id, [])) as readonly Buffer[] | null;
    if (found === null) return undefined;
    const [revision, ...records] = found;
    return { records, revision: String(revision) };
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const { buffer, byteOffset, byteLength } = record;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    const keep = String(Math.ceil(this.keepMs));
    const revision = await this.run(APPEND, id, [after ?? '', bytes, replaces ? '1' : '0', keep]);
    return revision === null ? undefined : String(revision as Buffer);
  }

  async remove(id: string, after: string): Promise<void> {
    await this.run(REMOVE, id, [after]);
  }

  private async run(
    script: string,
    id: string,
    values: readonly (string | Buffer)[],
  ): Promise<unknown> {
    // Both keys must be in one slot of a Redis cluster.
    const key = `${this.prefix}{${id}}`;
    const rest = ['2', `${key}:at`, `${key}:records`, ...values];
    try {
      return await this.client.sendCommand(['EVALSHA', nameOf(script), ...rest], AS_BUFFERS);
    } catch (thrown) {
      const text = String((thrown as Partial<Error>).message);
      if (text.startsWith('MOVED')) throw new Error(`${text}: a Redis Cluster is not supported`);
      if (!text.startsWith('NOSCRIPT')) throw thrown;
      return this.client.sendCommand(['EVAL', script, ...rest], AS_BUFFERS);
    }
  }
}

const names = new Map<string, string>();

/** Returns the name by which Redis knows a script that it has run. */
function nameOf(script: string): string {
  let name = names.get(script);
  if (name === undefined) {
    name = createHash('sha1').update(script).digest('hex');
    names.set(script, name);
  }
  return name;
}

/**
 * Returns a log that keeps lasting channels in Redis (6.2 or later), with two expiring keys for each channel. Redis can lose
 * records that it has acknowledged. Use `appendonly yes` with `appendfsync always` if a crash of the machine must not lose
 * records. A replica that takes over can lack the last writes.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts check
 * import { ResumeTable } from '@headrace/lasting';
 * import { redisSessionLog } from '@headrace/lasting/redis';
 * import { createClient } from '@redis/client';
 *
 * const client = await createClient({ url: 'redis://127.0.0.1:6379' })
 *   .on('error', (error: Error) => console.error(error.message))
 *   .connect();
 * const table = new ResumeTable({ log: redisSessionLog({ client }) });
 * ```
 */
export function redisSessionLog(options: RedisSessionLogOptions): SessionLog {
  const { client, keepMs, prefix } = OPTIONS.resolve(options);
  return new RedisSessionLog(client as RedisSender, keepMs, prefix);
}
