import { Buffer } from 'node:buffer';
import { exponential } from '@headrace/client';
import { isHeadraceError, type MessageHold, type OutboundBytes, type Timer } from '@headrace/core';
import { ENTRY_OVERHEAD_BYTES, toBuffer, toError } from '@headrace/core/authoring';
import type { AppendPlace } from '../log/session-log.ts';
import { MESSAGE_OVERHEAD_BYTES } from '../protocol/kept-run.ts';
import type { RandomBytes } from '../protocol/resume-machine.ts';
import {
  encodeRecord,
  type RecordedSession,
  type UnfinishedMessage,
} from '../protocol/session-record.ts';
import { HeldMessages } from './held-messages.ts';
import type { Description, JournalLog, JournalOwner, StoredWork } from './journal-owner.ts';

/** Messages that were only taken wait so long for further ones … */
const LAZY_MS = 50;
/** … or for so many. */
const LAZY_MESSAGES = 32;
/** The records after the last whole one have at most so many bytes, or … */
const MAX_TAIL_BYTES = 65_536;
/** … so many times those of the messages that are kept. */
const MAX_TAIL_SHARE = 4;
/** So many credits of stored messages wait for the client before the channel hears that it is slow. */
export const BACKLOG_CREDITS = 2;
/** A whole record is written again after this share of the time for which the log keeps it. */
const REFRESH_SHARE = 1 / 3;
const TRY_AGAIN = exponential({ baseMs: 100, maxMs: 5000, jitter: 'none' });
/** Of a channel that was closed before its first record. */
const UNKNOWN: Description = { isKnown: false, principal: undefined, saved: undefined };
const NONE: ReadonlyMap<number, UnfinishedMessage> = new Map();
const NO_WORK: StoredWork = { messages: [], sizes: [], endReason: undefined };

/**
 * What one lasting channel has done and its log does not have yet. Nothing of it is seen by the client: a message is acknowledged,
 * and an answer is sent, when the log has both. So whichever process is killed, another one goes on as if nothing had
 * happened since the last record.
 */
export class Journal {
  private readonly owner: JournalOwner;
  private readonly parts: JournalLog;
  private readonly writer: string;
  private records = 0;
  /** For the log; it has only letters and digits. */
  private name = '';
  private revision: string | undefined = undefined;
  private hasBegun = false;
  /** Its pipeline is there. */
  private isOpened = false;
  private isOver = false;
  private isKept = false;

  // What waits to be stored.
  private staged: Buffer[] = [];
  private stagedBytes = 0;
  private sizes: number[] = [];
  private sizesBytes = 0;
  private endReason: string | undefined = undefined;
  private readonly held = new HeldMessages(() => this.changedSoon());
  /** Those whose work was under way at the last record with work in it. */
  private presentUnfinished: ReadonlyMap<number, UnfinishedMessage> = NONE;
  /** As the log knows it. */
  private loggedUnfinished: ReadonlyMap<number, UnfinishedMessage> = NONE;
  private described: Description | undefined = undefined;

