import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { AgingMap } from '@headrace/bus/authoring';
import { Fifo } from '@headrace/core/authoring';
import type { LogEntry, LogLimits, LogPage, LogPosition } from '../contract/log.ts';

/** Time that an id stays known. */
export const DUPLICATE_WINDOW_MS = 120_000;

/** Maximum size of the kept messages. Large messages reduce their number. */
export const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** Bytes that {@link MAX_STREAM_BYTES} counts for each message, besides its bytes and its id. */
const ENTRY_OVERHEAD_BYTES = 320;

/** More than a thousand messages a second for the time that an id stays known. */
export const MAX_IDS = 131_072;

/** Maximum size of a page. A page is one message between processes. */
export const MAX_PAGE_BYTES = 1024 * 1024;

interface Stored {
  readonly entry: LogEntry;
  readonly at: number;
}

/** The log of one durable group in memory. Its epoch ends with the process. */
export class MemoryStream {
  private readonly epoch = randomUUID();
  private limits: LogLimits = {
    messages: Number.POSITIVE_INFINITY,
    ageMs: Number.POSITIVE_INFINITY,
  };
  private readonly stored = new Fifo<Stored>();
  private last = 0;
  /** The size of the kept messages, with their ids and the overhead. */
  private bytes = 0;
  /** The offsets of the known ids. */
  private readonly ids = new AgingMap<number>(DUPLICATE_WINDOW_MS, MAX_IDS);
  private readonly followers = new Set<(entry: LogEntry) => void>();

  limit(limits: LogLimits): void {
    this.limits = limits;
  }

  append(id: string, bytes: Uint8Array, now: number): LogPosition {
    this.ids.forget(now);
    const seen = this.ids.get(id);
    if (seen !== undefined) return { epoch: this.epoch, offset: seen };
    const previous = this.last;
    this.last += 1;
    const position = { epoch: this.epoch, offset: this.last };
    const entry = { position, previous, id, bytes: Buffer.from(bytes) };
    this.ids.set(id, this.last, now);
    this.stored.push({ entry, at: now });
    this.bytes += sizeOf(entry);
    this.trim(now);
    for (const follower of [...this.followers]) follower(entry);
    return position;
  }

  read(after: number, limit: number, now: number): LogPage {
    this.ids.forget(now);
    this.trim(now);
    const { epoch, last, stored } = this;
    const oldest = stored.peek()?.entry.position.offset ?? 0;
    // Offsets are consecutive here.
    const from = Math.max(0, after + 1 - oldest);
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let at = from; at < stored.size && entries.length < limit; at++) {
      const { entry } = stored.at(at)!;
      bytes += entry.bytes.byteLength;
      if (bytes > MAX_PAGE_BYTES && entries.length > 0) break;
      entries.push(entry);
    }
    return { epoch, entries, first: oldest, last };
  }

  get followerCount(): number {
    return this.followers.size;
  }

  follow(follower: (entry: LogEntry) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  private trim(now: number): void {
    const { messages, ageMs } = this.limits;
    const isGone = ({ at }: Stored) =>
      this.stored.size > messages || this.bytes > MAX_STREAM_BYTES || now - at > ageMs;
    for (let oldest = this.stored.peek(); oldest && isGone(oldest); oldest = this.stored.peek()) {
      this.stored.shift();
      this.bytes -= sizeOf(oldest.entry);
    }
  }
}

function sizeOf({ id, bytes }: LogEntry): number {
  return bytes.byteLength + id.length + ENTRY_OVERHEAD_BYTES;
}
