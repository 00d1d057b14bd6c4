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

/** A JetStream stream with one message for each subject, as a nats-server has it. */
class FakeStream {
  readonly clock = new VirtualClock();
  readonly bySubject = new Map<string, Stored>();
  replicas: number;
  readonly version: string;
  maxBytes = -1;
  last = 0;
  lastId = '';
  ids = new Map<string, number>();
  /** Whether answers get lost. */
  isSilent = false;
  /** Called before the next message is checked. */
  before: ((subject: string) => void) | undefined = undefined;
  consumers = 0;
  /** Number of consumers so far. */
  counts = 0;
  /** The newest message that the server of the consumers has. */
  sent = Number.POSITIVE_INFINITY;
  /** Number of looks at the stream, and of messages that expect its end. */
  looks = 0;
  wholes = 0;
  /** The changes and deletions that the server was asked for, in order, without the first floor. */
  readonly asked: string[] = [];

  constructor(replicas = 1, version = '') {
    this.replicas = replicas;
    this.version = version;
  }

  get bytes(): number {
    const sizes = [...this.bySubject.values()].map(({ data }) => data.byteLength + 200);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  ordered(): Stored[] {
    return [...this.bySubject.values()].sort((one, other) => one.seq - other.seq);
  }

  answer(subject: string, data: Buffer, headers: Map<string, string>): object {
    const token = subject.slice(STREAM.length + 1);
    if (this.last > 0) this.asked.push(token);
    const { before } = this;
    this.before = undefined;
    before?.(subject);
    const id = headers.get('Nats-Msg-Id')!;
    const known = this.ids.get(id);
    if (known !== undefined) return { seq: known, duplicate: true };
    const wrong = (at: number) => ({
      error: { err_code: 10071, description: `wrong last sequence: ${at}` },
    });
    const whole = headers.get('Nats-Expected-Last-Sequence');
    if (whole !== undefined) this.wholes += 1;
    if (whole !== undefined && Number(whole) !== this.last) return wrong(this.last);
    const present = this.bySubject.get(subject)?.seq ?? 0;
    const own = headers.get('Nats-Expected-Last-Subject-Sequence');
    if (own !== undefined && Number(own) !== present) return wrong(present);
    const expected = headers.get('Nats-Expected-Last-Msg-Id');
    if (expected !== undefined && expected !== this.lastId) {
      return { error: { err_code: 10070, description: `wrong last msg ID: ${this.lastId}` } };
    }
    if (whole === undefined && own === undefined && expected === undefined) {
      throw new Error(`nothing is expected of ${subject}`);
    }
    if (this.maxBytes > 0 && this.bytes + data.byteLength + 200 > this.maxBytes) {
      return { error: { err_code: 10077, description: 'maximum bytes exceeded' } };
    }
    return { seq: this.store(subject, data, headers) };
  }

  store(subject: string, data: Buffer, headers: Map<string, string>): number {
    this.last += 1;
    this.lastId = headers.get('Nats-Msg-Id')!;
    this.ids.set(this.lastId, this.last);
    const time = new Date(this.clock.now());
    this.bySubject.set(subject, { seq: this.last, subject, headers, header: headers, data, time });
    return this.last;
  }

  /** Another program stores a change of a key. */
  foreign(key: string, value: string): void {
    const epoch = created.replaceAll(':', '');
    const headers = new Map([
      ['Nats-Msg-Id', `foreign-${this.last}`],
      ['Hr-State', `s ${epoch}.x 0 foreign:foreign0:0`],
    ]);
    this.store(`${STREAM}.p${key}`, Buffer.from(value), headers);
  }

  /** A server that restarts knows the ids of the messages that it has. */
  restart(): void {
    this.ids = new Map(
      this.ordered().map(({ headers, seq }) => [headers.get('Nats-Msg-Id')!, seq] as const),
    );
  }

  readonly manager = {
    streams: {
      info: async () => {
        this.looks += 1;
        return {
          created,
          config: {
            ...{ num_replicas: this.replicas, max_bytes: this.maxBytes },
            // Servers since 2.11 say their version.
            ...(this.version !== '' && { metadata: { '_nats.ver': this.version } }),
          },
          state: {
            ...{ messages: this.bySubject.size, bytes: this.bytes, last_seq: this.last },
            subjects: Object.fromEntries([...this.bySubject.keys()].map((each) => [each, 1])),
          },
        };
      },
      getMessage: async (
        _name: string,
        query: { seq?: number; last_by_subj?: string; next_by_subj?: string },
      ) => {
        const { seq, last_by_subj: by, next_by_subj: next } = query;
        if (next !== undefined)
          return this.ordered().find((message) => message.seq >= seq!) ?? null;
        if (by?.endsWith('.*') === true) return this.ordered().at(-1) ?? null;
        if (by !== undefined) return this.bySubject.get(by) ?? null;
        return this.ordered().find((message) => message.seq === seq) ?? null;
      },
      purge: async (_name: string, { seq }: { seq: number }) => {
        this.asked.push(`purge ${seq}`);
        const { before } = this;
        this.before = undefined;
        before?.('purge');
        for (const each of this.ordered()) if (each.seq < seq) this.bySubject.delete(each.subject);
      },
      deleteMessage: async (_name: string, seq: number) => {
        this.asked.push(`delete ${seq}`);
        const found = this.ordered().find((message) => message.seq === seq);
        if (found !== undefined) this.bySubject.delete(found.subject);
      },
    },
    consumers: {
      add: async (_name: string, { opt_start_seq: from }: { opt_start_seq: number }) => {
        this.consumers += 1;
        this.counts += 1;
        const waiting = this.ordered().filter(({ seq }) => seq >= from && seq <= this.sent);
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

let ids = 0;

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
  const epoch = created.replaceAll(':', '');
  const store = { name: 's', epoch, newest: 0, saw: () => {}, doubt: () => {} };
  const copies = { suspect: () => {}, madeAnew: () => {} };
  const floorSubject = `${STREAM}.floor`;
  const all = `${STREAM}.*`;
  const parts = { jetStream, store, copies, all, floorSubject, clock } as never;
  const own = { ...LIMITS, ...limits };
  const reader = new NatsStateReader(parts, own);
  const connection = { publish: (_subject: string, bytes: Buffer) => notices.push(`${bytes}`) };
  const name = memory.writer;
  const removed = () => {};
  const writer = new NatsStateWriter(
    {
      ...(parts as object),
      connection,
      reader,
      subject: STREAM,
      turns: 't',
      name,
      removed,
    } as never,
    own,
  );
  const change = (key: string, value?: string, expected?: number, id?: string) => {
    const bytes = Buffer.from(value ?? '');
    const byteLength = key.length + bytes.byteLength;
    const write: StateWrite = { key, bytes, isRemoval: value === undefined, expected, byteLength };
    ids += 1;
    return writer.append(id ?? `id-${ids}`, write);
  };
  return { change, reader, writer, notices, name, store };
}

const offsetOf = (answer: StateAnswer) => 'position' in answer && answer.position.offset;
const textsOf = ({ entries }: Awaited<ReturnType<NatsStateReader['page']>>) =>
  entries.map(({ key, bytes, isRemoval }) => (isRemoval ? `-${key}` : `${key}=${bytes}`));

const texts = async ({ reader }: ReturnType<typeof writerOf>) => textsOf(await reader.page(0, 100));
const KEYED: readonly [number, string][] = [
  [1, ''],
  [3, '2.11.0'],
  [3, '2.12.4'],
  [3, '3.0.0'],
];
const WHOLE: readonly [number, string][] = [
  [3, ''],
  [3, '2.10.29'],
];

describe('NatsStateWriter', () => {
  it.each(KEYED)(
    'with %i replicas of %s, nodes that change different keys do not meet',
    async (replicas, version) => {
      const stream = new FakeStream(replicas, version);
      const nodes = Array.from({ length: 8 }, () => writerOf(stream));
      await Promise.all(
        nodes.map(async ({ change }, i) => {
          for (let n = 0; n < 10; n++) await change(`k${i}`, `${n}`);
        }),
      );
      // The first changes of all nodes wait for one floor.
      expect(stream.asked.filter((token) => token !== 'floor').length).toBe(80);
      expect(nodes.flatMap(({ notices }) => notices)).toEqual([]);
      expect((await texts(nodes[0]!)).sort()).toEqual(nodes.map((_, i) => `k${i}=9`));
    },
  );

  it.each(WHOLE)(
    'with %i replicas of %s, a change is stored only at the end that its node has seen',
    async (replicas, version) => {
      const stream = new FakeStream(replicas, version);
      const [one, other] = [writerOf(stream), writerOf(stream)];
      await one.change('a', '0');
      await other.change('b', '0');
      await one.change('a', '1');
      stream.before = () => stream.foreign('b', '9');
      const from = stream.asked.length;
      const answers = await Promise.all(['2', '3', '4'].map((value) => one.change('a', value)));
      expect(answers.map(offsetOf)).toEqual([6, 7, 8]);
      expect(stream.asked.length - from).toBe(6);
      expect(await texts(one)).toEqual(['b=9', 'a=4']);
      expect(one.notices.at(-1)).toBe(`${one.name} 1 *`);
    },
  );

  it('changes of one key are sent together, and none of them is stored before an earlier one', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '0');
    const from = stream.asked.length;
    const both = await Promise.all(['1', '2', '3'].map((value) => one.change('a', value)));
    expect([both.map(offsetOf), stream.asked.length - from]).toEqual([[3, 4, 5], 3]);
    stream.before = () => stream.foreign('a', 'x');
    const answers = await Promise.all(
      [
        ['a', '4'],
        ['b', '4'],
        ['a', '5'],
        ['c', '5'],
      ].map(([key, value]) => one.change(key!, value)),
    );
    const offsets = answers.map(offsetOf) as number[];
    expect(offsets[0]).toBeLessThan(offsets[2]!);
    expect((await texts(one)).sort()).toEqual(['a=5', 'b=4', 'c=5']);
    expect(one.notices).toEqual([`${one.name} 1 pa`]);
  });

  it('a change for which another node was first does not stop the changes of other keys', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    for (const key of ['a', 'b']) await one.change(key, '0');
    // The other node is first again and again.
    const race = (subject: string) => {
      if (subject.endsWith('.pa') && stream.last < 40) stream.foreign('a', 'x');
      stream.before = race;
    };
    stream.before = race;
    const order: string[] = [];
    await Promise.all([
      one.change('a', '1').then(() => order.push('a')),
      (async () => {
        for (let n = 0; n < 5; n++) await one.change('b', `${n}`).then(() => order.push('b'));
      })(),
    ]);
    expect(order).toEqual(['b', 'b', 'b', 'b', 'b', 'a']);
  });

  it('says what a change waits for', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '0');
    let races = 0;
    const seen: (string | undefined)[] = [];
    const race = () => {
      seen.push(one.writer.waitsFor('x'));
      if (races < 2) stream.foreign('a', 'x');
      races += 1;
      stream.before = race;
    };
    stream.before = race;
    await one.change('a', '1', undefined, 'x');
    expect(seen).toEqual([
      'JetStream has not answered',
      'other nodes have changed its key before it 1 times',
      'other nodes have changed its key before it 2 times',
    ]);
    stream.before = undefined;
    one.writer.askedToHold({ data: Buffer.from('other 20 pa') } as never);
    void one.change('a', '2', undefined, 'y');
    expect(one.writer.waitsFor('y')).toBe('it waits for another node that has asked for time');
    expect(one.writer.waitsFor('z')).toBe(undefined);
  });

