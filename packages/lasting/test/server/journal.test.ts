import { randomBytes } from 'node:crypto';
import { EncodeError, type OutboundBytes } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AppendPlace, SessionLog } from '../../src/log/session-log.ts';
import { foldRecords, type RecordedSession } from '../../src/protocol/session-record.ts';
import { Journal } from '../../src/server/journal.ts';
import type {
  Description,
  JournalOwner,
  LeftRecord,
  StoredWork,
  TransportHeader,
} from '../../src/server/journal-owner.ts';
import { LoggedSessions } from '../../src/server/logged-sessions.ts';

const TIMEOUT_MS = 10_000;
/** The time between two looks whether a record takes long. */
const WAIT_NOTE_MS = 2500;
const LIMITS = { logTimeoutMs: TIMEOUT_MS, maxReads: 32, random: randomBytes };
const FIRST: TransportHeader = {
  id: 'i'.repeat(16),
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
};

/** A transport without links: its client never has anything. */
class FakeOwner implements JournalOwner {
  readonly channel = undefined;
  readonly roomBytes = 4096;
  waitingBytes = 0;
  isOverrun = false;
  overruns = 0;
  waits = 0;
  pendingBytes = 0;
  pulls = 0;
  answers = 0;
  losses = 0;
  saved: unknown = undefined;
  secrets = FIRST.secrets;
  readonly errors: Error[] = [];
  readonly work: StoredWork[] = [];
  onFlush = (): void => {};
  onPull = (): void => {};
  readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  get texts(): string[] {
    return this.payloads().map(String);
  }

  header(): TransportHeader {
    const taken = this.work.reduce((sum, { sizes }) => sum + sizes.length, 0);
    const { secrets } = this;
    return { ...FIRST, secrets, taken, keptCount: this.payloads().length };
  }

  payloads(): Buffer[] {
    return this.work.flatMap(({ messages }) => messages);
  }

  flush(): void {
    this.onFlush();
  }

  pull(): void {
    this.pulls += 1;
    this.onPull();
  }

  describe(): Description {
    return { isKnown: true, principal: 'ann', saved: this.saved };
  }

  stored(work: StoredWork): void {
    this.work.push(work);
  }

  answered(): void {
    this.answers += 1;
  }

  lost(): void {
    this.losses += 1;
  }

  logWaits(): void {
    this.waits += 1;
  }

  overrun(): void {
    this.overruns += 1;
  }

  failed(error: Error): void {
    this.errors.push(error);
  }
}

/** An append that waits for its answer. */
interface Append extends AppendPlace {
  readonly record: Buffer;
  /** The log has stored it. */
  store(): Promise<void>;
  /** Another record is there, or none. */
  refuse(): Promise<void>;
  fail(error?: Error): Promise<void>;
}

