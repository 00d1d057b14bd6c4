import type { NatsAccess } from '@headrace/bus/nats';
import { type Clock, systemClock } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { NatsRecordLink } from '../../src/nats/nats-record-link.ts';
import type { NatsStoreParts } from '../../src/nats/nats-store-parts.ts';

const STREAM = 'hr.papp.k.lasting';
const HEADERS = { get: (): string => '' };

interface Stored {
  readonly seq: number;
  readonly data: Buffer;
  readonly header: Map<string, string> & typeof HEADERS;
}

type Query =
  | { readonly seq: number; readonly last_by_subj?: undefined }
  | { readonly seq?: undefined; readonly last_by_subj: string };

class Headers extends Map<string, string> {
  override get(name: string): string {
    return super.get(name) ?? '';
  }
}

/** A JetStream whose leader may not have applied what it has stored. */
class FakeJetStream {
  config: Record<string, unknown> | undefined = undefined;
  /** The newest record of each subject, as its leader knows it. */
  readonly applied = new Map<string, Stored>();
  readonly all = new Map<number, Stored>();
  stored: [subject: string, record: Stored][] = [];
  readonly published: string[] = [];
  readonly queries: Query[] = [];
  /** The id of the newest record. */
  lastId = '';
  /** Called before a record is compared with what the stream has. */
  meanwhile: (() => void) | undefined = undefined;
  /** The answer to the next append. */
  refusal: object | undefined = undefined;
  maxBytes = 1_048_576;
  sequence = 0;
  /** The version that the leader says, as servers since 2.11 do. */
  version = '2.11.0';

  readonly streams = {
    info: async () => {
      if (this.config === undefined) throw Object.assign(new Error('none'), { code: 10_059 });
      const state = { messages: this.all.size, last_seq: this.sequence };
      const metadata = { own: 'x', ...(this.version !== '' && { '_nats.ver': this.version }) };
      return { config: { ...this.config, metadata }, created: '2026', state };
    },
    add: async (config: object) => {
      this.config = { num_replicas: 1, max_age: 0, ...config };
      return this.streams.info();
    },
    update: async (_name: string, config: object) => {
      this.config = { ...config };
    },
    getMessage: async (_name: string, query: Query) => {
      this.queries.push(query);
      const { seq, last_by_subj } = query;
      return (seq === undefined ? this.applied.get(last_by_subj!) : this.all.get(seq)) ?? null;
    },
    purge: async () => {},
  };

  clients = async () => ({ manager: this });
  headers = () => new Headers();

  publish = async (subject: string, data: Buffer, header: Headers) => {
    this.published.push(subject);
    const last = this.stored.findLast(([its]) => its === subject)?.[1] ?? this.applied.get(subject);
    const expected = header.get('Nats-Expected-Last-Subject-Sequence');
    const end = header.get('Nats-Expected-Last-Sequence');
    if (end !== '') this.meanwhile?.();
    const before = header.get('Nats-Expected-Last-Msg-Id');
    const isWrong = expected !== '' && Number(expected) !== (last?.seq ?? 0);
    const description = `wrong last sequence: ${this.sequence}`;
    const isLate = end !== '' && Number(end) !== this.sequence;
    const wrong = isWrong || isLate ? { err_code: 10_071, description } : undefined;
    const other = before !== '' && before !== this.lastId ? { err_code: 10_070 } : undefined;
    const error = this.refusal ?? wrong ?? other;
    if (error !== undefined) return { json: () => ({ error }) };
    this.sequence += 1;
    this.lastId = header.get('Nats-Msg-Id');
    const record = { seq: this.sequence, data, header } as unknown as Stored;
    this.all.set(this.sequence, record);
    this.stored.push([subject, record]);
    this.apply();
    return { json: () => ({ seq: record.seq }) };
  };

  apply(): void {
    for (const [subject, record] of this.stored.splice(0)) this.applied.set(subject, record);
  }
}

let server: FakeJetStream;
let suspected: number;
let lines: string[];

async function linkOf(replicas?: number, clock: Clock = systemClock): Promise<NatsRecordLink> {
  const connection = { publish: () => {}, subscribe: () => {} };
  const copies = {
    watch: () => {},
    madeAnew: () => {},
    suspect: () => {
      suspected += 1;
    },
  };
  const parts = {
    ...{ connection, copies, replicas, jetStream: server, clock },
    ...{ memories: new Map(), warn: (line: string) => void lines.push(line) },
  } as unknown as NatsAccess & NatsStoreParts;
  const link = new NatsRecordLink(parts);
  await link.open(STREAM, { keepMs: 60_000 });
  return link;
}

