import { passTime, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StreamRange, StreamReading } from '../../src/nats/stream-reading.ts';

interface Stored {
  readonly seq: number;
  readonly subject: string;
}

/** What the server does with a consumer that is asked for. */
type Consumers = 'come' | 'never come' | 'come late' | 'have nothing' | 'are refused';

/** A stream whose leader is current. */
class Stream {
  readonly clock = new VirtualClock();
  consumers: Consumers = 'come';
  added = 0;
  removed = 0;
  asked = 0;
  private readonly stored: readonly Stored[];

  constructor(stored: readonly Stored[]) {
    this.stored = stored;
  }

  reading(): StreamReading {
    const jetStream = {
      clients: async () => ({
        manager: this.manager,
        client: this.client,
        startAt: (seq: number) => ({ opt_start_seq: seq }),
      }),
    } as never;
    return new StreamReading({ jetStream, name: 'stream', clock: this.clock });
  }

  /** What a read of the range must resolve with. */
  partOf({ subject, after, to, most }: StreamRange): readonly number[] {
    const found = this.stored.filter(
      (one) => one.seq > after && one.seq <= to && (subject === '>' || one.subject === subject),
    );
    return found.map(({ seq }) => seq).slice(0, most);
  }

  private readonly manager = {
    consumers: {
      add: async (_name: string, config: { opt_start_seq: number; filter_subject?: string }) => {
        this.added += 1;
        if (this.consumers === 'are refused') throw new Error('no');
        if (this.consumers === 'never come') return new Promise(() => {});
        if (this.consumers === 'come late') {
          await new Promise<void>((resolve) => void this.clock.schedule(resolve, 3000));
        }
        const waiting = this.stored.filter(
          ({ seq, subject }) =>
            seq >= config.opt_start_seq && (config.filter_subject ?? subject) === subject,
        );
        const created = new Date(this.clock.now() + 5000).toISOString();
        return { name: 'consumer', created, num_pending: waiting.length, waiting };
      },
      delete: async () => {
        this.removed += 1;
      },
    },
    streams: {
      getMessage: async (_name: string, query: { seq: number; next_by_subj: string }) => {
        this.asked += 1;
        await Promise.resolve();
        const found = this.stored.find(
          ({ seq, subject }) =>
            seq >= query.seq && (query.next_by_subj === '>' || subject === query.next_by_subj),
        );
        return found === undefined ? null : { ...messageOf(found), header: undefined };
      },
    },
  };

  private readonly client = {
    consumers: {
      getConsumerFromInfo: ({ waiting }: { waiting: readonly Stored[] }) => ({
        fetch: async ({ max_messages: most }: { max_messages: number }) =>
          this.consumers === 'have nothing'
            ? []
            : waiting.slice(0, most).map((one, i) => ({
                ...messageOf(one),
                info: { pending: waiting.length - i - 1 },
              })),
      }),
    },
  };
}

const messageOf = ({ seq, subject }: Stored) => ({
  ...{ seq, subject, data: Buffer.from(`${seq}`), headers: undefined, time: new Date(seq) },
});
const numbers = (to: number): Stored[] =>
  Array.from({ length: to }, (_, i) => ({ seq: i + 1, subject: i % 3 === 0 ? 'a' : 'b' }));
const ALL = { subject: '>', after: 0, to: 600, most: 1000 };

async function seqsOf(stream: Stream, reading: StreamReading, range: StreamRange) {
  const read = reading.read(range);
  await passTime(stream.clock, 2000);
  const { messages, isEnd } = await read;
  return { seqs: messages.map(({ seq }) => seq), isEnd };
}

describe('a read of a JetStream stream', () => {
  it('asks for one message after the other where the server makes no consumer, and for no consumer for a while', async () => {
    const stream = new Stream(numbers(600));
    stream.consumers = 'never come';
    const reading = stream.reading();
    const first = await seqsOf(stream, reading, ALL);
    expect(first).toEqual({ seqs: stream.partOf({ ...ALL, to: 256 }), isEnd: false });
    await seqsOf(stream, reading, { ...ALL, after: 256 });
    const last = await seqsOf(stream, reading, { ...ALL, after: 512 });
    expect(last).toEqual({ seqs: stream.partOf({ ...ALL, after: 512 }), isEnd: true });
    expect(stream.added).toBe(1);
    stream.consumers = 'come';
    await passTime(stream.clock, 30_000);
    const { asked } = stream;
    expect((await seqsOf(stream, reading, ALL)).seqs.length).toBe(600);
    expect([stream.added, stream.asked - asked]).toEqual([2, 0]);
  });

  it('removes a consumer that comes late', async () => {
    const stream = new Stream(numbers(10));
    stream.consumers = 'come late';
    expect((await seqsOf(stream, stream.reading(), ALL)).seqs.length).toBe(10);
    expect(stream.removed).toBe(0);
    await passTime(stream.clock, 3000);
    expect(stream.removed).toBe(1);
  });

  it('asks the leader where the consumer has none of the messages, and for no consumer for a while', async () => {
    const stream = new Stream(numbers(10));
    stream.consumers = 'have nothing';
    const reading = stream.reading();
    for (let reads = 0; reads < 2; reads += 1) {
      expect(await seqsOf(stream, reading, { ...ALL, to: 10 })).toEqual({
        ...{ seqs: stream.partOf(ALL), isEnd: true },
      });
    }
    expect(stream.added).toBe(1);
  });

  it('fails where a consumer is refused', async () => {
    const stream = new Stream(numbers(10));
    stream.consumers = 'are refused';
    await expect(stream.reading().read(ALL)).rejects.toThrow('no');
  });

  it('says the time of the server as far as it is known', async () => {
    const stream = new Stream(numbers(1));
    expect(await stream.reading().now()).toBe(stream.clock.now() + 5000);
    stream.consumers = 'never come';
    const now = stream.reading().now();
    await passTime(stream.clock, 1000);
    expect(await now).toBe(stream.clock.now());
  });

  it('has every message of its subject in order, whichever way it is read', async () => {
    const sparse = fc.uniqueArray(fc.integer({ min: 1, max: 1500 }), { maxLength: 60 });
    const given = fc.record({
      seqs: sparse,
      subject: fc.constantFrom('>', 'a', 'b'),
      most: fc.integer({ min: 1, max: 70 }),
      to: fc.integer({ min: 1, max: 1600 }),
      isWithout: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ seqs, subject, most, to, isWithout }) => {
        const stored = seqs
          .sort((a, b) => a - b)
          .map((seq) => ({ seq, subject: seq % 2 === 0 ? 'a' : 'b' }));
        const stream = new Stream(stored);
        stream.consumers = isWithout ? 'never come' : 'come';
        const reading = stream.reading();
        const read: number[] = [];
        for (let after = 0, rounds = 0; after < to && rounds < 200; rounds += 1) {
          const part = await seqsOf(stream, reading, { subject, after, to, most });
          expect(part.seqs.length).toBeLessThanOrEqual(most);
          read.push(...part.seqs);
          expect(part.isEnd || part.seqs.length > 0).toBe(true);
          after = part.isEnd ? to : part.seqs.at(-1)!;
        }
        expect(read).toEqual(stream.partOf({ subject, after: 0, to, most: 1000 }));
      }),
      { numRuns: 60 },
    );
  });
});