describe('Journal', () => {
  let clock: VirtualClock;
  let owner: FakeOwner;
  let journal: Journal;
  let appends: Append[];
  let stored: Buffer[];
  let isForgotten: boolean;
  let revision: number;
  let throws: boolean;
  /** The log answers nothing but appends. */
  let isSilent: boolean;
  const removed: string[] = [];
  const complaints: string[] = [];
  const left: LeftRecord[] = [];

  const log: SessionLog = {
    keepMs: 600_000,
    read: async () => {
      await heard();
      return isForgotten ? undefined : { records: [...stored], revision: String(revision) };
    },
    append: (_id, record, place) => {
      if (throws) throw new Error('no client');
      return new Promise((resolve, reject) => {
        const settled = async (act: () => void): Promise<void> => {
          act();
          await pass(0);
        };
        const bytes = Buffer.from(record);
        appends.push({
          ...place,
          record: bytes,
          store: () =>
            settled(() => {
              if (place.replaces) stored = [];
              stored.push(bytes);
              revision += 1;
              resolve(String(revision));
            }),
          refuse: () => settled(() => resolve(undefined)),
          fail: (error = new Error('no connection')) => settled(() => reject(error)),
        });
      });
    },
    remove: async (_id, after) => {
      removed.push(after);
      await heard();
    },
  };
  const heard = async (): Promise<void> => {
    if (isSilent) await new Promise(() => {});
  };
  const { ask, read: readNow } = new LoggedSessions(log, LIMITS, new Map());
  const parts = {
    log,
    ask,
    read: readNow,
    complain: (error: Error) => void complaints.push(error.message),
    works: () => {},
    left: (record: LeftRecord) => void left.push(record),
    writer: (id: string) => id,
  };
  const journalOf = () => new Journal(owner, parts, (count) => Buffer.alloc(count, 7));
  const pass = (ms: number): Promise<void> => passTime(clock, ms);

  beforeEach(() => {
    clock = new VirtualClock();
    owner = new FakeOwner(clock);
    appends = [];
    stored = [];
    isForgotten = throws = isSilent = false;
    revision = 0;
    removed.length = complaints.length = left.length = 0;
    journal = journalOf();
  });

  const write = (...texts: string[]): boolean => {
    const messages: OutboundBytes[] = texts.map((text) => Buffer.from(text));
    return journal.write(messages, texts.join('').length);
  };
  const read = (text: string, number: number, isHeld = false) => {
    journal.reads(Buffer.from(text), number);
    const hold = isHeld ? journal.hold() : undefined;
    journal.took(text.length);
    return hold;
  };
  const last = (): Append => appends.at(-1)!;
  /** What another process would go on with. */
  const folded = (): RecordedSession => foldRecords(stored);
  const known = (): string[] => {
    const { kept, waiting } = folded().state;
    return [...kept, ...waiting].map(String);
  };
  const begun = async (): Promise<void> => {
    journal.begin('name');
    await pass(0);
    await last().store();
  };

  it('stores a whole record first, and answers the client when the log has it', async () => {
    journal.begin('name');
    await pass(0);
    expect([appends.length, last().replaces, last().after, owner.answers]).toEqual([
      1,
      true,
      undefined,
      0,
    ]);
    await last().store();
    expect([owner.answers, journal.isStored, folded().state.principal]).toEqual([1, true, 'ann']);
  });

  it('puts all of a turn into one record, and shows nothing before it is stored', async () => {
    await begun();
    read('in', 1);
    for (const text of ['one', 'two', 'three']) write(text);
    await pass(0);
    expect([appends.length, last().replaces, owner.texts]).toEqual([2, false, []]);
    await last().store();
    expect([owner.texts, known(), folded().state.taken]).toEqual([
      ['one', 'two', 'three'],
      ['one', 'two', 'three'],
      1,
    ]);
  });

  it('has one record on its way at a time; the next one has everything that came meanwhile', async () => {
    await begun();
    write('one');
    await pass(0);
    write('two');
    await pass(10);
    write('three');
    await pass(10);
    expect(appends).toHaveLength(2);
    await last().store();
    expect([owner.texts, appends.length]).toEqual([['one'], 3]);
    await last().store();
    expect([owner.texts, known()]).toEqual([
      ['one', 'two', 'three'],
      ['one', 'two', 'three'],
    ]);
    expect(journal.waitingBytes).toBe(0);
  });

  it('writes one record for what handlers write when it asks for a flush', async () => {
    await begun();
    owner.onFlush = () => {
      owner.onFlush = () => {};
      write('held back');
    };
    write('one');
    await pass(0);
    await last().store();
    await pass(1000);
    expect([owner.texts, appends.length]).toEqual([['one', 'held back'], 2]);
  });

  it('lets messages that were only taken wait for further ones', async () => {
    await begun();
    read('one', 1);
    await pass(40);
    expect(appends).toHaveLength(1);
    read('two', 2);
    await pass(10);
    await last().store();
    expect([appends.length, folded().state.taken]).toEqual([2, 2]);
    for (let number = 3; number < 35; number++) read('many', number);
    await pass(0);
    expect(appends).toHaveLength(3);
  });

  it('takes what the channel has up to its backlog, and leaves what is written meanwhile', async () => {
    await begun();
    owner.pendingBytes = 6;
    owner.onPull = () => {
      owner.onPull = () => {};
      owner.pendingBytes = 0;
      expect([write('three'), write('late')]).toEqual([true, false]);
    };
    write('one');
    await pass(0);
    await last().store();
    expect(owner.texts).toEqual(['one', 'three']);
    await last().store();
    expect(owner.texts).toEqual(['one', 'three', 'late']);
  });

  it('stores no further work while what is stored waits for the client', async () => {
    await begun();
    owner.waitingBytes = 1;
    write('one');
    await pass(1000);
    expect(appends).toHaveLength(1);
    journal.urge();
    await pass(0);
    await last().store();
    expect([known(), owner.answers]).toEqual([[], 2]);
    owner.waitingBytes = 0;
    journal.changed();
    await pass(0);
    await last().store();
    expect(known()).toEqual(['one']);
  });

  it('stores what was taken, with its answers, though what is stored waits for the client', async () => {
    await begun();
    owner.waitingBytes = 1;
    read('ask', 1);
    write('answer');
    await pass(50);
    await last().store();
    expect([folded().state.taken, known(), owner.overruns]).toEqual([1, ['answer'], 0]);
    owner.isOverrun = true;
    read('more', 2);
    write('too much');
    await pass(50);
    expect(owner.overruns).toBe(1);
  });

  it('replaces the records when those after the last whole one are long', async () => {
    await begun();
    const places: boolean[] = [];
    for (let number = 0; number < 80; number++) {
      write('x'.repeat(1000));
      await pass(0);
      places.push(last().replaces);
      await last().store();
    }
    expect(places.filter((replaces) => replaces)).toHaveLength(1);
    expect([stored.length < 80, known().length]).toEqual([true, 80]);
  });

  it('writes a whole record again when the last one is old', async () => {
    await begun();
    await pass(199_000);
    expect(journal.isOld).toBe(false);
    await pass(1000);
    expect(journal.isOld).toBe(true);
    journal.refresh();
    await pass(0);
    expect([last().replaces, journal.isOld]).toEqual([true, false]);
  });

  it('does not answer a client before its own record, though another one is on its way', async () => {
    await begun();
    journal.refresh();
    await pass(0);
    owner.secrets = [...FIRST.secrets, 't'.repeat(16)];
    journal.urge();
    await last().store();
    expect([owner.answers, folded().state.secrets.length]).toEqual([1, 1]);
    await last().store();
    expect([owner.answers, folded().state.secrets.length]).toEqual([2, 2]);
  });

  // --- work under way ---

  it('keeps a held message until its work is done', async () => {
    await begun();
    const hold = read('ask', 1, true)!;
    await pass(50);
    await last().store();
    expect(folded().unfinished).toEqual([{ number: 1, payload: Buffer.from('ask') }]);
    write('answer');
    hold.release();
    hold.release();
    await pass(0);
    await last().store();
    expect([folded().unfinished, known()]).toEqual([[], ['answer']]);
  });

  it('goes on with the work of another process, and counts it once', async () => {
    await begun();
    read('ask', 1, true);
    write('x');
    await pass(0);
    await last().store();
    const recorded = folded();
    journal = journalOf();
    journal.restore('name', '2', recorded);
    const claimed = journal.claim();
    await pass(0);
    expect([last().replaces, last().after]).toEqual([true, '2']);
    await last().store();
    await claimed;
    expect(folded().unfinished).toHaveLength(1);
    journal.opened();
    journal.reads(Buffer.from('ask'), 9);
    const hold = journal.hold()!;
    expect([hold.isRepeated, journal.took(3), journal.takenCount]).toEqual([true, false, 0]);
    hold.release();
    await pass(50);
    await last().store();
    expect(folded().unfinished).toEqual([]);
  });

  it('stores that work is done, though an append failed meanwhile', async () => {
    await begun();
    const hold = read('ask', 1, true)!;
    write('x');
    await pass(0);
    await last().fail();
    hold.release();
    await pass(100);
    await last().store();
    await pass(1000);
    await last().store();
    expect(folded().unfinished).toEqual([]);
  });

  it('stores that work was done just before an append failed', async () => {
    await begun();
    const hold = read('ask', 1, true)!;
    write('x');
    await pass(0);
    hold.release();
    await last().fail();
    await pass(100);
    await last().store();
    await pass(1000);
    await last().store();
    expect(folded().unfinished).toEqual([]);
  });

  // --- failures ---

  it('appends the same record again until it is known whether it was stored', async () => {
    await begun();
    write('one');
    await pass(0);
    const { record } = last();
    await last().fail();
    write('two');
    await pass(100);
    expect([appends.length, last().record.equals(record), last().after]).toEqual([3, true, '1']);
    await last().store();
    expect([owner.texts, complaints]).toEqual([['one'], ['no connection']]);
    await last().store();
    expect(owner.texts).toEqual(['one', 'two']);
  });

  it('appends the same record again when the log does not answer, though it may have stored it', async () => {
    await begun();
    write('one');
    await pass(0);
    const silent = last();
    await pass(TIMEOUT_MS - 1);
    expect([appends.length, complaints]).toEqual([2, []]);
    await pass(1 + 100);
    expect([appends.length, complaints]).toEqual([3, ['it has not answered within 10000 ms']]);
    expect([last().record.equals(silent.record), last().after]).toEqual([true, silent.after]);
    await last().store();
    // Its answer comes too late to count.
    await silent.refuse();
    await pass(WAIT_NOTE_MS);
    expect([owner.texts, owner.losses, clock.nextDelay]).toEqual([['one'], 0, -1]);
  });

  it('gives a log that is slow more time for the same record, so that it gets through its work', async () => {
    await begun();
    write('one');
    await pass(TIMEOUT_MS + 100);
    expect(appends.length).toBe(3);
    await pass(2 * TIMEOUT_MS - 1);
    expect(appends.length).toBe(3);
    await last().store();
    await pass(WAIT_NOTE_MS);
    expect([owner.texts, clock.nextDelay]).toEqual([['one'], -1]);
    write('two');
    await pass(TIMEOUT_MS + 100);
    expect(appends.length).toBe(5);
  });

  it('says again and again that the log takes long, and not while it stores', async () => {
    await begun();
    for (let number = 0; number < 10; number += 1) {
      write('one');
      await pass(1000);
      await last().store();
    }
    expect(owner.waits).toBe(0);
    write('two');
    await pass(3 * WAIT_NOTE_MS);
    expect(owner.waits).toBeGreaterThanOrEqual(2);
    await last().store();
    await pass(2 * WAIT_NOTE_MS);
    const { waits } = owner;
    await pass(4 * WAIT_NOTE_MS);
    expect([owner.waits, clock.nextDelay]).toEqual([waits, -1]);
  });

  it('asks again when the log does not answer which process has written instead', async () => {
    await begun();
    write('one');
    await pass(0);
    isSilent = true;
    await last().refuse();
    await pass(TIMEOUT_MS - 1);
    expect(complaints).toEqual([]);
    isSilent = false;
    await pass(1 + 100);
    expect([complaints.length, owner.losses, last().replaces]).toEqual([1, 0, true]);
    await last().store();
    await pass(WAIT_NOTE_MS);
    expect([owner.texts, clock.nextDelay]).toEqual([['one'], -1]);
  });

  it('leaves its records to be removed when the log does not answer at its end', async () => {
    await begun();
    isSilent = true;
    journal.over(false);
    await pass(TIMEOUT_MS);
    expect([left.map(({ id }) => id), clock.nextDelay]).toEqual([['name'], -1]);
  });

  it('ends, and leaves its records to be removed, though its last append never settles', async () => {
    await begun();
    write('one');
    await pass(0);
    journal.over(false);
    await pass(TIMEOUT_MS);
    expect([removed, left.map(({ id }) => id), clock.nextDelay]).toEqual([['1'], ['name'], -1]);
  });

  it('removes a record that arrives after its channel was removed', async () => {
    journal.begin('name');
    await pass(0);
    const first = last();
    await pass(TIMEOUT_MS);
    journal.over(false);
    await pass(0);
    expect([removed, left.length]).toEqual([[], 1]);
    await first.store();
    expect(removed).toEqual(['1']);
  });

  it('removes no record that arrives late, unless its channel has ended here', async () => {
    journal.begin('name');
    await pass(0);
    const first = last();
    await pass(TIMEOUT_MS);
    await first.store();
    expect(removed).toEqual([]);

    journal = journalOf();
    journal.begin('name');
    await pass(0);
    const second = last();
    await pass(TIMEOUT_MS);
    journal.over(true);
    await second.store();
    expect(removed).toEqual([]);
  });

  it('takes a log that throws for one that fails', async () => {
    throws = true;
    journal.begin('name');
    await pass(0);
    throws = false;
    await pass(100);
    await last().store();
    expect([owner.answers, complaints]).toEqual([1, ['no client']]);
  });

  it('ends the channel whose record the log never takes', async () => {
    await begun();
    write('one');
    await pass(0);
    await last().fail(new EncodeError('MESSAGE_TOO_LONG', 'too long', {}));
    await pass(10_000);
    expect([appends.length, owner.errors.map(({ message }) => message)]).toEqual([2, ['too long']]);
    expect(owner.texts).toEqual([]);
  });

  it('is lost when another process has written', async () => {
    await begun();
    write('one');
    await pass(0);
    const other = new Journal(owner, parts, (count) => Buffer.alloc(count, 8));
    other.begin('name');
    await pass(0);
    const [theirs, ours] = [last(), appends.at(-2)!];
    await theirs.store();
    await ours.refuse();
    appends.splice(appends.indexOf(theirs), 1);
    expect([owner.losses, owner.texts]).toEqual([1, []]);
    journal.over(true);
    await pass(10_000);
    expect([appends.length, removed]).toEqual([2, []]);
  });

  it('stores all of it again when the log has only its earlier records', async () => {
    await begun();
    const restored = [...stored];
    for (const text of ['one', 'two']) {
      write(text);
      await pass(0);
      await last().store();
    }
    stored = restored;
    revision = 1;
    write('three');
    await pass(0);
    await last().refuse();
    expect([last().after, last().replaces, owner.losses]).toEqual(['1', true, 0]);
    await last().store();
    expect([owner.texts, known()]).toEqual([
      ['one', 'two', 'three'],
      ['one', 'two', 'three'],
    ]);
  });

  it('is lost when the log refuses its records again and again', async () => {
    await begun();
    write('one');
    await pass(0);
    for (let tries = 0; tries < 3; tries += 1) {
      expect(owner.losses).toBe(0);
      await last().refuse();
    }
    await last().refuse();
    expect([owner.losses, appends.length]).toEqual([1, 5]);
  });

  it('stores all of it again when the log has forgotten it', async () => {
    await begun();
    const hold = read('ask', 1, true)!;
    write('one');
    await pass(0);
    await last().store();
    write('two');
    await pass(0);
    isForgotten = true;
    await last().refuse();
    expect([last().replaces, last().after]).toEqual([true, undefined]);
    await last().store();
    expect([known(), folded().unfinished.length, owner.losses]).toEqual([['one', 'two'], 1, 0]);
    hold.release();
  });

  it('reports what save throws, and stores nothing of that turn', async () => {
    await begun();
    owner.describe = () => {
      throw new Error('no plain data');
    };
    write('one');
    await pass(0);
    expect([owner.errors.length, appends.length]).toEqual([1, 1]);
  });

  // --- the end ---

  it('removes its records when it ends, unless it goes on elsewhere', async () => {
    await begun();
    journal.over(false);
    expect([removed, journal.isActive]).toEqual([['1'], false]);
    journal.over(false);
    journal = journalOf();
    await begun();
    journal.over(true);
    await pass(1000);
    expect(removed).toEqual(['1']);
  });

  it('removes the record that is on its way when it ends', async () => {
    await begun();
    write('one');
    await pass(0);
    journal.over(false);
    expect(removed).toEqual([]);
    await last().store();
    expect([removed, owner.texts]).toEqual([['2'], []]);
  });

  it('removes what it knows of when it ends while an append is tried again', async () => {
    await begun();
    write('one');
    await pass(0);
    await last().fail();
    journal.over(false);
    await pass(10_000);
    expect([removed, appends.length, clock.nextDelay]).toEqual([['1'], 2, -1]);
    expect(left.map(({ id, revision }) => [id, revision])).toEqual([['name', '1']]);
    expect(left[0]!.hasWritten(foldRecords([last().record]).name)).toBe(true);
  });

  it('appends nothing, and removes its records, when a flush ends the channel', async () => {
    await begun();
    owner.onFlush = () => journal.over(false);
    write('one');
    await pass(1000);
    expect([appends.length, removed]).toEqual([1, ['1']]);
  });

  it('leaves no timer when work ends after the channel', async () => {
    await begun();
    const hold = read('ask', 1, true)!;
    await pass(50);
    await last().store();
    journal.over(false);
    hold.release();
    await pass(0);
    expect(clock.nextDelay).toBe(-1);
  });

  it('rejects callers that wait for a record, at the end and after it', async () => {
    await begun();
    const leaving = journal.leave();
    journal.over(false);
    await expect(leaving).rejects.toThrow('the channel has ended');
    await expect(journal.leave()).rejects.toThrow('the channel has ended');
    await expect(journal.claim()).rejects.toThrow('the channel has ended');
  });

  it('leaves with what was there, though the channel goes on writing', async () => {
    await begun();
    write('one');
    await pass(0);
    let hasLeft = false;
    void journal.leave().then(() => {
      hasLeft = true;
    });
    write('two');
    await last().store();
    expect(hasLeft).toBe(false);
    expect(write('late')).toBe(false);
    await last().store();
    expect([hasLeft, known()]).toEqual([true, ['one', 'two']]);
  });

  it('goes on with what was written meanwhile when it does not leave', async () => {
    await begun();
    const leaving = journal.leave();
    await pass(0);
    write('late');
    journal.stay(new Error('too slow'));
    await expect(leaving).rejects.toThrow('too slow');
    await last().store();
    await last().store();
    expect([owner.texts, known()]).toEqual([['late'], ['late']]);
  });
});