  it('answers that a state is full only if no other node has changed it', async () => {
    const stream = new FakeStream();
    const [one, other] = [writerOf(stream, { keys: 2 }), writerOf(stream, { keys: 2 })];
    await one.change('a', '1');
    await one.change('b', '1');
    await other.change('b');
    expect(offsetOf(await one.change('c', '1'))).toBe(5);
    expect(await other.change('d', '1')).toEqual({ full: 'keys', size: 2 });
    await one.change('c');
    expect(offsetOf(await other.change('d', '1'))).toBe(7);
  });

  it('counts again when its limits were lowered, although it had room before', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream, { keys: 200, bytes: 1e6 });
    for (const key of ['a', 'b', 'c']) await one.change(key, '123456789');
    one.writer.limit({ ...LIMITS, keys: 200, bytes: 14 });
    expect(await one.change('a', '1234567890')).toEqual({ full: 'bytes', size: 31 });
    expect(offsetOf(await one.change('a', '1'))).toBe(5);
  });

  it('a node that fills a state alone stops at its limits, and counts only near them', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream, { keys: 200, bytes: 1e6 });
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => one.change(`k${i}`, '1')),
    );
    expect(answers.filter((answer) => 'position' in answer).length).toBe(200);
    expect(answers.slice(200)).toEqual(Array(100).fill({ full: 'keys', size: 200 }));
    expect(stream.counts).toBeLessThan(10);
  });

  it.each([
    [2, 20],
    [8, 20],
    [8, 200],
    [40, 320],
  ])(
    '%i nodes that fill a state of %i keys exceed it by what all but one of them may add',
    async (count, keys) => {
      const stream = new FakeStream();
      const nodes = Array.from({ length: count }, () => writerOf(stream, { keys }));
      const answers = await Promise.all(
        nodes.flatMap(({ change }, at) =>
          Array.from({ length: Math.ceil((3 * keys) / count) }, (_, i) =>
            change(`${at}-${i}`, '1'),
          ),
        ),
      );
      const stored = answers.filter((answer) => 'position' in answer).length;
      // The floor is a message of the stream, too.
      expect(stored).toBe(stream.bySubject.size - 1);
      expect(stored).toBeGreaterThanOrEqual(keys);
      expect(stored).toBeLessThanOrEqual(keys + (count - 1) * Math.max(1, Math.floor(keys / 32)));
      // Nodes that look again and again come to an end.
      const looks = stream.looks / (count * answers.length);
      expect([stream.asked.length / answers.length < 3, looks < 3]).toEqual([true, true]);
    },
  );

  it('reads at the leader what the server of a consumer does not have yet, and nothing that the leader may have lost', async () => {
    const stream = new FakeStream(3, '2.11.0');
    const one = writerOf(stream);
    for (const key of ['a', 'b', 'a']) await one.change(key, '1');
    stream.sent = 0;
    expect(await texts(one)).toEqual(['b=1', 'a=1']);
    stream.sent = 3;
    expect(await one.reader.page(0, 10)).toMatchObject({ end: 3, last: 4 });
    stream.sent = 4;
    expect(await texts(one)).toEqual(['b=1', 'a=1']);
    // Other states have the newest messages.
    stream.last = 6;
    expect((await one.reader.page(4, 10)).end).toBe(4);
    stream.last = 4;
    // The leader has lost the newest message, or does not have it yet.
    one.store.newest = 5;
    await expect(one.reader.page(0, 10)).rejects.toThrow('ends at 4, before 5');
  });

  it('a message of another program in the place of a key is replaced', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '1');
    stream.store(`${STREAM}.pb`, Buffer.from('x'), new Map([['Nats-Msg-Id', 'other']]));
    expect(await texts(one)).toEqual(['a=1']);
    expect(offsetOf(await one.change('b', '2', 0))).toBe(4);
    expect(await texts(one)).toEqual(['a=1', 'b=2']);
  });

  it('plans a change again if its own look finds that the stream has got replicas', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '0');
    stream.replicas = 3;
    await passTime(stream.clock, 11_000);
    expect(offsetOf(await one.change('b', '0'))).toBe(3);
    expect(stream.wholes).toBe(1);
  });

  it('expects the end of the stream within a second after it has got replicas', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    await one.change('a', '0');
    stream.replicas = 3;
    await passTime(stream.clock, 1000);
    // The look that finds the replicas is beside this change.
    await one.change('a', '1');
    const from = stream.wholes;
    await Promise.all([one.change('a', '2'), one.change('b', '2')]);
    expect(stream.wholes - from).toBe(2);
    stream.replicas = 1;
    await passTime(stream.clock, 1000);
    await one.change('a', '3');
    await one.change('a', '4');
    expect(stream.wholes - from).toBe(3);
  });

  it('a store that is full refuses new values, and keeps room for removals', async () => {
    const stream = new FakeStream();
    stream.maxBytes = 32_000;
    const one = writerOf(stream);
    const value = 'x'.repeat(800);
    const answers = [];
    for (let i = 0; i < 40; i++) answers.push(await one.change(`k${i}`, value));
    const stored = answers.filter((answer) => 'position' in answer).length;
    expect(stored).toBeGreaterThan(25);
    expect(answers.at(-1)).toMatchObject({ full: 'store', most: 32_000 });
    for (let i = 0; i < stored; i++) expect(await one.change(`k${i}`)).toHaveProperty('position');
    // Another program has filled the stream meanwhile.
    stream.maxBytes = stream.bytes;
    expect(await one.change('k0', '')).toMatchObject({ full: 'store' });
  });

  it('finds a change without an answer, though it was replaced and the server was restarted', async () => {
    const stream = new FakeStream();
    const memory = new StreamMemory();
    const [one, other] = [writerOf(stream, {}, memory), writerOf(stream)];
    await other.change('b', '1');
    stream.isSilent = true;
    await expect(one.change('b', '1', undefined, 'x')).rejects.toThrow('no answer');
    stream.isSilent = false;
    for (let i = 0; i < 20; i++) await other.change('b', `${i}`);
    stream.restart();
    const again = writerOf(stream, {}, memory);
    expect(offsetOf(await again.change('b', '1', undefined, 'x'))).toBe(3);
    expect(await texts(again)).toEqual(['b=19']);
  });

  it('gives a node that asked time to write a key, but does not wait for others that it lost against', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream);
    for (const key of ['a', 'b']) await one.change(key, '1');
    for (const text of ['other 20 pa', `${one.name} 200 pa`, 'other 9999 pa', 'other 50 pc']) {
      one.writer.askedToHold({ data: Buffer.from(text) } as never);
    }
    const stored: string[] = [];
    for (const key of ['a', 'b']) void one.change(key, '2').then(() => stored.push(key));
    await passTime(stream.clock, 19);
    expect(stored).toEqual(['b']);
    await passTime(stream.clock, 1);
    expect(stored).toEqual(['b', 'a']);
  });

  it('forgets removals by number and by age, and deletes them after it has stored the floor', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream, { removals: 2, removalAgeMs: 1000 });
    for (const key of ['a', 'b', 'c', 'd']) await one.change(key, '1');
    for (const key of ['a', 'b', 'c']) await one.change(key);
    await passTime(stream.clock, 10);
    expect(await texts(one)).toEqual(['d=1', '-b', '-c']);
    expect((await one.reader.page(0, 10)).floor).toBe(6);
    expect(stream.ordered().map(({ seq }) => seq)).toEqual([5, 7, 8, 9]);
    expect(stream.asked.slice(-2)).toEqual(['floor', 'delete 6']);
    // A node that only reads knows the floor, too.
    expect((await writerOf(stream).reader.page(0, 10)).floor).toBe(6);
    await passTime(stream.clock, 2000);
    const page = await one.reader.page(0, 10);
    expect([textsOf(page), page.floor, page.end]).toEqual([['d=1'], 8, 9]);
    await one.change('e', '1');
    await passTime(stream.clock, 10);
    expect(stream.ordered().map(({ subject }) => subject.slice(STREAM.length + 1))).toEqual([
      ...['pd', 'pe', 'floor'],
    ]);
    expect(stream.consumers).toBe(0);
  });

  it('deletes the removals of nodes that are gone', async () => {
    const stream = new FakeStream(3);
    const gone = writerOf(stream);
    for (const key of ['a', 'b', 'c']) await gone.change(key, '1');
    for (const key of ['a', 'b', 'c']) await gone.change(key);
    await passTime(stream.clock, 70_000);
    const one = writerOf(stream, { removals: 0 });
    await one.change('d', '1');
    await one.change('d');
    await passTime(stream.clock, 10);
    expect(stream.ordered().map(({ subject }) => subject)).toEqual([`${STREAM}.floor`]);
  });

  it.each([
    ['a key that it knows', 'a'],
    ['a key that it does not know', 'c'],
  ])('after a purge, a change of %s begins another epoch', async (_, key) => {
    for (const isWritten of [false, true]) {
      for (const replicas of [1, 3]) {
        const stream = new FakeStream(replicas);
        const one = writerOf(stream);
        for (const each of ['a', 'b']) await one.change(each, '1');
        const { epoch } = await one.reader.page(0, 10);
        stream.bySubject.clear();
        if (isWritten) stream.foreign('d', '1');
        const bare = await one.reader.page(0, 10);
        expect([bare.epoch === epoch, bare.floor]).toEqual([false, bare.last]);
        const answer = await one.change(key, '2');
        const page = await one.reader.page(0, 10);
        expect(answer).toEqual({ position: { epoch: page.epoch, offset: page.last } });
        expect([page.epoch === epoch, page.epoch === bare.epoch]).toEqual([false, false]);
        expect(textsOf(page)).toEqual([...(isWritten ? ['d=1'] : []), `${key}=2`]);
      }
    }
  });

  it('removes all of a state without keys, once its removals are old', async () => {
    const stream = new FakeStream();
    const one = writerOf(stream, { removalAgeMs: 1000 });
    for (const key of ['a', 'b']) await one.change(key, '1');
    await one.change('a');
    await passTime(stream.clock, 2000);
    expect([await one.writer.empty(), stream.asked.includes('purge 5')]).toEqual([false, false]);
    await one.change('b');
    expect([await one.writer.empty(), stream.bySubject.size]).toEqual([false, 3]);
    const { epoch } = await one.reader.page(0, 10);
    await passTime(stream.clock, 2000);
    // Another node does it, too, though it has not used the state before.
    const next = writerOf(stream, { removalAgeMs: 1000 });
    expect([await next.writer.empty(), stream.bySubject.size]).toEqual([true, 0]);
    // The floor comes first: what another node keeps of the state must know what is forgotten.
    expect(stream.asked.slice(-2)).toEqual(['floor', `purge ${stream.last + 1}`]);
    const page = await one.reader.page(0, 10);
    expect([page.entries.length, page.epoch === epoch]).toEqual([0, false]);
    await one.change('a', '2');
    expect(await texts(one)).toEqual(['a=2']);
  });

  it('a change of another node while a state is emptied is kept, and gets a floor again', async () => {
    const stream = new FakeStream();
    const [one, other] = [writerOf(stream, { removalAgeMs: 1000 }), writerOf(stream)];
    await one.change('a', '1');
    await one.change('a');
    await passTime(stream.clock, 2000);
    stream.before = () => {
      // The other node is first with its change, before the purge.
      stream.before = () => stream.foreign('b', '1');
    };
    await one.writer.empty();
    expect(await texts(one)).toEqual(['b=1']);
    one.writer.tidy();
    await passTime(stream.clock, 10);
    const { epoch } = await one.reader.page(0, 10);
    expect(epoch.endsWith('.')).toBe(false);
    await other.change('c', '1');
    const page = await one.reader.page(0, 10);
    expect([textsOf(page), page.epoch]).toEqual([['b=1', 'c=1'], epoch]);
  });
});
