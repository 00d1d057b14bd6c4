import { Buffer } from 'node:buffer';
import { exponential } from '@headrace/client';
import { isHeadraceError, type OutboundBytes, type Timer } from '@headrace/core';
import { ENTRY_OVERHEAD_BYTES, toBuffer, toError } from '@headrace/core/authoring';
import type { MessageHold } from '@headrace/handlers/call';
import type { AppendPlace, LoggedSession } from '../log/session-log.ts';
import { MESSAGE_OVERHEAD_BYTES } from '../protocol/kept-run.ts';
import type { RandomBytes } from '../protocol/resume-machine.ts';
import {
  encodeRecord,
  foldRecords,
  type RecordedSession,
  type UnfinishedMessage,
} from '../protocol/session-record.ts';
import { HeldMessages } from './held-messages.ts';
import type { Description, JournalLog, JournalOwner, StoredWork } from './journal-owner.ts';

/** Time that read messages wait for further ones before a record is written. */
const LAZY_MS = 50;
/** Number of read messages after which a record is written. */
const LAZY_MESSAGES = 32;
/** Minimum size of all records after the last whole record before a new whole record is written, in bytes. */
const MAX_TAIL_BYTES = 65_536;
/** Divisor of the credit. The result is used instead of `MAX_TAIL_BYTES` if the result is larger. */
const MAX_TAIL_SHARE = 4;
/** Interval at which the client learns that its messages wait for the log. It would close after 10 s without an acknowledgement. */
const WAIT_NOTE_MS = 2500;
/** Number of credits of stored messages that wait for the client before the channel becomes unwritable. */
export const BACKLOG_CREDITS = 2;
/** Share of the log's keep time after which a whole record is written again. */
const REFRESH_SHARE = 1 / 3;
/** Maximum number of conflicts one after the other in which the log has only earlier records of this channel. */
const MAX_CONFLICTS = 3;
const TRY_AGAIN = exponential({ baseMs: 100, maxMs: 5000, jitter: 'none' });
/** Description of a channel that was closed before its first record. */
const UNKNOWN: Description = { isKnown: false, principal: undefined, saved: undefined };
const NONE: ReadonlyMap<number, UnfinishedMessage> = new Map();
const NO_WORK: StoredWork = { messages: [], sizes: [], endReason: undefined };

/**
 * The work of one lasting channel that its log does not have yet. The client does not see this work: a message is acknowledged,
 * and an answer is sent, when the log has both. If a process is killed, another process therefore continues from the last record.
 *
 * ```text
 *  phase      new ──begin──▶ open                 each phase ──over──▶ over
 *             new ──restore──▶ claimed ──opened──▶ open
 *  appending  none ──store──▶ asked ──stored──▶ none
 *                             asked ──failed──▶ waits ──a delay later──▶ asked
 *  leaving    no ──leave──▶ asked ──store──▶ packed     asked, packed ──stay──▶ no
 * ```
 */
export class Journal {
  private readonly owner: JournalOwner;
  private readonly parts: JournalLog;
  private readonly writer: string;
  private records = 0;
  /** Name in the log, which has only letters and digits. */
  private name = '';
  private revision: string | undefined = undefined;
  /** Name of the record of another process after which this process goes on. */
  private predecessor: string | undefined = undefined;
  /** Number of conflicts since the last stored record. */
  private conflicts = 0;
  /** `claimed` until the pipeline of a channel of another process exists. */
  private phase: 'new' | 'claimed' | 'open' | 'over' = 'new';
  /** Whether the records stay at the end, for another process. */
  private isKept = false;

  // Work that waits to be stored.
  private staged: Buffer[] = [];
  private stagedBytes = 0;
  private sizes: number[] = [];
  private sizesBytes = 0;
  private endReason: string | undefined = undefined;
  private readonly held = new HeldMessages(() => this.changedSoon());
  /** Unfinished messages at the last record with work in it. */
  private presentUnfinished: ReadonlyMap<number, UnfinishedMessage> = NONE;
  /** Unfinished messages that the log knows. */
  private loggedUnfinished: ReadonlyMap<number, UnfinishedMessage> = NONE;
  private described: Description | undefined = undefined;

