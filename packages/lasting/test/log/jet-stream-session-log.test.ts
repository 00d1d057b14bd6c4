import { silentLogger } from '@headrace/core';
import type { SessionLog } from '@headrace/lasting';
import { jetStreamSessionLog } from '@headrace/lasting/nats';
import type { StreamConfig } from '@nats-io/jetstream';
import { beforeEach, describe, expect, it, vi } from 'vitest';

interface Stored {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly header: Map<string, string>;
}

interface PublishOptions {
  readonly headers: Map<string, string>;
  /** No mark has it. */
  readonly expect?: { readonly lastSubjectSequence: number };
}

type Query =
  | { readonly seq: number; readonly last_by_subj?: undefined }
  | { readonly seq?: undefined; readonly last_by_subj: string };

/** A JetStream whose leader may not have applied what it has stored. */
class FakeJetStream {
  config: Partial<StreamConfig> | undefined = undefined;
  /** The newest record of each subject, as its leader knows it. */
  readonly applied = new Map<string, Stored>();
  /** All records by their sequence numbers. */
  readonly all = new Map<number, Stored>();
  stored: [subject: string, record: Stored][] = [];
  refusal: Error | undefined = undefined;
  published: string[] = [];
  private sequence = 0;

  readonly streams = {
    info: async () => {
      if (this.config === undefined) throw Object.assign(new Error('none'), { code: 10_059 });
      return { config: this.config };
    },
    add: async (config: Partial<StreamConfig>) => {
      this.config = config;
    },
    update: async (_name: string, config: Partial<StreamConfig>) => {
      this.config = config;
    },
    getMessage: async (_name: string, { seq, last_by_subj }: Query) =>
      (seq === undefined ? this.applied.get(last_by_subj!) : this.all.get(seq)) ?? null,
  };

  async publish(
    subject: string,
    data: Uint8Array,
    { headers: header, expect: place }: PublishOptions,
  ): Promise<{ seq: number }> {
    this.published.push(subject);
    if (this.refusal !== undefined) throw this.refusal;
    this.sequence += 1;
    // As the client writes it.
    if (place !== undefined)
      header.set('Nats-Expected-Last-Subject-Sequence', `${place.lastSubjectSequence}`);
    const record = { seq: this.sequence, data, header };
    this.all.set(this.sequence, record);
    this.stored.push([subject, record]);
    this.apply();
    return { seq: this.sequence };
  }

  apply(): void {
    for (const [subject, record] of this.stored.splice(0)) this.applied.set(subject, record);
  }
}

let server: FakeJetStream;

vi.mock('@nats-io/jetstream', () => ({
  jetstream: () => server,
  jetstreamManager: async () => server,
}));
vi.mock('@nats-io/transport-node', () => ({ headers: () => new Map() }));

const FIRST = { after: undefined, replaces: true };

function logOf(replicas?: number) {
  const connection = { publish: () => {}, info: { max_payload: 1_048_576 } } as never;
  const more = replicas === undefined ? {} : { replicas };
  return jetStreamSessionLog({ connection, logger: silentLogger, ...more });
}

beforeEach(() => {
  server = new FakeJetStream();
});

