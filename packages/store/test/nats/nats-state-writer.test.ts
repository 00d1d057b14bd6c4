import { Buffer } from 'node:buffer';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { StateAnswer, StateLimits, StateWrite } from '../../src/contract/state-log.ts';
import { NatsStateReader } from '../../src/nats/nats-state-reader.ts';
import { NatsStateWriter } from '../../src/nats/nats-state-writer.ts';
import { StreamMemory } from '../../src/nats/stream-memory.ts';

const LIMITS: StateLimits = { keys: 100, bytes: 1e6, removals: 100, removalAgeMs: 60_000 };
const STREAM = 'hr.papp.s.proom';
const created = new Date(0).toISOString();

interface Stored {
  readonly seq: number;
  readonly subject: string;
  readonly headers: Map<string, string>;
  readonly header: Map<string, string>;
  readonly data: Buffer;
  readonly time: Date;
}

/** A JetStream stream with one message for each subject, as a nats-server 2.9 has it. */
class FakeStream {
  readonly clock = new VirtualClock();
  readonly bySubject = new Map<string, Stored>();
  last = 0;
  lastId = '';
  ids = new Map<string, number>();
  /** Whether answers get lost. */
  isSilent = false;
  /** Called before the next message is checked. */
  before: (() => void) | undefined = undefined;
  consumers = 0;

  ordered(): Stored[] {
    return [...this.bySubject.values()].sort((one, other) => one.seq - other.seq);
  }

  answer(subject: string, data: Buffer, headers: Map<string, string>): object {
    const { before } = this;
    this.before = undefined;
    before?.();
    const id = headers.get('Nats-Msg-Id')!;
    const known = this.ids.get(id);
    if (known !== undefined) return { seq: known, duplicate: true };
    if (Number(headers.get('Nats-Expected-Last-Sequence')) !== this.last) {
      return { error: { err_code: 10071, description: `wrong last sequence: ${this.last}` } };
    }
    const expected = headers.get('Nats-Expected-Last-Msg-Id');
    if (expected !== undefined && expected !== this.lastId) {
      return { error: { err_code: 10070, description: `wrong last msg ID: ${this.lastId}` } };
    }
    this.last += 1;
    this.lastId = id;
    this.ids.set(id, this.last);
    const time = new Date(this.clock.now());
    this.bySubject.set(subject, { seq: this.last, subject, headers, header: headers, data, time });
    return { seq: this.last };
  }

  /** A server that restarts knows the ids of the messages that it has. */
  restart(): void {
    this.ids = new Map(
      this.ordered().map(({ headers, seq }) => [headers.get('Nats-Msg-Id')!, seq] as const),
    );
  }

  readonly manager = {
    streams: {
      info: async () => ({
        created,
        config: {},
        state: { messages: this.bySubject.size, bytes: 1, last_seq: this.last },
      }),
      getMessage: async (
        _name: string,
        { seq, last_by_subj: by }: { seq?: number; last_by_subj?: string },
      ) => {
        if (by !== undefined && by !== '>') return this.bySubject.get(by) ?? null;
        return this.ordered().find((message) => message.seq === (seq ?? this.last)) ?? null;
      },
      deleteMessage: async (_name: string, seq: number) => {
        const found = this.ordered().find((message) => message.seq === seq);
        if (found !== undefined) this.bySubject.delete(found.subject);
      },
    },
    consumers: {
      add: async (_name: string, { opt_start_seq: from }: { opt_start_seq: number }) => {
        this.consumers += 1;
        const waiting = this.ordered().filter(({ seq }) => seq >= from);
        const now = new Date(this.clock.now()).toISOString();
        return { created: now, num_pending: waiting.length, name: 'c', waiting };
      },
      delete: async () => {
        this.consumers -= 1;
      },
    },
  };

  readonly client = {
    consumers: {
      getConsumerFromInfo: ({ waiting }: { waiting: Stored[] }) => ({
        fetch: async ({ max_messages: most }: { max_messages: number }) =>
          waiting.slice(0, most).map((message, i) => {
            const { data, headers } = message;
            const all = new Map([...headers, ['Nats-Msg-Size', `${data.byteLength}`]]);
            return { ...message, headers: all, info: { pending: waiting.length - i - 1 } };
          }),
      }),
    },
  };
}

let writers = 0;

function writerOf(
  stream: FakeStream,
  limits: Partial<StateLimits> = {},
  memory = new StreamMemory(),
) {
  const { clock } = stream;
  const notices: string[] = [];
  const jetStream = {
    clients: async () => ({
      manager: stream.manager,
      client: stream.client,
      startAt: (at: number) => ({ opt_start_seq: at }),
    }),
    maxBytes: 65_536,
    headers: () => new Map(),
    publish: async (subject: string, data: Buffer, headers: Map<string, string>) => {
      await Promise.resolve();
      const answer = stream.answer(subject, data, headers);
      if (stream.isSilent) throw new Error('no answer');
      return { json: () => answer };
    },
  } as never;
  const store = { name: 's', epoch: created.replaceAll(':', ''), saw: () => {}, doubt: () => {} };
  const copies = { suspect: () => {}, madeAnew: () => {} };
  const parts = { jetStream, store, copies, clock } as never;
  const all = { ...LIMITS, ...limits };
  const reader = new NatsStateReader(parts, all);
  writers += 1;
  const connection = { publish: (_subject: string, bytes: Buffer) => notices.push(`${bytes}`) };
  const name = `w${writers}`;
  const writer = new NatsStateWriter(
    { ...(parts as object), connection, reader, memory, stream: STREAM, turns: 't', name } as never,
    all,
  );
  let count = 0;
  const change = (key: string, value?: string, expected?: number, id?: string) => {
    const bytes = Buffer.from(value ?? '');
    const byteLength = key.length + bytes.byteLength;
    const write: StateWrite = { key, bytes, isRemoval: value === undefined, expected, byteLength };
    count += 1;
    return writer.append(id ?? `${name}-${count}`, write);
  };
  return { change, reader, writer, notices, name };
}