  // What is on its way to the log.
  private inAppend: StoredWork = NO_WORK;
  private isAppending = false;
  private isDue = false;
  /** Something may wait for what comes after it. */
  private isLazilyDue = false;
  /** The client waits for an answer of the protocol, or the log forgets the channel. */
  private isUrgent = false;
  private isLeaving = false;
  /** What it leaves with is on its way, or stored: what is written now stays behind. */
  private hasPacked = false;
  private isScheduled = false;
  /** Until what need not be stored at once is stored. */
  private lazyTimer: Timer | undefined = undefined;
  /** Until a record is appended again. */
  private retryTimer: Timer | undefined = undefined;
  private refusals = 0;
  private tailBytes = 0;
  private wholeAt = 0;
  private waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];

  // While the channel hands over what it has.
  private roomBytes = -1;
  /** Of the write that the channel waits for: its messages are staged, or stored. */
  private inFlightBytes = 0;
  private readonly late: Buffer[] = [];

  constructor(owner: JournalOwner, parts: JournalLog, random: RandomBytes) {
    this.writer = Buffer.from(random(9)).toString('base64url');
    this.owner = owner;
    this.parts = parts;
  }

  get isActive(): boolean {
    return this.hasBegun && !this.isOver;
  }

  /** Messages of another process that the pipeline has not read yet. */
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

  /** Messages that the pipeline has taken and the log does not know. */
  get takenCount(): number {
    return this.inAppend.sizes.length + this.sizes.length;
  }

  /** The log has everything that the channel has done. */
  get isStored(): boolean {
    return !this.isAppending && !this.isDue && this.waitingCount === 0 && this.takenCount === 0;
  }

  /** From now on everything is stored before the client sees it. */
  begin(id: string): void {
    this.name = id;
    this.hasBegun = this.isOpened = true;
    this.wholeAt = this.owner.clock.now();
    this.urge();
  }

  /** Goes on with what another process has stored; the first record says that it is here now. */
  goOn(id: string, revision: string, { state, unfinished }: RecordedSession): void {
    const { isKnown, principal, saved } = state;
    this.name = id;
    this.hasBegun = true;
    this.revision = revision;
    this.described = { isKnown, principal, saved };
    this.wholeAt = Number.NEGATIVE_INFINITY;
    this.held.goOnWith(unfinished);
    this.presentUnfinished = this.loggedUnfinished = this.held.copy();
  }

  /** The pipeline of a channel of another process is there. */
  opened(): void {
    this.isOpened = true;
  }

  /** This process has written the record of this name. */
  hasWritten(name: string): boolean {
    return isOfWriter(name, this.writer);
  }

  // --- what the channel does ---

  /** Copies messages. True if the channel may write more. */
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
    return !this.hasPacked && !this.isBacklogged && this.stagedBytes < owner.roomBytes;
  }

  /** What was written stays in flight for the channel, which so sees whether its client takes anything. */
  private get isBacklogged(): boolean {
    const { waitingBytes, roomBytes } = this.owner;
    return !this.isLeaving && waitingBytes >= BACKLOG_CREDITS * roomBytes;
  }

  /** Our half ends after what was written. */
  end(reason: string): void {
    this.endReason ??= reason;
    this.changed();
  }

  /** The pipeline begins to read a message; `number` counts it, unless it was read before in another process. */
  reads(payload: Buffer, number: number): void {
    this.held.reads(payload, number);
  }

  /** The pipeline has taken it. False if another process has counted it. */
  took(payloadBytes: number): boolean {
    if (this.held.hasRead()) return false;
    this.sizes.push(payloadBytes);
    this.sizesBytes += payloadBytes + MESSAGE_OVERHEAD_BYTES;
    const isMuch = this.sizesBytes * 8 >= this.owner.roomBytes;
    if (this.sizes.length >= LAZY_MESSAGES || isMuch) this.changed();
    else this.changedSoon();
    return true;
  }

  /** Holds the message that the pipeline reads now: it is given to the next process, if this one does not get to the end of its work. */
  hold(): MessageHold | undefined {
    return this.isActive ? this.held.hold() : undefined;
  }

  // --- records ---

  /** The client waits for what only a record allows. */
  urge(): void {
    this.isUrgent = true;
    this.changed();
  }

  /** The log would forget the channel before long, see {@link SessionLog.keepMs}. */
  get isOld(): boolean {
    const { keepMs } = this.parts.log;
    return this.isActive && this.owner.clock.now() - this.wholeAt >= keepMs * REFRESH_SHARE;
  }

  /** Writes all of it again. */
  refresh(): void {
    this.urge();
  }

  /**
   * Resolves when the log has everything that there is now, also what the client has no credit for; rejects when it never will. What
   * the channel writes later stays behind: a channel may write for ever.
   */
  async leave(): Promise<void> {
    this.isLeaving = true;
    this.changed();
    await this.nextRecord();
  }

  /** It does not leave: the log takes too long. */
  stay(why: Error): void {
    this.isLeaving = this.hasPacked = false;
    for (const { reject } of this.waiters.splice(0)) reject(why);
    this.changed();
  }

  /** Resolves when the log knows that the channel is here; rejects when it is elsewhere. */
  async claim(): Promise<void> {
    this.urge();
    await this.nextRecord();
  }

  /** Resolves when the record that is due is stored. */
  private nextRecord(): Promise<void> {
    if (this.isOver) return Promise.reject(ended());
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  /** Something is to be stored, with all else that this turn of the event loop brings. */
  changed(): void {
    this.isDue = true;
    if (this.isScheduled || this.isOver || !this.hasBegun) return;
    this.isScheduled = true;
    this.owner.clock.execute(() => {
      this.isScheduled = false;
      this.store();
    });
  }

  /** Something is to be stored before long. */
  changedSoon(): void {
    if (this.isOver || !this.hasBegun) return;
    this.isLazilyDue = true;
    this.lazyTimer ??= this.owner.clock.deadlines.schedule(() => {
      this.lazyTimer = undefined;
      // A record may have taken it along.
      if (this.isLazilyDue) this.changed();
    }, LAZY_MS);
  }

  private store(): void {
    if (this.isAppending || this.isOver || !this.isDue) return;
    const takesWork = this.isOpened && this.mayTakeWork;
    if (!takesWork && !this.isUrgent) return;
    const isAnswer = this.isUrgent;
    this.isDue = this.isUrgent = false;
    this.isAppending = true;
    try {
      if (takesWork) {
        this.isLazilyDue = false;
        this.gather();
      }
    } catch (thrown) {
      this.isAppending = false;
      this.owner.failed(toError(thrown));
      return;
    }
    if (this.isOver) {
      // A flush has ended it.
      this.isAppending = false;
      this.forget();
      return;
    }
    this.hasPacked = this.isLeaving;
    const replaces = this.isWholeDue;
    if (takesWork) this.presentUnfinished = this.held.copy();
    const record = this.record(replaces);
    if (replaces) {
      this.wholeAt = this.owner.clock.now();
      this.tailBytes = 0;
    } else this.tailBytes += record.length;
    this.append(record, { after: this.revision, replaces }, () => this.landed(isAnswer));
  }

  /**
   * What is stored goes out first, unless the client waits to hear that something was taken: it may read nothing before it has
   * written all.
   */
  private get mayTakeWork(): boolean {
    return this.owner.waitingBytes === 0 || this.sizes.length > 0 || this.isLeaving;
  }

  /** Takes what the channel has done until now. What it writes when it hears that something was taken belongs to the next record. */
  private gather(): void {
    const { owner } = this;
    owner.flush();
    this.described = owner.describe() ?? this.described;
    // What a flush has brought is in this record.
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

  /** The channel writes what waits behind its write in flight, which ends with that. */
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

  /** It is unknown whether a record was stored if this fails: it is the only thing that can be done next. */
  private append(record: Buffer, place: AppendPlace, landed: () => void): void {
    void this.appended(record, place).then(
      (revision) => {
        this.parts.works();
        this.refusals = 0;
        if (revision === undefined) {
          void this.conflicted(landed);
          return;
        }
        this.isAppending = false;
        this.revision = revision;
        if (this.isOver) this.forget();
        else landed();
      },
      (thrown: unknown) => this.failed(toError(thrown), () => this.append(record, place, landed)),
    );
  }

  /** A log that throws has rejected, and so has one that does not answer. */
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

  /** The log stored a record after it was given up: the removal of a channel that has ended may have come before. */
  private arrivedLate(revision: string | undefined): void {
    if (!this.isOver || revision === undefined) return;
    this.revision = revision;
    this.forget();
  }

  private failed(error: Error, again: () => void): void {
    if (this.isOver || isHeadraceError(error, 'MESSAGE_TOO_LONG')) {
      this.isAppending = false;
      if (this.isOver) this.forget(true);
      else this.owner.failed(error);
      return;
    }
    this.parts.complain(error, this.owner.channel);
    this.refusals += 1;
    const delayMs = TRY_AGAIN(this.refusals, { elapsedMs: 0, phase: 0, random: () => 0 })!;
    this.retryTimer = this.owner.clock.deadlines.schedule(() => {
      this.retryTimer = undefined;
      again();
    }, delayMs);
  }

  /** Another process has written a record, or the log has lost all of them. */
  private async conflicted(landed: () => void): Promise<void> {
    const isLost = await this.isForgotten();
    this.isAppending = false;
    if (this.isOver) return;
    if (!isLost) {
      this.isKept = true;
      this.owner.lost();
      return;
    }
    this.isAppending = true;
    this.revision = undefined;
    this.wholeAt = this.owner.clock.now();
    this.tailBytes = 0;
    const record = this.record(true);
    this.append(record, { after: undefined, replaces: true }, landed);
  }

  private async isForgotten(): Promise<boolean> {
    const { parts, name, owner } = this;
    try {
      return (await parts.read(name, owner.clock)) === undefined;
    } catch {
      // The client comes again, and it is read then.
      return false;
    }
  }

  private landed(isAnswer: boolean): void {
    const work = this.inAppend;
    this.inAppend = NO_WORK;
    this.loggedUnfinished = this.presentUnfinished;
    for (const { length } of work.messages) this.stagedBytes -= length + MESSAGE_OVERHEAD_BYTES;
    this.owner.stored(work);
    // The client may have come over another link meanwhile, and its secret is in the next record.
    if (isAnswer && !this.isUrgent) this.owner.answered();
    if (this.isOver) return;
    if (this.isLeaving ? this.hasPacked : isAnswer) {
      for (const { resolve } of this.waiters.splice(0)) resolve();
    }
    if (this.isDue) this.changed();
    else if (this.isLazilyDue || this.sizes.length > 0) this.changedSoon();
  }

  // --- the end ---

  /** The channel is over here. @param isElsewhere - its records stay, for another process */
  over(isElsewhere: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.isKept ||= isElsewhere;
    // It is unknown whether the last record was stored, if it is to be appended again.
    const isUnderWay = this.isAppending && this.retryTimer === undefined;
    this.lazyTimer?.cancel();
    this.retryTimer?.cancel();
    this.held.clear();
    this.staged = [];
    this.stagedBytes = 0;
    for (const { reject } of this.waiters.splice(0)) reject(ended());
    if (!isUnderWay) this.forget(this.isAppending);
  }

  /** @param isInDoubt - it is unknown whether a further record was stored */
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

/** A writer numbers its records. */
function isOfWriter(name: string, writer: string): boolean {
  return name.startsWith(`${writer} `);
}

function ended(): Error {
  return new Error('the channel has ended, or goes on in another process');
}