describe('a log in JetStream', () => {
  it('reads from several servers only what their leader knows for certain, with one mark for many reads', async () => {
    const log = logOf(3);
    await log.append('x', Buffer.from('one'), FIRST);
    // The next leader has the record, and does not know yet that it was acknowledged.
    const [record] = [...server.applied.entries()];
    server.applied.clear();
    server.stored = [record!];
    server.published = [];
    const reads = await Promise.all(Array.from({ length: 50 }, () => log.read('x')));
    for (const session of reads) expect(session!.records.map(String)).toEqual(['one']);
    expect(server.published).toEqual(['hr.hr_lasting.$']);
  });

  it('begins no read with a mark that was sent before', async () => {
    const log = logOf(3);
    await log.append('x', Buffer.from('one'), FIRST);
    const answers: (() => void)[] = [];
    vi.spyOn(server, 'publish').mockImplementation(
      () => new Promise((resolve) => answers.push(() => resolve({ seq: 9 }))),
    );
    const getMessage = vi.spyOn(server.streams, 'getMessage');
    const early = log.read('x');
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    const late = log.read('x');
    answers[0]!();
    await early;
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    expect(getMessage).toHaveBeenCalledTimes(1);
    answers[1]!();
    await late;
  });

  it('reads from a single server at once', async () => {
    const log = logOf();
    await log.append('x', Buffer.from('one'), FIRST);
    server.published = [];
    expect((await log.read('x'))!.records.map(String)).toEqual(['one']);
    expect(server.published).toEqual([]);
  });

  describe('with records behind the last whole one', () => {
    const appendAll = async (log: SessionLog, ids: readonly string[], count: number) => {
      const after = new Map<string, string>();
      for (let i = 0; i < count; i += 1) {
        for (const id of ids) {
          const place = { after: after.get(id), replaces: i % 4 === 0 };
          after.set(id, (await log.append(id, Buffer.from(`${id}${i}`), place))!);
        }
      }
    };

    it('reads each of them by its number, back to the whole one', async () => {
      const log = logOf();
      await appendAll(log, ['x', 'y', 'z'], 7);
      const getMessage = vi.spyOn(server.streams, 'getMessage');
      const { records, revision } = (await log.read('y'))!;
      expect(records.map(String)).toEqual(['y4', 'y5', 'y6']);
      expect(revision).toBe('14,17,20');
      const queries = getMessage.mock.calls.map(([, query]) => query);
      expect(queries).toEqual([{ last_by_subj: 'hr.hr_lasting.y' }, { seq: 14 }, { seq: 17 }]);
    });

    it('reads many of them at the same time', async () => {
      const log = logOf();
      let after = await log.append('x', Buffer.from('0'), FIRST);
      for (let i = 1; i <= 40; i += 1) {
        after = await log.append('x', Buffer.from(`${i}`), { after, replaces: false });
      }
      const { getMessage } = server.streams;
      let open = 0;
      let waits = 0;
      vi.spyOn(server.streams, 'getMessage').mockImplementation(async (name, query) => {
        if (open === 0) waits += 1;
        open += 1;
        await new Promise(setImmediate);
        open -= 1;
        return getMessage(name, query);
      });
      const session = (await log.read('x'))!;
      expect(session.records.map(String)).toEqual(Array.from({ length: 41 }, (_, i) => `${i}`));
      // Two processes compare what they know.
      expect(session.revision).toBe(after);
      expect(waits).toBe(1 + Math.ceil(40 / 16));
    });

    it('reads what a process of an earlier version has written', async () => {
      const log = logOf();
      await appendAll(log, ['x', 'y'], 4);
      for (const { header } of server.all.values()) header.delete('Headrace-Earlier');
      const { records, revision } = (await log.read('x'))!;
      expect(records.map(String)).toEqual(['x0', 'x1', 'x2', 'x3']);
      const place = { after: revision, replaces: false };
      expect(await log.append('x', Buffer.from('x4'), place)).toBe('1,3,5,7,9');
      expect((await log.read('x'))!.records).toHaveLength(5);
    });

    it('reads again if a whole record has removed them meanwhile', async () => {
      const log = logOf();
      await appendAll(log, ['x'], 3);
      const { getMessage } = server.streams;
      vi.spyOn(server.streams, 'getMessage').mockImplementation(async (name, query) => {
        if (query.seq !== undefined && server.all.size === 3) {
          server.all.clear();
          await log.append('x', Buffer.from('whole'), { after: '3', replaces: true });
        }
        return getMessage(name, query);
      });
      expect((await log.read('x'))!.records.map(String)).toEqual(['whole']);
    });

    it('does not read for ever if they are missing', async () => {
      const log = logOf();
      await appendAll(log, ['x'], 3);
      server.all.clear();
      await expect(log.read('x')).rejects.toThrow('gave none of the records that it has of x');
    });
  });

  it('says that a record is too long for ever, if its stream never takes it', async () => {
    const log = logOf();
    server.refusal = Object.assign(new Error('message size exceeds'), { code: 10_054 });
    const appending = log.append('x', Buffer.alloc(10), FIRST);
    await expect(appending).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    server.refusal = new Error('no answer');
    await expect(log.append('x', Buffer.alloc(10), FIRST)).rejects.toThrow('no answer');
  });

  it.each([
    [{ subjects: ['orders.>'] }, 'it stores orders.>, not hr.hr_lasting.*'],
    [{ subjects: ['hr.hr_lasting.*.more'] }, 'it stores hr.hr_lasting.*.more'],
    [{ subjects: ['hr.hr_lasting'] }, 'it stores hr.hr_lasting, not'],
    [{ subjects: undefined }, 'it stores undefined'],
    [{ retention: 'interest' }, 'has the retention interest, which removes records'],
  ])('refuses a stream of another program: %o', async (change, text) => {
    server.config = {
      ...{ subjects: ['hr.hr_lasting.*'], retention: 'limits', max_age: 1, num_replicas: 1 },
      ...(change as object),
    } as never;
    await expect(logOf().read('x')).rejects.toThrow(text);
  });

  it.each([['hr.hr_lasting.>'], ['hr.*.*'], ['>']])(
    'uses a stream that also has other subjects (%s), and changes what would lose records',
    async (subject) => {
      server.config = {
        ...{ subjects: [subject], retention: 'limits', max_age: 1, num_replicas: 1 },
        ...{ max_msgs_per_subject: 1, no_ack: true },
      } as never;
      expect(await logOf().read('x')).toBe(undefined);
      expect(server.config).toMatchObject({ max_msgs_per_subject: -1, no_ack: false });
    },
  );
});
