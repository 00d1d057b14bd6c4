import type { Clock } from '@headrace/core';
import { attempted } from '@headrace/core/authoring';
import type { ConsumerInfo, NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { JetStreamClients, NatsJetStream } from './nats-jet-stream.ts';

const NANOSECONDS = 1e6;
/** Time after which a consumer ends that a read could not delete, because its connection broke. */
const CONSUMER_MS = 10_000;
/**
 * Time for the server to make a consumer. For minutes after a server of a cluster was killed, the others give consumers to it, and
 * such a consumer never comes.
 */
const MAKE_MS = 1000;
/** Time for which reads do without consumers after one that did not come. */
const WITHOUT_MS = 30_000;
/** Maximum time for the messages of a page. What came until then is read, before a change that waits for it is late. */
const FETCH_MS = 2000;
/** Time after which the clock of the server is asked for its time again. */
const TIME_VALID_MS = 60_000;
/** Without a consumer: how many sequences are asked for at once, and in how many parts, each one message after the other. */
const SPAN = 256;
const PARTS = 16;

/** The subject of all messages. */
export const ALL = '>';

/** A message of a stream. */
export interface StreamMessage {
  readonly seq: number;
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  /** Empty if only the headers were asked for. */
  readonly data: Uint8Array;
  /** Length of the data, in bytes. */
  readonly byteLength: number;
  readonly time: Date;
}

/** What to read: the messages after a sequence, up to another one. */
export interface StreamRange {
  /** The subject of the messages, or {@link ALL}. */
  readonly subject: string;
  readonly after: number;
  readonly to: number;
  /** Maximum number of messages, and of bytes of data. At least one message is read if there is one. */
  readonly most: number;
  readonly maxBytes?: number;
  readonly headersOnly?: boolean;
}

export interface StreamPart {
  readonly messages: readonly StreamMessage[];
  /** Whether these are the last messages of the range. */
  readonly isEnd: boolean;
}

/** The parts of a {@link StreamReading}. */
export interface StreamReadingParts {
  readonly jetStream: NatsJetStream;
  /** The name of the stream. */
  readonly name: string;
  readonly clock: Clock;
}

/**
 * Reads the messages of a stream over one link, by a consumer for each read. Where the server does not make one, the messages are
 * asked for one by one, at the leader of the stream.
 */
export class StreamReading {
  private readonly parts: StreamReadingParts;
  private withoutUntil = Number.NEGATIVE_INFINITY;
  /** Difference between the clock of the server and the clock of this process, in milliseconds. */
  private difference = 0;
  private measuredAt = Number.NEGATIVE_INFINITY;

  constructor(parts: StreamReadingParts) {
    this.parts = parts;
  }

  async read(range: StreamRange): Promise<StreamPart> {
    const clients = await this.parts.jetStream.clients();
    const part = await this.byConsumer(clients, range);
    return part ?? this.oneByOne(clients, range);
  }

  /** Returns the time by the clock of the server, in milliseconds, or by that of this process if the server does not say it. */
  async now(): Promise<number> {
    const { clock, jetStream } = this.parts;
    if (clock.now() - this.measuredAt > TIME_VALID_MS) {
      // Servers before 2.10 say their time only in this answer.
      const clients = await jetStream.clients();
      const range = { subject: ALL, after: 0, to: 0, most: 0, headersOnly: true };
      await this.withConsumer(clients, range, ({ name }) => Promise.resolve(name));
    }
    return clock.now() + this.difference;
  }

  /** Returns the time of a message by the clock of this process, in milliseconds. */
  localTime({ time }: StreamMessage): number {
    return time.getTime() - this.difference;
  }

  /** Resolves with undefined if no consumer came, or if it has none of the messages. */
  private byConsumer(
    clients: JetStreamClients,
    range: StreamRange,
  ): Promise<StreamPart | undefined> {
    return this.withConsumer(clients, range, async (info) => {
      const { after, to, most, maxBytes = Number.POSITIVE_INFINITY } = range;
      const messages: StreamMessage[] = [];
      let at = after;
      let bytes = 0;
      if (info.num_pending > 0) {
        const consumer = clients.client.consumers.getConsumerFromInfo(info);
        const fetched = await consumer.fetch({ max_messages: most, expires: FETCH_MS });
        for await (const message of fetched) {
          const { seq, subject, headers, data, time } = message;
          at = seq;
          const byteLength = range.headersOnly === true ? sizeIn(headers) : data.byteLength;
          bytes += byteLength;
          if (at <= to) messages.push({ seq, subject, headers, data, byteLength, time });
          const isFull = messages.length === most || bytes >= maxBytes;
          if (at >= to || isFull || message.info.pending === 0) break;
        }
      }
      const isEnd = at >= to;
      if (isEnd || messages.length > 0) return { messages, isEnd };
      // The server of the consumer is behind the leader of the stream, or gone.
      if (info.num_pending > 0) this.doWithout();
      return undefined;
    });
  }

  private async withConsumer<T>(
    { manager, startAt }: JetStreamClients,
    { subject, after, headersOnly = false }: StreamRange,
    use: (info: ConsumerInfo) => Promise<T>,
  ): Promise<T | undefined> {
    const { name, clock } = this.parts;
    const asked = clock.now();
    if (asked < this.withoutUntil) return undefined;
    const remove = (info: ConsumerInfo) => {
      manager.consumers.delete(name, info.name).catch(() => {});
    };
    let isLate = false;
    const config = {
      ...startAt(after + 1),
      // A stream without this subject refuses it as a filter.
      ...(subject !== ALL && { filter_subject: subject }),
      ack_policy: 'none' as never,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: CONSUMER_MS * NANOSECONDS,
      headers_only: headersOnly,
    };
    const tooLate = () => {
      isLate = true;
      return new Error(`JetStream has made no consumer for ${MAKE_MS} ms`);
    };
    let info: ConsumerInfo;
    try {
      info = await attempted(
        () => manager.consumers.add(name, config),
        { limit: { clock, timeoutMs: MAKE_MS, error: tooLate } },
        remove,
      );
    } catch (thrown) {
      if (!isLate) throw thrown;
      this.doWithout();
      return undefined;
    }
    this.measuredAt = clock.now();
    this.difference = Date.parse(info.created) - (asked + this.measuredAt) / 2;
    try {
      return await use(info);
    } finally {
      remove(info);
    }
  }

  private doWithout(): void {
    this.withoutUntil = this.parts.clock.now() + WITHOUT_MS;
  }

  private async oneByOne(
    { manager }: JetStreamClients,
    { subject, after, to, most, maxBytes = Number.POSITIVE_INFINITY }: StreamRange,
  ): Promise<StreamPart> {
    const { name } = this.parts;
    const end = Math.min(to, after + SPAN);
    const width = Math.max(1, Math.ceil((end - after) / PARTS));
    const next = async (from: number, last: number): Promise<StreamMessage | undefined> => {
      const query: Required<NextMsgRequest> = { seq: from, next_by_subj: subject };
      const found = await manager.streams.getMessage(name, query);
      return found === null || found.seq > last ? undefined : messageOf(found);
    };
    const chain = async (from: number): Promise<StreamMessage[]> => {
      const last = Math.min(end, from + width - 1);
      const found: StreamMessage[] = [];
      for (let at = from; at <= last; ) {
        const message = await next(at, last);
        if (message === undefined) break;
        found.push(message);
        at = message.seq + 1;
      }
      return found;
    };
    const starts = [];
    for (let from = after + 1; from <= end; from += width) starts.push(from);
    const found = (await Promise.all(starts.map(chain))).flat();
    if (found.length === 0 && end < to) {
      const beyond = await next(end + 1, to);
      if (beyond === undefined) return { messages: [], isEnd: true };
      found.push(beyond);
    }
    let bytes = 0;
    const over = found.findIndex(({ byteLength }, index) => {
      bytes += byteLength;
      return index >= most || (index > 0 && bytes > maxBytes);
    });
    const messages = over < 0 ? found : found.slice(0, over);
    const isEnd = over < 0 && Math.max(end, messages.at(-1)?.seq ?? 0) >= to;
    return { messages, isEnd };
  }
}

function sizeIn(headers: MsgHdrs | undefined): number {
  return Number(headers?.get('Nats-Msg-Size')) || 0;
}

function messageOf({ seq, subject, header: headers, data, time }: StoredMsg): StreamMessage {
  return { seq, subject, headers, data, byteLength: data.byteLength, time };
}