const offsetOf = (answer: StateAnswer) => 'position' in answer && answer.position.offset;
const textsOf = ({ entries }: Awaited<ReturnType<NatsStateReader['page']>>) =>
  entries.map(({ key, bytes, isRemoval }) => (isRemoval ? `-${key}` : `${key}=${bytes}`));

describe('NatsStateWriter', () => {
  it('stores no change of a batch whose first change another node has overtaken by as many', async () => {
    const stream = new FakeStream();
    const [one, other] = [writerOf(stream), writerOf(stream)];
    await one.change('a', '0');
    await other.change('b', '0');
    stream.before = () => {
      stream.before = undefined;
      // The other node has stored a change of its own just before.
      stream.answer(
        `${STREAM}.pb`,
        Buffer.from('9'),
        new Map([
          ...stream.bySubject.get(`${STREAM}.pb`)!.headers,
          ['Nats-Msg-Id', 'foreign'],
          ['Nats-Expected-Last-Sequence', `${stream.last}`],
        ]),
      );
      stream.bySubject.get(`${STREAM}.pb`)!.headers.delete('Nats-Expected-Last-Msg-Id');
    };
    const answers = await Promise.all(['1', '2', '3'].map((value) => one.change('a', value)));
    expect(answers.map(offsetOf)).toEqual([4, 5, 6]);
    expect(textsOf(await one.reader.page(0, 10))).toEqual(['b=9', 'a=3']);
    expect(one.notices).toEqual([`${one.name} 1`]);
  });

  it('answers that a state is full only if no other node has changed it', async () => {
    const stream = new FakeStream();
    const [one, other] = [writerOf(stream, { keys: 2 }), writerOf(stream, { keys: 2 })];
    await one.change('a', '1');
    await one.change('b', '1');
    await other.change('b');
    expect(offsetOf(await one.change('c', '1'))).toBe(4);
    expect(await other.change('d', '1')).toEqual({ full: 'keys', size: 2 });
  });

  it('finds a change without an answer, though it was replaced and the server was restarted', async () => {
    const stream = new FakeStream();
    const memory = new StreamMemory();
    const [one, other] = [writerOf(stream, {}, memory), writerOf(stream)];
    stream.isSilent = true;
    await expect(one.change('a', '1', 0, 'x')).rejects.toThrow('no answer');
    stream.isSilent = false;
    await other.change('a', '2');
    stream.restart();
    const again = writerOf(stream, {}, memory);
    expect(offsetOf(await again.change('a', '1', 0, 'x'))).toBe(1);
    expect(textsOf(await again.reader.page(0, 10))).toEqual(['a=2']);
  });

  it('gives a node that asked time to write, but does not wait for others that it lost against', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '1');
    one.writer.askedToHold({ data: Buffer.from('other 20') } as never);
    one.writer.askedToHold({ data: Buffer.from(`${one.name} 200`) } as never);
    one.writer.askedToHold({ data: Buffer.from('other 9999') } as never);
    let isStored = false;
    void one.change('a', '2').then(() => {
      isStored = true;
    });
    await passTime(stream.clock, 19);
    expect(isStored).toBe(false);
    await passTime(stream.clock, 1);
    expect(isStored).toBe(true);
  });

  it('forgets removals by number and by age, and deletes them, but never the newest message', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream, { removals: 2, removalAgeMs: 1000 });
    for (const key of ['a', 'b', 'c', 'd']) await one.change(key, '1');
    for (const key of ['a', 'b', 'c']) await one.change(key);
    await passTime(stream.clock, 10);
    expect(textsOf(await one.reader.page(0, 10))).toEqual(['d=1', '-b', '-c']);
    expect((await one.reader.page(0, 10)).floor).toBe(5);
    expect(stream.ordered().map(({ seq }) => seq)).toEqual([4, 6, 7]);
    await passTime(stream.clock, 2000);
    const page = await one.reader.page(0, 10);
    expect([textsOf(page), page.floor, page.end]).toEqual([['d=1'], 7, 7]);
    await one.change('e', '1');
    await passTime(stream.clock, 10);
    expect(stream.ordered().map(({ seq }) => seq)).toEqual([4, 8]);
    expect(stream.consumers).toBe(0);
    const none = new FakeStream();
    const other = writerOf(none, { removals: 0 });
    await other.change('a', '1');
    await other.change('a');
    await passTime(none.clock, 10);
    expect([none.ordered().length, (await other.reader.page(0, 10)).entries.length]).toEqual([
      1, 0,
    ]);
  });
});
