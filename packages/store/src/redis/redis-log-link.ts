import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { BusSubscription } from '@headrace/bus';
import type { RedisAccess } from '@headrace/bus/redis';
import { toBuffer } from '@headrace/core/authoring';
import { liveSubject } from '../contract/live-subject.ts';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../contract/log.ts';
import { DUPLICATE_WINDOW_MS, MAX_PAGE_BYTES } from '../memory/memory-stream.ts';
import { APPEND, READ } from './redis-log-scripts.ts';
import { MAX_PAGE, RedisStore, text } from './redis-store.ts';

/** Durable groups in Redis. Each group is a stream that one script writes. */
export class RedisLogLink implements LogLink {
  private readonly parts: RedisAccess;
  private readonly store: RedisStore<readonly [messages: string, ageMs: string]>;

  constructor(parts: RedisAccess) {
    this.parts = parts;
    this.store = new RedisStore(parts, [APPEND, READ]);
  }

  open(stream: string, { messages, ageMs }: LogLimits): Promise<void> {
    return this.store.open(stream, [orNone(messages), orNone(Math.ceil(ageMs))]);
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const [messages, ageMs] = this.store.limitsOf(stream);
    const answer = await this.store.run(
      APPEND,
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
    const [, ageMs] = this.store.limitsOf(stream);
    const count = String(Math.max(1, Math.min(limit, MAX_PAGE)));
    const [epoch, base, gaps, first, last, ...rest] = await this.store.run(READ, keysOf(stream), [
      this.parts.runId,
      randomUUID(),
      String(after),
      count,
      ageMs,
      String(MAX_PAGE_BYTES),
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
    const end = Number(text(last));
    const lost = text(gaps)
      .split(' ')
      .filter((gap) => gap !== '')
      .map((gap) => {
        const [after, before] = gap.split('-');
        return { after: Number(after), before: Number(before) };
      });
    const common = lost.length === 0 ? undefined : { base: text(base), offset: end, lost };
    return { epoch: text(epoch), entries, first: Number(text(first)), last: end, common };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    const close = this.parts.subscribe(liveSubject(stream), (bytes) => {
      const entry = liveEntry(bytes);
      if (entry !== undefined) listener(entry);
    });
    return { close };
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