const write = (key: string, text: string, after?: string, replaces = after === undefined) => ({
  ...{ key, bytes: Buffer.from(text), after, replaces },
});

async function appendAll(link: NatsRecordLink, keys: readonly string[], count: number) {
  const after = new Map<string, string>();
  for (let at = 0; at < count; at += 1) {
    for (const key of keys) {
      const its = write(key, `${key}${at}`, after.get(key), at % 4 === 0);
      after.set(key, (await link.append(STREAM, its))!);
    }
  }
  return after;
}

beforeEach(() => {
  server = new FakeJetStream();
  suspected = 0;
  lines = [];
});

describe('records in JetStream', () => {
  it('are in a stream that rolls up, drops nothing for others, and is not republished', async () => {
    await linkOf();
    expect(server.config).toMatchObject({
      ...{ name: 'hr_papp+k+lasting', subjects: ['hr.papp.k.lasting.*'], num_replicas: 1 },
      ...{ allow_rollup_hdrs: true, max_age: 60_000 * 1e6, max_msgs_per_subject: -1 },
    });
    expect(server.config).not.toHaveProperty('republish');
  });

  it.each([
    ['', 3, 1],
    ['2.10.29', 3, 1],
    ['', 1, 0],
    ['2.11.0', 3, 0],
    ['3.0.0', 3, 0],
  ])(
    'say once that a leader of version "%s" with %i replicas lets two writers go on: %i lines',
    async (its, replicas, count) => {
      server.version = its;
      const link = await linkOf(replicas);
      await link.open(STREAM, { keepMs: 60_000 });
      expect(lines).toHaveLength(count);
    },
  );

  it('look at the version at each open, and do not give it back to the server', async () => {
    await linkOf(1);
    await linkOf(3);
    expect(lines).toEqual([expect.stringContaining('they were added')]);
    expect(server.config).toMatchObject({ num_replicas: 3 });
    expect(server.config!.metadata).toEqual({ own: 'x' });
    // The stream has an older leader now.
    server.version = '';
    await linkOf(3);
    expect(lines.at(-1)).toContain('use 2.11 or later');
  });

  it('are read from several servers only as far as their leader knows, with one mark for many reads', async () => {
    const link = await linkOf(3);
    await link.append(STREAM, write('x', 'one'));
    // The next leader has the record, and does not know yet that it was acknowledged.
    const [record] = [...server.applied.entries()];
    server.applied.clear();
    server.stored = [record!];
    server.published.length = 0;
    const reads = await Promise.all(Array.from({ length: 50 }, () => link.read(STREAM, 'x')));
    for (const found of reads) expect(found!.records.map(String)).toEqual(['one']);
    expect(server.published).toEqual([`${STREAM}.m`]);
  });

  it('are read from a single server at once, each by its number', async () => {
    const link = await linkOf();
    await appendAll(link, ['x', 'y', 'z'], 7);
    server.published.length = server.queries.length = 0;
    const found = await link.read(STREAM, 'y');
    expect(found!.records.map(String)).toEqual(['y4', 'y5', 'y6']);
    expect(server.queries).toEqual([{ last_by_subj: `${STREAM}.py` }, { seq: 14 }, { seq: 17 }]);
    expect(server.published).toEqual([]);
  });

  it('are read again if a whole record has removed them meanwhile, and not for ever', async () => {
    const link = await linkOf();
    const after = await appendAll(link, ['x'], 3);
    const { getMessage } = server.streams;
    server.streams.getMessage = async (name, query) => {
      if (query.seq !== undefined && server.all.size === 3) {
        server.all.clear();
        await link.append(STREAM, write('x', 'whole', after.get('x'), true));
      }
      return getMessage(name, query);
    };
    expect((await link.read(STREAM, 'x'))!.records.map(String)).toEqual(['whole']);
    await link
      .append(STREAM, write('z', 'a'))
      .then((its) => link.append(STREAM, write('z', 'b', its)));
    server.all.clear();
    await expect(link.read(STREAM, 'z')).rejects.toThrow('none of the records that it has of z');
  });

  it('of a number that was used again are not those of an earlier link', async () => {
    const one = await linkOf();
    const lost = await one.append(STREAM, write('x', 'lost'));
    // The stream has lost the record, and another process has stored one with the same number.
    server.applied.clear();
    server.all.clear();
    server.sequence = 0;
    const [other, again] = [await linkOf(), await linkOf()];
    await other.append(STREAM, write('x', 'of another process'));
    expect(await again.append(STREAM, write('x', 'more', lost))).toBe(undefined);
    expect((await other.read(STREAM, 'x'))!.records.map(String)).toEqual(['of another process']);
    await again.remove(STREAM, 'x', lost!);
    // The link that has stored it suspects the stream when a number comes again.
    await one.append(STREAM, write('y', 'a'));
    await one.append(STREAM, write('z', 'b'));
    server.sequence = 0;
    await one.append(STREAM, write('w', 'c'));
    expect(suspected).toBe(1);
  });

  it('are stored after the revision that they name, and not after an earlier one', async () => {
    const link = await linkOf();
    const first = await link.append(STREAM, write('x', 'one'));
    await link.append(STREAM, write('x', 'two', first));
    expect(await link.append(STREAM, write('x', 'late', first))).toBe(undefined);
    expect((await link.read(STREAM, 'x'))!.records.map(String)).toEqual(['one', 'two']);
  });

  it('that are too long are refused for ever, and others are tried again', async () => {
    const link = await linkOf();
    server.refusal = { err_code: 10_054, description: 'message size exceeds' };
    const tooLong = { code: 'HR_ERR_MESSAGE_TOO_LONG' };
    await expect(link.append(STREAM, write('x', 'a'))).rejects.toMatchObject(tooLong);
    server.refusal = { description: 'no space' };
    await expect(link.append(STREAM, write('x', 'a'))).rejects.toThrow('no space');
    server.refusal = undefined;
    server.maxBytes = 1100;
    await expect(link.append(STREAM, write('x', 'a'.repeat(80)))).rejects.toMatchObject(tooLong);
  });
});

