import { type Channel, type Clock, DecodeError, TimedOutError, type Timer } from '@headrace/core';
import { Fifo, toError } from '@headrace/core/authoring';
import type { LoggedSession, SessionLog } from '../log/session-log.ts';
import { foldRecords, type RecordedSession } from '../protocol/session-record.ts';
import type { GoneReason } from './gone-reason.ts';
import type { JournalLog, LeftRecord } from './journal-owner.ts';
import { LeftRecords } from './left-records.ts';
import { nameOf } from './logged-transport.ts';
import type { ResumeSession } from './resume-session.ts';

/** What became of a channel that was looked for in the log. */
export type LookUp =
  | { readonly session: RecordedSession; readonly revision: string }
  /** The log cannot be reached, or another process is busy with it: the client must come again. */
  | { readonly do: 'come-again' }
  | { readonly gone: GoneReason };

/** As many channels are looked for, or wait for their turn; the clients of further ones come again. */
const MAX_LOOK_UPS = 1024;
/** Whole records are written again in so many parts of the time for which the log keeps them. */
const SWEEPS = 12;
/** As many of them at a time, or fewer that keep so many bytes more each … */
const SWEEP_SIZE = 100;
const SWEEP_BYTES = 16_384;
/** … after a pause. */
const SWEEP_PAUSE_MS = 20;

/** What is asked again after it failed has more time, up to so many doublings: a log that is slow must get through its work. */
const MAX_DOUBLINGS = 3;
/** A log that stores now and then is complained of no more often. */
const COMPLAINT_MS = 10_000;

const COME_AGAIN: LookUp = { do: 'come-again' };

/** How much the log is asked for. */
interface LogLimits {
  /** How long it may take for an answer. */
  readonly logTimeoutMs: number;
  /** Channels that are read at a time. */
  readonly maxReads: number;
}

/** The channels of a table in its log. */
export class LoggedSessions implements JournalLog {
  readonly log: SessionLog;
  private readonly sessions: () => Iterable<ResumeSession, undefined>;
  /** Those that are read now. */
  private readonly lookUps = new Map<string, Promise<LoggedSession | undefined>>();
  private readonly leftRecords: LeftRecords;
  private hasComplained = false;
  private quietUntil = Number.NEGATIVE_INFINITY;
  private sweeping: Timer | undefined = undefined;
  /** Where the present sweep has come to: it does not begin again with those for which the log does not answer. */
  private swept: Iterator<ResumeSession, undefined> | undefined = undefined;

  private readonly limits: LogLimits;
  /** Reads that are under way, and those that wait for their turn. */
  private reading = 0;
  private readonly waiting = new Fifo<() => void>();

  /** @param sessions - those of the table now */
  constructor(
    log: SessionLog,
    limits: LogLimits,
    sessions: () => Iterable<ResumeSession, undefined>,
  ) {
    this.log = log;
    this.limits = limits;
    this.sessions = sessions;
    this.leftRecords = new LeftRecords(this);
  }

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
    this.leftRecords.add(record, clock);
  }

  /** Looks for a channel; `knows` says whether its client may have it. */
  async find(
    id: string,
    received: number,
    knows: (session: RecordedSession) => boolean,
    link: Channel,
  ): Promise<LookUp> {
    if (this.leftRecords.has(nameOf(id))) return { gone: 'ended' };
    const present = this.lookUps.get(id);
    if (present === undefined && this.lookUps.size >= MAX_LOOK_UPS) return COME_AGAIN;
    // What another client's look-up reads may be older than what this one was given.
    const isFresh = present === undefined;
    try {
      // Its turn may come late: the client does not wait for it, and finds it under way when it comes again.
      const found = await this.ask(link.clock, () => present ?? this.lookUp(id, link.clock));
      if (found === undefined) return isFresh ? { gone: 'unknown' } : COME_AGAIN;
      const session = foldRecords(found.records, received);
      if (knows(session)) return { session, revision: found.revision };
      return isFresh ? { gone: 'secret' } : COME_AGAIN;
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

  /** All that look for a channel at a time share one read, so that none keeps another one from it. */
  private async lookUp(id: string, clock: Clock): Promise<LoggedSession | undefined> {
    // Its client comes again meanwhile: a slow log is not asked again for what it is about to tell.
    const reading = this.read(nameOf(id), clock, 1);
    this.lookUps.set(id, reading);
    try {
      return await reading;
    } finally {
      this.lookUps.delete(id);
    }
  }

  /** The table has a further channel. */
  added(clock: Clock): void {
    this.sweeping ??= clock.deadlines.schedule(() => this.sweep(clock), this.log.keepMs / SWEEPS);
  }

  /** The table has none any more. */
  stop(): void {
    this.sweeping?.cancel();
    this.sweeping = this.swept = undefined;
  }

  /** The log forgets what is not written to: channels with nothing to say are written again. */
  private sweep(clock: Clock): void {
    this.swept ??= this.sessions()[Symbol.iterator]();
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