  // The append under way.
  private inAppend: StoredWork = NO_WORK;
  /** `waits` after a failure, until the record is appended again. */
  private appending: 'none' | 'asked' | 'waits' = 'none';
  private isDue = false;
  /** Whether work may wait for further work. */
  private isLazilyDue = false;
  /** Whether the client waits for an answer of the protocol, or the log is about to forget the channel. */
  private isUrgent = false;
  /** `packed` when the last record is being stored. Later output stays behind. */
  private leaving: 'no' | 'asked' | 'packed' = 'no';
  private isScheduled = false;
  /** Timer for work that need not be stored at once. */
  private lazyTimer: Timer | undefined = undefined;
  /** Timer for the next append of a failed record. */
  private retryTimer: Timer | undefined = undefined;
  /** Timer that looks whether an append takes long. It is not set for each append. */
  private waitTimer: Timer | undefined = undefined;
  /** Number of records at the last look. */
  private recordsBefore = 0;
  private refusals = 0;
  private tailBytes = 0;
  private wholeAt = 0;
  private waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];

  // Set while the channel passes its pending output.
  private roomBytes = -1;
  /** Bytes of the write that the channel waits for, whose messages are staged or stored. */
  private inFlightBytes = 0;
  private readonly late: Buffer[] = [];

  constructor(owner: JournalOwner, parts: JournalLog, random: RandomBytes) {
    this.writer = parts.writer(Buffer.from(random(9)).toString('base64url'));
    this.owner = owner;
    this.parts = parts;
  }

  get isActive(): boolean {
    return this.phase === 'claimed' || this.phase === 'open';
  }

  private get isOver(): boolean {
    return this.phase === 'over';
  }

  private get isLeaving(): boolean {
    return this.leaving !== 'no';
  }

  /** Number of messages of another process that the pipeline has not read yet. */
  get repeatCount(): number {
    return this.held.repeatCount;
  }

  /** Messages that were written and are not stored. */
  get waitingMessages(): Buffer[] {
    return [...this.inAppend.messages, ...this.staged];
  }

  get waitingCount(): number {
    return this.inAppend.messages.length + this.staged.length;
  }

  get waitingBytes(): number {
    return this.stagedBytes;
  }

  /** Number of messages that the pipeline has read and the log does not know. */
  get takenCount(): number {
    return this.inAppend.sizes.length + this.sizes.length;
  }

  /** Whether the log has all work of the channel. */
  get isStored(): boolean {
    return (
      this.appending === 'none' && !this.isDue && this.waitingCount === 0 && this.takenCount === 0
    );
  }

  /** Begins to store all work before the client sees it. */
  begin(id: string): void {
    if (this.isOver) return;
    this.name = id;
    this.phase = 'open';
    this.wholeAt = this.owner.clock.now();
    this.urge();
  }

  /** Continues the stored channel of another process. The first record shows that the channel is here now. */
  restore(id: string, revision: string, { name, state, unfinished }: RecordedSession): void {
    const { isKnown, principal, saved } = state;
    this.name = id;
    this.phase = 'claimed';
    this.revision = revision;
    this.predecessor = name;
    this.described = { isKnown, principal, saved };
    this.wholeAt = Number.NEGATIVE_INFINITY;
    this.held.restore(unfinished);
    this.presentUnfinished = this.loggedUnfinished = this.held.copy();
  }

  /** Called when the pipeline of a channel of another process exists. */
  opened(): void {
    if (this.phase === 'claimed') this.phase = 'open';
  }

  /** Returns true if this process has written the record of this name. */
  hasWritten(name: string): boolean {
    return isOfWriter(name, this.writer);
  }

  // --- work of the channel ---

  /** Copies messages. Returns true if the channel may write more. */
  write(messages: readonly OutboundBytes[], bytes: number): boolean {
    const takesMore = this.stage(messages, bytes);
    this.inFlightBytes = takesMore ? 0 : bytes + messages.length * ENTRY_OVERHEAD_BYTES;
    return takesMore;
  }

  private stage(messages: readonly OutboundBytes[], bytes: number): boolean {
    const { owner } = this;
    const isGathering = this.roomBytes >= 0;
    const isLate = isGathering && this.roomBytes === 0;
    const list = isLate ? this.late : this.staged;
    for (const message of messages) list.push(Buffer.from(toBuffer(message)));
    this.stagedBytes += bytes + messages.length * MESSAGE_OVERHEAD_BYTES;
    if (isLate) return false;
    if (isGathering) {
      this.roomBytes = Math.max(0, this.roomBytes - bytes - messages.length);
      return !this.isBacklogged;
    }
    this.changed();
    return this.leaving !== 'packed' && !this.isBacklogged && this.stagedBytes < owner.roomBytes;
  }

  /** Whether output stays in flight, so that the channel detects a client that does not read. */
  private get isBacklogged(): boolean {
    const { waitingBytes, roomBytes } = this.owner;
    return !this.isLeaving && waitingBytes >= BACKLOG_CREDITS * roomBytes;
  }

  /** Ends the output after the written messages. */
  end(reason: string): void {
    this.endReason ??= reason;
    this.changed();
  }

  /**
   * Called when the pipeline begins to read a message. `number` is the message's number, unless another process has counted the
   * message.
   */
  reads(payload: Buffer, number: number): void {
    this.held.reads(payload, number);
  }

  /** Called when the pipeline has read the message. Returns false if another process has counted the message. */
  took(payloadBytes: number): boolean {
    if (this.held.hasRead()) return false;
    this.sizes.push(payloadBytes);
    this.sizesBytes += payloadBytes + MESSAGE_OVERHEAD_BYTES;
    const isMuch = this.sizesBytes * 8 >= this.owner.roomBytes;
    if (this.sizes.length >= LAZY_MESSAGES || isMuch) this.changed();
    else this.changedSoon();
    return true;
  }

  /**
   * Holds the message that the pipeline is reading. A message that this process does not finish is read again by the next
   * process.
   */
  hold(): MessageHold | undefined {
    return this.isActive ? this.held.hold() : undefined;
  }

  // --- records ---

  /** Requests a record that the client waits for. */
  urge(): void {
    this.isUrgent = true;
    this.changed();
  }

  /** Whether the log would soon forget the channel, see {@link SessionLog.keepMs}. */
  get isOld(): boolean {
    const { keepMs } = this.parts.log;
    return this.isActive && this.owner.clock.now() - this.wholeAt >= keepMs * REFRESH_SHARE;
  }

  /** Writes a whole record again. */
  refresh(): void {
    this.urge();
  }

  /**
   * Resolves when the log has all current work, including messages without credit. Rejects if the log will never have this work.
   * Later output stays behind, because a channel could write forever.
   */
  async leave(): Promise<void> {
    if (!this.isLeaving) this.leaving = 'asked';
    this.changed();
    await this.nextRecord();
  }

  /** Cancels `leave`. */
  stay(why: Error): void {
    this.leaving = 'no';
    for (const { reject } of this.waiters.splice(0)) reject(why);
    this.changed();
  }

  /** Asks the log whether the channel is still here, and ends it if not. */
  check(): void {
    this.claim().catch(() => {});
  }

  /** Resolves when the log knows that the channel is here. Rejects if the channel is elsewhere. */
  async claim(): Promise<void> {
    this.urge();
    await this.nextRecord();
  }

  /** Resolves when the due record is stored. */
  private nextRecord(): Promise<void> {
    if (this.isOver) return Promise.reject(ended());
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  /** Requests a record with all work of this turn of the event loop. */
  changed(): void {
    this.isDue = true;
    if (this.isScheduled || !this.isActive) return;
    this.isScheduled = true;
    this.owner.clock.execute(() => {
      this.isScheduled = false;
      this.store();
    });
  }

  /** Requests a record before long. */
  changedSoon(): void {
    if (!this.isActive) return;
    this.isLazilyDue = true;
    this.lazyTimer ??= this.owner.clock.deadlines.schedule(() => {
      this.lazyTimer = undefined;
      // An earlier record may have stored the work.
      if (this.isLazilyDue) this.changed();
    }, LAZY_MS);
  }

  private store(): void {
    if (this.appending !== 'none' || this.isOver || !this.isDue) return;
    const takesWork = this.phase === 'open' && this.mayTakeWork;
    if (!takesWork && !this.isUrgent) return;
    const isAnswer = this.isUrgent;
    this.isDue = this.isUrgent = false;
    this.appending = 'asked';
    try {
      if (takesWork) {
        this.isLazilyDue = false;
        this.gather();
      }
    } catch (thrown) {
      this.appending = 'none';
      this.owner.failed(toError(thrown));
      return;
    }
    if (this.isOver) {
      // A flush has ended the channel.
      this.appending = 'none';
      this.forget();
      return;
    }
    if (this.isLeaving) this.leaving = 'packed';
    const replaces = this.isWholeDue;
    if (takesWork) this.presentUnfinished = this.held.copy();
    const record = this.record(replaces);
    if (replaces) {
      this.wholeAt = this.owner.clock.now();
      this.tailBytes = 0;
    } else this.tailBytes += record.length;
    this.append(record, { after: this.revision, replaces }, () => this.landed(isAnswer));
    if (this.waitTimer === undefined) this.watchAppend();
  }

  private watchAppend(): void {
    this.recordsBefore = this.records;
    this.waitTimer = this.owner.clock.deadlines.schedule(() => {
      this.waitTimer = undefined;
      if (this.appending === 'none' || this.isOver) return;
      if (this.records === this.recordsBefore) this.owner.logWaits();
      this.watchAppend();
    }, WAIT_NOTE_MS);
  }

  /**
   * Whether new work may be stored. Stored messages are sent first, unless the client waits for an acknowledgement. Some clients
   * do not read before they have written all their messages.
   */
  private get mayTakeWork(): boolean {
    return this.owner.waitingBytes === 0 || this.sizes.length > 0 || this.isLeaving;
  }

  /** Collects the work so far. Output that is written in response to this record belongs to the next record. */
  private gather(): void {
    const { owner } = this;
    owner.flush();
    this.described = owner.describe() ?? this.described;
    // This record contains the output of the flush.
    this.isDue = false;
    const { sizes, endReason } = this;
    this.sizes = [];
    this.sizesBytes = 0;
    this.endReason = undefined;
    this.pull();
    this.inAppend = { messages: this.staged, sizes, endReason };
    this.staged = this.late.splice(0);
    if (this.staged.length > 0) this.isDue = true;
    if (this.inAppend.messages.length > 0 && !this.isLeaving && owner.isOverrun) owner.overrun();
  }

  /** Makes the channel write the output behind its write in flight, which settles with this output. */
  private pull(): void {
    const { owner } = this;
    const { pendingBytes } = owner;
    const settled = this.isBacklogged ? this.inFlightBytes : 0;
    if (pendingBytes <= settled) return;
    this.roomBytes = pendingBytes;
    do owner.pull();
    while (this.roomBytes > 0 && owner.pendingBytes > this.inFlightBytes);
    this.roomBytes = -1;
  }

  private get isWholeDue(): boolean {
    if (this.revision === undefined || this.isOld) return true;
    return this.tailBytes > Math.max(MAX_TAIL_BYTES, this.owner.roomBytes / MAX_TAIL_SHARE);
  }

  private record(replaces: boolean): Buffer {
    const { owner, inAppend, presentUnfinished: unfinished } = this;
    const { messages, sizes } = inAppend;
    const counts = owner.header();
    const header = {
      ...counts,
      ...(this.described ?? UNKNOWN),
      taken: counts.taken + sizes.length,
      keptCount: counts.keptCount + messages.length,
      endReason: inAppend.endReason ?? counts.endReason,
    };
    const isKnown = (number: number) => !replaces && this.loggedUnfinished.has(number);
    const fresh = [...unfinished.values()].filter(({ number }) => !isKnown(number));
    this.records += 1;
    return encodeRecord({
      header,
      name: `${this.writer} ${this.records}`,
      fresh: replaces ? [...owner.payloads(), ...messages] : messages,
      unfinished: [...unfinished.keys()],
      freshUnfinished: fresh.map(({ payload }) => payload),
    });
  }

  /** Appends a record. After a failure, it is unknown whether the record was stored, so the same append is repeated. */
  private append(record: Buffer, place: AppendPlace, landed: () => void): void {
    void this.appended(record, place).then(
      (revision) => {
        this.parts.works();
        this.refusals = 0;
        if (revision === undefined) {
          void this.conflicted(landed);
          return;
        }
        this.appending = 'none';
        this.revision = revision;
        if (this.isOver) this.forget();
        else landed();
      },
      (thrown: unknown) => this.failed(toError(thrown), () => this.append(record, place, landed)),
    );
  }

  /** Calls the log. A log that throws or does not answer counts as a rejection. */
  private appended(record: Buffer, place: AppendPlace): Promise<string | undefined> {
    const { log } = this.parts;
    let isLate = false;
    const question = async (): Promise<string | undefined> => {
      const revision = await log.append(this.name, record, place);
      if (isLate) this.arrivedLate(revision);
      return revision;
    };
    return this.parts.ask(this.owner.clock, question, this.refusals).finally(() => {
      isLate = true;
    });
  }

  /** Handles a record that was stored after the append was given up. The channel's records may have been removed before. */
  private arrivedLate(revision: string | undefined): void {
    if (!this.isOver || revision === undefined) return;
    this.revision = revision;
    this.forget();
  }

  private failed(error: Error, again: () => void): void {
    if (this.isOver || isHeadraceError(error, 'MESSAGE_TOO_LONG')) {
      this.appending = 'none';
      if (this.isOver) this.forget(true);
      else this.owner.failed(error);
      return;
    }
    this.parts.complain(error, this.owner.channel);
    this.refusals += 1;
    const delayMs = TRY_AGAIN(this.refusals, { elapsedMs: 0, phase: 0, random: () => 0 })!;
    this.appending = 'waits';
    this.retryTimer = this.owner.clock.deadlines.schedule(() => {
      this.appending = 'asked';
      again();
    }, delayMs);
  }

  /** Handles a conflict: another process has written a record, or the log has lost records of this channel. */
  private async conflicted(landed: () => void): Promise<void> {
    const { parts, owner } = this;
    let found: LoggedSession | undefined;
    try {
      found = await parts.read(this.name, owner.clock);
    } catch (thrown) {
      this.failed(toError(thrown), () => void this.conflicted(landed));
      return;
    }
    this.appending = 'none';
    if (this.isOver) return;
    this.conflicts += 1;
    if (this.conflicts > MAX_CONFLICTS || !this.isBefore(found)) {
      this.isKept = true;
      owner.lost();
      return;
    }
    this.appending = 'asked';
    this.revision = found?.revision;
    this.wholeAt = owner.clock.now();
    this.tailBytes = 0;
    const record = this.record(true);
    this.append(record, { after: this.revision, replaces: true }, landed);
  }

  /**
   * Returns true if the log has only records from before the state of this process. Then it has lost its newest records, for
   * example because it was restored from a snapshot.
   */
  private isBefore(found: LoggedSession | undefined): boolean {
    if (found === undefined) return true;
    try {
      const { name } = foldRecords(found.records);
      return name === this.predecessor || isOfWriter(name, this.writer);
    } catch {
      // The channel is read again when the client returns.
      return false;
    }
  }

  private landed(isAnswer: boolean): void {
    const work = this.inAppend;
    this.inAppend = NO_WORK;
    this.conflicts = 0;
    this.loggedUnfinished = this.presentUnfinished;
    for (const { length } of work.messages) this.stagedBytes -= length + MESSAGE_OVERHEAD_BYTES;
    this.owner.stored(work);
    // The client may have used another link meanwhile, and then its secret is in the next record.
    if (isAnswer && !this.isUrgent) this.owner.answered();
    if (this.isOver) return;
    if (this.leaving === 'packed' && this.endReason !== undefined) {
      // Another process would not know of the end.
      this.stay(new Error('it ended meanwhile'));
    } else if (this.isLeaving ? this.leaving === 'packed' : isAnswer) {
      for (const { resolve } of this.waiters.splice(0)) resolve();
    }
    if (this.isDue) this.changed();
    else if (this.isLazilyDue || this.sizes.length > 0) this.changedSoon();
  }

  // --- the end ---

  /** Ends the channel here. @param isElsewhere - whether its records stay, for another process */
  over(isElsewhere: boolean): void {
    if (this.isOver) return;
    this.phase = 'over';
    this.isKept ||= isElsewhere;
    this.lazyTimer?.cancel();
    this.retryTimer?.cancel();
    this.waitTimer?.cancel();
    this.held.clear();
    this.staged = [];
    this.stagedBytes = 0;
    for (const { reject } of this.waiters.splice(0)) reject(ended());
    // If the last append is to be repeated, it is unknown whether its record was stored.
    if (this.appending !== 'asked') this.forget(this.appending === 'waits');
  }

  /** @param isInDoubt - whether a further record may have been stored */
  private forget(isInDoubt = false): void {
    if (this.isKept || (this.revision === undefined && !isInDoubt)) return;
    void this.removed(isInDoubt);
  }

  private async removed(isInDoubt: boolean): Promise<void> {
    const { name: id, revision, writer, parts, owner } = this;
    let isLeft = isInDoubt;
    try {
      if (revision !== undefined)
        await parts.ask(owner.clock, () => parts.log.remove(id, revision));
    } catch (thrown) {
      isLeft = true;
      parts.complain(toError(thrown), owner.channel);
    }
    const hasWritten = (name: string) => isOfWriter(name, writer);
    if (isLeft) parts.left({ id, revision, hasWritten }, owner.clock);
  }
}

/** Returns true for a record of this writer. A writer numbers its records. */
function isOfWriter(name: string, writer: string): boolean {
  return name.startsWith(`${writer} `);
}

function ended(): Error {
  return new Error('the channel has ended, or goes on in another process');
}