describe('records in JetStream whose server does not compare keys', () => {
  beforeEach(() => {
    server.version = '2.10.29';
  });

  /** Another process stores a record before the next append. */
  function intrude(key: string, text: string): void {
    server.meanwhile = () => {
      server.meanwhile = undefined;
      const header = new Headers([['Nats-Msg-Id', text]]);
      header.set('Nats-Rollup', 'sub');
      void server.publish(`${STREAM}.p${key}`, Buffer.from(text), header);
    };
  }

  it('are of one of two writers, even if the other stores its record after the look at the key', async () => {
    const link = await linkOf(3);
    const first = await link.append(STREAM, write('x', 'one'));
    intrude('x', 'other');
    expect(await link.append(STREAM, write('x', 'two', first))).toBe(undefined);
    expect((await link.read(STREAM, 'x'))!.records.map(String)).toEqual(['other']);
    intrude('y', 'other');
    const second = await link.append(STREAM, write('z', 'one'));
    expect((await link.read(STREAM, 'z'))!.revision).toBe(second);
  });

  it('are sent together, each after the one before, and again after another process was first', async () => {
    const link = await linkOf(3);
    server.published.length = 0;
    const keys = ['a', 'b', 'c', 'b'];
    const writes = () => keys.map((key) => link.append(STREAM, write(key, key, undefined, true)));
    const told = await Promise.all(writes());
    // The second record of a key is the same as the first: its writer did not get the answer.
    expect(told[3]).toBe(told[1]);
    expect(server.published).toEqual(['m', 'pa', 'pb', 'pc'].map((name) => `${STREAM}.${name}`));
    intrude('other', 'other');
    const after = await Promise.all(
      keys.slice(0, 3).map((key, at) => link.append(STREAM, write(key, `${key}2`, told[at]))),
    );
    expect(after).not.toContain(undefined);
    expect((await link.read(STREAM, 'c'))!.records.map(String)).toEqual(['c', 'c2']);
  });

  it('look again if the server that answers has not applied the end', async () => {
    const link = await linkOf(3);
    await link.append(STREAM, write('x', 'one'));
    server.published.length = 0;
    server.all.clear();
    expect(await link.append(STREAM, write('y', 'one'))).toBeDefined();
    expect(server.published[0]).toBe(`${STREAM}.m`);
  });

  it('fail after ten seconds of others, and say what helps', async () => {
    const clock = new VirtualClock();
    const link = await linkOf(3, clock);
    const again = () => {
      server.meanwhile = undefined;
      intrude('other', `${server.sequence}`);
      const one = server.meanwhile as unknown as () => void;
      server.meanwhile = () => {
        one();
        again();
      };
    };
    again();
    const text = /before this record \d+ times: use nats-server 2.11 or later/;
    const failed = expect(link.append(STREAM, write('x', 'one'))).rejects.toThrow(text);
    await passTime(clock, 11_000);
    await failed;
    server.meanwhile = undefined;
    expect(await link.append(STREAM, write('x', 'one'))).toBeDefined();
  });
});
