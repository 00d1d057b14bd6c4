import { randomBytes } from 'node:crypto';
import { type Channel, silentLogger } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { memorySessionLog } from '@headrace/lasting/log';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeRecord } from '../../src/protocol/session-record.ts';
import { LoggedSessions } from '../../src/server/logged-sessions.ts';
import type { ResumeSession } from '../../src/server/resume-session.ts';

const LIMITS = { logTimeoutMs: 10_000, maxReads: 32, random: randomBytes };

/** A channel whose last whole record is old. */
class OldChannel {
  isOld = true;
  refreshed = 0;
  readonly keptBytes: number;
  private readonly isStuck: boolean;
  private readonly turn: OldChannel[];

  /** @param isStuck - the log does not answer: it stays old */
  constructor(turn: OldChannel[], keptBytes = 0, isStuck = false) {
    this.turn = turn;
    this.keptBytes = keptBytes;
    this.isStuck = isStuck;
  }

  refresh(): void {
    this.refreshed += 1;
    this.turn.push(this);
    this.isOld = this.isStuck;
  }

  get session(): ResumeSession {
    return { logged: { journal: this, keptBytes: this.keptBytes } } as never;
  }
}

describe('the channels of a table in its log', () => {
  const log = memorySessionLog({ keepMs: 12_000 });
  let clock: VirtualClock;
  let channels: OldChannel[];
  let turn: OldChannel[];
  let sessions: Map<string, ResumeSession>;
  let logged: LoggedSessions;

  beforeEach(() => {
    clock = new VirtualClock();
    turn = [];
    channels = [];
    sessions = new Map();
    logged = new LoggedSessions(log, LIMITS, sessions);
    logged.added(clock);
  });

  const add = (count: number, keptBytes = 0, isStuck = false): void => {
    for (let i = 0; i < count; i++) {
      const channel = new OldChannel(turn, keptBytes, isStuck);
      sessions.set(String(channels.push(channel)), channel.session);
    }
  };
  /** How many are written again in each turn. */
  const turns = async (ms: number): Promise<number[]> => {
    const sizes: number[] = [];
    for (const end = clock.now() + ms; clock.now() < end; ) {
      await passTime(clock, 10);
      if (turn.length > 0) sizes.push(turn.splice(0).length);
    }
    return sizes;
  };

  describe('that are looked for at once', () => {
    let reads: string[];
    let most: number;
    let underWay: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
    let looked: LoggedSessions;
    const find = (id: number) => {
      const link = { clock, logger: silentLogger, isActive: true } as unknown as Channel;
      return looked.find(String(id), 0, () => true, link);
    };

    beforeEach(() => {
      reads = [];
      most = 0;
      underWay = [];
      const read = (id: string) => {
        reads.push(id);
        return new Promise<undefined>((resolve, reject) => {
          underWay.push({ resolve: () => resolve(undefined), reject });
          most = Math.max(most, underWay.length);
        });
      };
      looked = new LoggedSessions({ ...log, keepMs: log.keepMs, read }, LIMITS, new Map());
    });

    it('are read 32 at a time, each in its turn, even after one that fails', async () => {
      const verdicts = Array.from({ length: 100 }, (_, id) => find(id));
      for (let done = 0; done < 100; done++) {
        await passTime(clock, 0);
        const one = underWay.shift()!;
        if (done % 10 === 0) one.reject(new Error('no connection'));
        else one.resolve();
      }
      const found = await Promise.all(verdicts);
      expect([most, new Set(reads).size, reads.length]).toEqual([32, 100, 100]);
      expect(found.filter((one) => 'gone' in one)).toHaveLength(90);
    });

    it('are 1,024 at most: the clients of further ones come again when their retry policy says so', async () => {
      for (let id = 0; id < 1024; id++) void find(id);
      expect(await find(1024)).toEqual({ do: 'busy' });
      expect(reads).toHaveLength(32);
    });

    it('are read once by a log that takes longer than their clients wait', async () => {
      const first = find(1);
      await passTime(clock, 10_000);
      expect(await first).toEqual({ do: 'come-again' });
      const second = find(1);
      await passTime(clock, 5000);
      underWay[0]!.resolve();
      // It was asked for another one, and may be older than what this one knows.
      expect([await second, reads.length]).toEqual([{ do: 'come-again' }, 1]);
    });

    it('are read once, though their clients come again before it is their turn', async () => {
      for (let id = 0; id < 32; id++) void find(id);
      const first = find(32);
      await passTime(clock, 9_999);
      expect(reads).toHaveLength(32);
      await passTime(clock, 1);
      expect(await first).toEqual({ do: 'come-again' });
      const second = find(32);
      underWay[0]!.resolve();
      await passTime(clock, 0);
      expect(reads).toHaveLength(33);
      underWay.at(-1)!.resolve();
      expect(await second).toEqual({ do: 'come-again' });
    });
  });

  it('are complained of once in ten seconds, when their log stores now and then', () => {
    const lines: string[] = [];
    const logger = { log: (_level: string, text: string) => void lines.push(text) };
    const channel = { clock, logger } as unknown as Channel;
    for (let tenths = 0; tenths < 250; tenths++) {
      logged.complain(new Error('no connection'), channel);
      logged.works();
      clock.advance(100);
    }
    expect(lines).toHaveLength(3);
  });

  it('are asked for again with at most eight times the time', async () => {
    const failures: string[] = [];
    const silent = () => new Promise<never>(() => {});
    logged.ask(clock, silent, 20).catch(({ message }: Error) => void failures.push(message));
    await passTime(clock, 79_999);
    expect(failures).toEqual([]);
    await passTime(clock, 1);
    expect(failures).toEqual(['it has not answered within 80000 ms']);
  });

  it('are written again a few at a time', async () => {
    add(1000);
    expect(Math.max(...(await turns(2000)))).toBeLessThanOrEqual(100);
    expect(channels.every(({ refreshed }) => refreshed === 1)).toBe(true);
  });

  it('are written again fewer at a time if they keep much', async () => {
    add(10, 1024 * 1024);
    expect(await turns(2000)).toEqual([2, 2, 2, 2, 2]);
  });

  it('are all written again, though the log does not answer for the first ones', async () => {
    add(1000, 0, true);
    add(100);
    await turns(2000);
    expect(channels.slice(1000).every(({ refreshed }) => refreshed === 1)).toBe(true);
    expect(Math.max(...channels.map(({ refreshed }) => refreshed))).toBeLessThanOrEqual(2);
  });

  describe('that is looked for', () => {
    const id = 'i'.repeat(16);
    const record = encodeRecord({
      header: {
        id,
        secrets: ['s'.repeat(16)],
        secretsBefore: 0,
        windowMs: 60_000,
        creditBytes: 4096,
        keptCreditBytes: 4096,
        taken: 0,
        acknowledged: 0,
        highest: 0,
        keptCount: 0,
        endReason: undefined,
        isClosed: false,
        remote: undefined,
        isKnown: false,
        principal: undefined,
        saved: undefined,
      },
      name: 'writer 1',
      fresh: [],
      unfinished: [],
      freshUnfinished: [],
    });
    let reads: ((records: Buffer[]) => void)[];
    let looked: LoggedSessions;
    const find = (isRight: boolean, isActive = true) => {
      const link = { clock, logger: silentLogger, isActive } as unknown as Channel;
      return looked.find(id, 0, () => isRight, link);
    };

    beforeEach(() => {
      reads = [];
      const read = () =>
        new Promise<{ records: Buffer[]; revision: string }>((resolve) =>
          reads.push((records) => resolve({ records, revision: '1' })),
        );
      looked = new LoggedSessions({ ...log, keepMs: log.keepMs, read }, LIMITS, new Map());
    });

    it('is removed though its last append is stored long after its end', async () => {
      const at: number[] = [];
      const removed: string[] = [];
      let isStored = false;
      const late = {
        ...log,
        keepMs: 600_000,
        read: async () => {
          at.push(clock.now() / 1000);
          return isStored ? { records: [record], revision: '1' } : undefined;
        },
        remove: async (_id: string, revision: string) => void removed.push(revision),
      };
      const left = new LoggedSessions(late as never, LIMITS, new Map());
      const end = (name: string) =>
        left.left({ id: name, revision: undefined, hasWritten: () => true }, clock);
      end('first');
      await passTime(clock, 100_000);
      expect([at, removed]).toEqual([[5, 10, 20, 40, 80], []]);
      isStored = true;
      await passTime(clock, 100_000);
      expect([at.slice(5), removed]).toEqual([[160], ['1']]);

      isStored = false;
      end('second');
      await passTime(clock, 600_000 + 5_000);
      expect(at.slice(6).map((second) => second - 200)).toEqual([5, 10, 20, 40, 80, 160, 320]);
      isStored = true;
      await passTime(clock, 1_200_000);
      expect([at.length, removed]).toEqual([13, ['1']]);
    });

    it('is found by the client that knows its secret, though another one asks for it', async () => {
      const [stranger, client] = [find(false), find(true)];
      expect(reads).toHaveLength(1);
      reads[0]!([record]);
      expect(await stranger).toEqual({ gone: 'secret' });
      expect(await client).toMatchObject({ revision: '1', session: { name: 'writer 1' } });
    });

    it('is read once for a client that leaves before the result, and comes again', async () => {
      const left = find(true, false);
      await passTime(clock, 9000);
      reads[0]!([record]);
      expect(await left).toEqual({ do: 'come-again' });
      await passTime(clock, 14_000);
      expect(await find(true)).toMatchObject({ revision: '1' });
      expect(reads).toHaveLength(1);
      void find(true);
      expect(reads).toHaveLength(2);
    });

    it('is looked for, though the clients of 1,024 others left before the results', async () => {
      const link = { clock, logger: silentLogger, isActive: false } as unknown as Channel;
      for (let other = 0; other < 1024; other += 1) {
        const left = looked.find(String(other), 0, () => true, link);
        reads.at(-1)!([record]);
        expect(await left).toEqual({ do: 'come-again' });
      }
      const client = find(true);
      reads.at(-1)!([record]);
      expect(await client).toMatchObject({ revision: '1' });
    });

    it('is read again for a client that leaves before the result, and comes late', async () => {
      const left = find(true, false);
      reads[0]!([record]);
      await left;
      await passTime(clock, 15_000);
      void find(true);
      expect(reads).toHaveLength(2);
    });

    it('is not gone for a client whose secret may be newer than what was read', async () => {
      const [first, second] = [find(false), find(false)];
      reads[0]!([record]);
      expect(await Promise.all([first, second])).toEqual([
        { gone: 'secret' },
        { do: 'come-again' },
      ]);
      const third = find(false);
      reads[1]!([record]);
      expect(await third).toEqual({ gone: 'secret' });
    });
  });

  it('are looked at no more when there is none', async () => {
    add(1);
    logged.stop();
    expect([await turns(2000), clock.nextDelay]).toEqual([[], -1]);
  });
});
