import { type Channel, type Clock, DecodeError, TimedOutError, type Timer } from '@headrace/core';
import { Fifo, RecentMap, toError } from '@headrace/core/authoring';
import type { LoggedSession, SessionLog } from '../log/session-log.ts';
import type { RandomBytes } from '../protocol/resume-machine.ts';
import { foldRecords, type RecordedSession } from '../protocol/session-record.ts';
import type { GoneReason } from './gone-reason.ts';
import type { JournalLog, LeftRecord } from './journal-owner.ts';
import { idOf, nameOf } from './logged-transport.ts';
import { OrphanedRecords } from './orphaned-records.ts';
import type { ResumeSession } from './resume-session.ts';
import { TakenNotes } from './taken-notes.ts';

/** The result of a search for a channel in the log. */
export type LookUp =
  | { readonly session: RecordedSession; readonly revision: string }
  /** The log is unreachable, or another process uses the channel. The client must reconnect. */
  | { readonly do: 'come-again' }
  /** Too many clients search. The client must reconnect, at a time of its own. */
  | { readonly do: 'busy' }
  | { readonly gone: GoneReason };

/** Maximum number of searches under way or waiting. Further clients must reconnect. */
const MAX_LOOK_UPS = 1024;
/** Number of sweeps within the log's keep time. Each sweep writes old whole records again. */
const SWEEPS = 12;
/** Maximum number of records in one step. Each `SWEEP_BYTES` that a channel keeps count as one more record. */
const SWEEP_SIZE = 100;
const SWEEP_BYTES = 16_384;
/** Pause between two steps. */
const SWEEP_PAUSE_MS = 20;

/**
 * Time for which the result of a read is kept for a client that left while it waited, in milliseconds. It may try other processes
 * first.
 */
const KEPT_READ_MS = 15_000;
/** Maximum number of doublings of the time-out after failures, so that a slow log can finish its work. */
const MAX_DOUBLINGS = 3;
/** Minimum time between warnings about a log that fails now and then. */
const COMPLAINT_MS = 10_000;

const COME_AGAIN: LookUp = { do: 'come-again' };
const BUSY: LookUp = { do: 'busy' };

/** The limits of requests to the log. */
interface LogLimits {
  /** Maximum time of an answer. */
  readonly logTimeoutMs: number;
  /** Maximum number of reads at the same time. */
  readonly maxReads: number;
}

/** A read of the records of one channel, for all searches of it. */
interface ChannelRead {
  readonly records: Promise<LoggedSession | undefined>;
  /** Ends the use of this read: the next search reads again. */
  readonly forget: () => void;
}

/** The channels of a table in its log. */
export class LoggedSessions implements JournalLog {
  readonly log: SessionLog;
  private readonly sessions: ReadonlyMap<string, ResumeSession>;
  private readonly notes: TakenNotes;
  /** Reads under way. */
  private readonly lookUps = new Map<string, ChannelRead>();
  /** Reads whose clients left before the result. Most of these clients have gone to another process, so they refuse no others. */
  private readonly kept = new RecentMap<ChannelRead>(MAX_LOOK_UPS);
  private readonly orphanedRecords: OrphanedRecords;
  private hasComplained = false;
  private quietUntil = Number.NEGATIVE_INFINITY;
  private sweeping: Timer | undefined = undefined;
  /** Position of the current sweep, so that the sweep does not begin again with channels for which the log does not answer. */
  private swept: Iterator<ResumeSession, undefined> | undefined = undefined;

  private readonly limits: LogLimits;
  /** Reads under way, and reads that wait for their turn. */
  private reading = 0;
  private readonly waiting = new Fifo<() => void>();

  /** @param sessions - the table's current sessions by id */
  constructor(
    log: SessionLog,
    limits: LogLimits & { readonly random: RandomBytes },
    sessions: ReadonlyMap<string, ResumeSession>,
  ) {
    this.log = log;
    this.limits = limits;
    this.sessions = sessions;
    this.notes = new TakenNotes(this, limits.random, (name) => {
      const session = sessions.get(idOf(name));
      if (session?.place === 'here') session.logged?.journal.check();
    });
    this.orphanedRecords = new OrphanedRecords(this);
  }

