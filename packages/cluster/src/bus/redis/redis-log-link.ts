import { Buffer } from 'node:buffer';
import { createHash, randomUUID } from 'node:crypto';
import { toBuffer, toError } from '@headrace/core/authoring';
import type { RESP_TYPES } from '@redis/client';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../../log/log.ts';
import { DUPLICATE_WINDOW_MS } from '../../log/memory-stream.ts';
import type { BusSubscription } from '../bus.ts';
import { liveSubject } from '../subject.ts';
import type { RedisClient } from './redis-client.ts';
import { APPEND, READ } from './redis-scripts.ts';

/** The parts of a {@link RedisLogLink}. */
export interface RedisLogLinkParts {
  readonly client: RedisClient;
  readonly types: typeof RESP_TYPES;
  readonly runId: string;
  readonly subscribe: (subject: string, listener: (bytes: Buffer) => void) => () => void;
  /** Writes a line to the log of this process. */
  readonly warn: (text: string) => void;
  readonly lose: (cause: Error) => void;
}

const sha = (script: string) => createHash('sha1').update(script).digest('hex');
const APPEND_SHA = sha(APPEND);
const READ_SHA = sha(READ);
/** Maximum number of entries in one answer, because Redis does nothing else meanwhile. */
const MAX_PAGE = 1000;

/** Durable groups in Redis. Each group is a stream that one script writes. */
export class RedisLogLink implements LogLink {
  private readonly parts: RedisLogLinkParts;
  private readonly limits = new Map<string, readonly [messages: string, ageMs: string]>();
  private loading: Promise<unknown> | undefined = undefined;

  constructor(parts: RedisLogLinkParts) {
    this.parts = parts;
  }

  async open(stream: string, { messages, ageMs }: LogLimits): Promise<void> {
    // A server that loads its files still refuses. The next call asks again.
    this.loading ??= this.load().catch((thrown: unknown) => {
      this.loading = undefined;
      throw toError(thrown);
    });
    await this.loading;
    this.limits.set(stream, [orNone(messages), orNone(Math.ceil(ageMs))]);
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const [messages, ageMs] = this.limitsOf(stream);
    const answer = await this.run(
      APPEND_SHA,
      [...keysOf(stream), `{${stream}}:i:${id}`],
      [
        this.parts.runId,
        randomUUID(),
        id,
        toBuffer(bytes),
        messages,
        ageMs,
        liveSubject(stream),
        String(DUPLICATE_WINDOW_MS),
      ],
    );
    if (text(answer[2]) === '1') {
      const log = keysOf(stream)[1];
      this.parts.warn(
        `another program wrote to the stream ${log} in Redis: the log of this group begins again`,
      );
    }
    return { epoch: text(answer[0]), offset: Number(text(answer[1])) };
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const [, ageMs] = this.limitsOf(stream);
    const count = String(Math.max(1, Math.min(limit, MAX_PAGE)));
    const [epoch, first, last, ...rest] = await this.run(READ_SHA, keysOf(stream), [
      randomUUID(),
      String(after),
      count,
      ageMs,
    ]);
    const position = (offset: Buffer | undefined) => ({
      epoch: text(epoch),
      offset: Number(text(offset)),
    });
    const entries: LogEntry[] = [];
    for (let at = 0; at + 3 < rest.length; at += 4) {
      entries.push({
        position: position(rest[at + 1]),
        previous: Number(text(rest[at + 2])),
        id: text(rest[at]),
        bytes: rest[at + 3]!,
      });
    }
    return { epoch: text(epoch), entries, first: Number(text(first)), last: Number(text(last)) };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    const close = this.parts.subscribe(liveSubject(stream), (bytes) => {
      const entry = liveEntry(bytes);
      if (entry !== undefined) listener(entry);
    });
    return { close };
  }

  private limitsOf(stream: string): readonly [messages: string, ageMs: string] {
    const limits = this.limits.get(stream);
    if (limits === undefined) throw new Error(`${stream} is not open`);
    return limits;
  }

  private async load(): Promise<void> {
    const { client } = this.parts;
    await Promise.all([
      client.sendCommand(['SCRIPT', 'LOAD', APPEND]),
      client.sendCommand(['SCRIPT', 'LOAD', READ]),
    ]);
  }

  private async run(
    script: string,
    keys: readonly string[],
    values: readonly (string | Buffer)[],
  ): Promise<Buffer[]> {
    const { client, lose, types } = this.parts;
    const command = ['EVALSHA', script, String(keys.length), ...keys, ...values];
    const typeMapping = { [types.BLOB_STRING]: Buffer };
    try {
      return await client.sendCommand<Buffer[]>(command, { typeMapping });
    } catch (thrown) {
      const error = toError(thrown);
      // The scripts were cleared on the server, or the server has become a replica. Over a new link, everything is repeated in
      // order.
      if (/^(NOSCRIPT|READONLY)/.test(error.message)) lose(error);
      throw error;
    }
  }
}

/** Makes keys that are in one slot of a Redis cluster. */
function keysOf(stream: string): string[] {
  return [`{${stream}}:at`, `{${stream}}:log`, `{${stream}}:marks`];
}

/** Parses `epoch offset previous length-of-id`, a line feed, the id, and the bytes. */
function liveEntry(message: Buffer): LogEntry | undefined {
  const end = message.indexOf(10);
  const parts = message.toString('latin1', 0, Math.max(end, 0)).split(' ');
  const [epoch = '', offset, previous, idLength] = parts;
  const from = end + 1 + Number(idLength);
  if (parts.length !== 4 || !(from <= message.byteLength)) return undefined;
  const position = { epoch, offset: Number(offset) };
  const id = message.toString('utf8', end + 1, from);
  return { position, previous: Number(previous), id, bytes: message.subarray(from) };
}

function orNone(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : '0';
}

function text(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : String(bytes);
}
