import { silentLogger } from '@headrace/core';
import { jetStreamSessionLog } from '@headrace/lasting/nats';
import type { StreamConfig } from '@nats-io/jetstream';
import { beforeEach, describe, expect, it, vi } from 'vitest';

interface Stored {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly header: Map<string, string>;
}

/** A JetStream whose leader may not have applied what it has stored. */
class FakeJetStream {
  config: Partial<StreamConfig> | undefined = undefined;
  /** The newest record of each subject, as its leader knows it. */
  readonly applied = new Map<string, Stored>();
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
    getMessage: async (_name: string, { last_by_subj = '' }: { last_by_subj?: string }) =>
      this.applied.get(last_by_subj) ?? null,
  };

  async publish(
    subject: string,
    data: Uint8Array,
    { headers: header }: { headers: Map<string, string> },
  ): Promise<{ seq: number }> {
    this.published.push(subject);
    if (this.refusal !== undefined) throw this.refusal;
    this.sequence += 1;
    this.stored.push([subject, { seq: this.sequence, data, header }]);
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