  /** Not an attempt: thousands of channels can wait for one log, and their timers would be due in one turn. */
  readonly ask = async <T>(clock: Clock, question: () => Promise<T>, tries = 0): Promise<T> => {
    const timeoutMs = this.limits.logTimeoutMs * 2 ** Math.min(tries, MAX_DOUBLINGS);
    let timer: Timer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const text = `it has not answered within ${timeoutMs} ms`;
      const error = () => new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs });
      timer = clock.deadlines.schedule(() => reject(error()), timeoutMs);
    });
    try {
      return await Promise.race([question(), late]);
    } finally {
      timer!.cancel();
    }
  };

  readonly read = async (
    name: string,
    clock: Clock,
    tries = 0,
  ): Promise<LoggedSession | undefined> => {
    if (this.reading < this.limits.maxReads) this.reading += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await this.ask(clock, () => this.log.read(name), tries);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.reading -= 1;
      else next();
    }
  };

  readonly complain = (error: Error, channel: Channel | undefined): void => {
    if (this.hasComplained || channel === undefined) return;
    const now = channel.clock.now();
    if (now < this.quietUntil) return;
    this.quietUntil = now + COMPLAINT_MS;
    this.hasComplained = true;
    const text = `the log of lasting channels stores nothing at present (${error.message}); trying again`;
    channel.logger.log('warn', text, error);
  };

  readonly works = (): void => {
    this.hasComplained = false;
  };

  left(record: LeftRecord, clock: Clock): void {
    this.orphanedRecords.add(record, clock);
  }

  /** Searches for a channel. `knows` returns true if the client may resume the channel. */
  async find(
    id: string,
    received: number,
    knows: (session: RecordedSession) => boolean,
    link: Channel,
  ): Promise<LookUp> {
    if (this.orphanedRecords.has(nameOf(id))) return { gone: 'ended' };
    const present = this.lookUps.get(id) ?? this.kept.peek(id);
    if (present === undefined && this.lookUps.size >= MAX_LOOK_UPS) return BUSY;
    // The read of another client's search may be older than this client's secret.
    const isFresh = present === undefined;
    const { records, forget } = present ?? this.lookUp(id, link.clock);
    try {
      // The read may wait for its turn. The client does not wait, and finds the read, or its result, when
      // it reconnects.
      const found = await this.ask(link.clock, () => records);
      if (!link.isActive) return COME_AGAIN;
      forget();
      if (found === undefined) return isFresh ? { gone: 'unknown' } : COME_AGAIN;
      const session = foldRecords(found.records, received);
      if (!knows(session)) return isFresh ? { gone: 'secret' } : COME_AGAIN;
      // A client receives only stored messages, so the log has lost its newest records.
      if (received > lastMessageOf(session)) return isFresh ? { gone: 'rolledBack' } : COME_AGAIN;
      return { session, revision: found.revision };
    } catch (thrown) {
      const error = toError(thrown);
      if (error instanceof DecodeError) {
        link.logger.log('error', `${link} cannot resume: ${error.message}`, error);
        return { gone: 'unreadable' };
      }
      this.complain(error, link);
      return COME_AGAIN;
    }
  }

  /** Searches of the same channel share one read, so that none blocks another. */
  private lookUp(id: string, clock: Clock): ChannelRead {
    // The client reconnects meanwhile. A slow log is not asked again while it is still answering
    // the first request.
    const records = this.read(nameOf(id), clock, 1);
    let timer: Timer | undefined;
    const forget = (): void => {
      timer?.cancel();
      if (this.kept.peek(id) === read) this.kept.delete(id);
    };
    const read: ChannelRead = { records, forget };
    this.lookUps.set(id, read);
    const isOver = (): void => void this.lookUps.delete(id);
    records.then((found) => {
      isOver();
      if (found === undefined) return;
      this.kept.use(id, read);
      timer = clock.deadlines.schedule(forget, KEPT_READ_MS);
    }, isOver);
    return read;
  }

  writer(id: string): string {
    return this.notes.writer(id);
  }

  /** Tells the process that has written a record that the channel is here now. */
  took(id: string, { name }: RecordedSession, clock: Clock): void {
    this.notes.tell(name, nameOf(id), clock);
  }

  /** Called when the table has a new channel. */
  added(clock: Clock): void {
    this.notes.begin(clock);
    this.sweeping ??= clock.deadlines.schedule(() => this.sweep(clock), this.log.keepMs / SWEEPS);
  }

  /** Called when the table has no channel left. */
  stop(): void {
    this.notes.stop();
    this.sweeping?.cancel();
    this.sweeping = this.swept = undefined;
  }

  /** Writes idle channels again, because the log forgets channels without new records. */
  private sweep(clock: Clock): void {
    this.swept ??= this.sessions.values();
    let left = SWEEP_SIZE;
    while (left > 0) {
      const { value: session } = this.swept.next();
      if (session === undefined) break;
      const { logged } = session;
      if (logged?.journal.isOld !== true) continue;
      logged.journal.refresh();
      left -= 1 + logged.keptBytes / SWEEP_BYTES;
    }
    if (left > 0) this.swept = undefined;
    const pauseMs = left > 0 ? this.log.keepMs / SWEEPS : SWEEP_PAUSE_MS;
    this.sweeping = clock.deadlines.schedule(() => this.sweep(clock), pauseMs);
  }
}

function lastMessageOf({ state: { acknowledged, kept, waiting } }: RecordedSession): number {
  return acknowledged + kept.length + waiting.length;
}
