import type { BusSubscription } from '@headrace/bus';
import { exponential } from '@headrace/client';
import { isHeadraceError, type Timer } from '@headrace/core';
import { Fifo, suspendedMs, toError } from '@headrace/core/authoring';
import type { LogKind, StoreAnswers, StoreKind, StoreLink } from '../contract/store-link.ts';

interface PendingAppend<K extends StoreKind> {
  readonly id: string;
  readonly write: K['write'];
  readonly at: number;
  readonly resolve: (answer: K['answer']) => void;
  readonly reject: (error: Error) => void;
  isDone: boolean;
  /** The time at which the append was passed to the engine over the present link, or -1 before. */
  givenAt: number;
  /** The turn in which the append is in flight, or -1 if it is not in flight. */
  turn: number;
}

/** The state that all streams of a log share. */
export interface LogShare {
  /** The number of messages that are not stored yet. */
  waitingCount: number;
  waitingBytes: number;
  /** Called when the engine stores nothing, although its link stands. */
  complain(cause: Error): void;
}

/** Limits of the appends without an answer. The client of a stopped engine keeps all such appends. */
const MAX_IN_FLIGHT = 256;
const MAX_IN_FLIGHT_BYTES = 4 * 1024 * 1024;
/** Limits of the messages of a log that are not stored yet. */
const MAX_WAITING = 65_536;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Time after which the writer receives an error. The message can be lost. */
const STORED_WITHIN_MS = 5000;
/** Delay before appends that the engine refused over a working link are retried. */
const TRY_AGAIN = exponential({ baseMs: 200, maxMs: 5000, jitter: 'none' });
/** Time without an answer of the engine, while its link stands, after which all appends are repeated. */
const UNANSWERED_MS = 2000;
/** Time to read the waiting answers after this process stood still. */
const READ_WITHIN_MS = 500;

/**
 * One stream of an {@link EngineLog}, of either kind. Appends leave in the order of their calls. When it is unknown whether some appends were
 * stored, all appends without acknowledgement are repeated in order. The ids let the engine recognize repetitions.
 */
export class LogStream<K extends StoreKind = LogKind> {
  private readonly answers: StoreAnswers;
  private readonly name: string;
  private readonly share: LogShare;
  private readonly listeners = new Set<(entry: K['entry']) => void>();
  private limits: K['limits'] | undefined = undefined;
  private link: StoreLink<K> | undefined = undefined;
  private isUp = false;
  private following: BusSubscription | undefined = undefined;
  private opened: Promise<void> | undefined = undefined;
  private isOpen = false;
  /** Changes when it has become unknown whether the appends in flight were stored. */
  private turn = 0;
  /** The appends in the order of their calls. The first append is not settled. */
  private readonly appends = new Fifo<PendingAppend<K>>();
  /** The index of the next append to pass to the engine. */
  private next = 0;
  private inFlight = 0;
  private inFlightBytes = 0;
  private refusals = 0;
  private refusal: Error | undefined = undefined;
  /** Why the engine has stored nothing since its last answer. */
  private cause: Error | undefined = undefined;
  private again: Timer | undefined = undefined;
  private deadline: Timer | undefined = undefined;
  /** Whether the last check gave the answers more time, because the process had stood still. */
  private isForgiven = false;
  private deadlineAt = 0;

  constructor(answers: StoreAnswers, name: string, share: LogShare) {
    this.answers = answers;
    this.share = share;
    this.name = name;
  }

  /** Whether nobody follows the stream, and nothing waits to be stored. */
  get isIdle(): boolean {
    return this.listeners.size === 0 && this.appends.isEmpty;
  }

  async open(limits: K['limits']): Promise<void> {
    const { limits: before } = this;
    if (before === undefined || !areSame(before, limits)) {
      this.limits = limits;
      this.opened = undefined;
    }
    if (this.link === undefined) throw this.answers.downError();
    try {
      await this.opening(this.link);
    } catch (thrown) {
      throw this.answers.downError(toError(thrown));
    }
  }

  /** Opens the stream over this link, once. */
  opening(link: StoreLink<K>): Promise<void> {
    if (this.opened !== undefined) return this.opened;
    const opening = this.answers.whileLinked(link.open(this.name, this.limits!));
    this.opened = opening;
    opening.then(
      () => {
        if (this.opened !== opening) return;
        this.isOpen = true;
        this.pump();
      },
      (error: unknown) => {
        if (this.opened !== opening) return;
        this.opened = undefined;
        if (this.link !== undefined) this.refused(toError(error));
      },
    );
    return opening;
  }

  append(id: string, write: K['write']): Promise<K['answer']> {
    const { byteLength } = write;
    const { share } = this;
    const { waitingCount, waitingBytes } = share;
    if (waitingCount >= MAX_WAITING || waitingBytes + byteLength > MAX_WAITING_BYTES) {
      const text = `${waitingCount} messages of ${waitingBytes} bytes wait to be stored already`;
      return Promise.reject(this.answers.downError(new Error(text)));
    }
    return new Promise((resolve, reject) => {
      const at = this.answers.host.clock.now();
      this.appends.push({ id, write, at, resolve, reject, isDone: false, givenAt: -1, turn: -1 });
      share.waitingCount += 1;
      share.waitingBytes += byteLength;
      this.pump();
      this.watch(UNANSWERED_MS);
    });
  }

  follow(listener: (entry: K['entry']) => void): BusSubscription {
    const own = (entry: K['entry']) => listener(entry);
    this.listeners.add(own);
    this.followOver(this.link);
    return {
      close: () => {
        this.listeners.delete(own);
        if (this.listeners.size > 0) return;
        const { following } = this;
        this.following = undefined;
        following?.close();
      },
    };
  }

  // --- links ---

  linked(link: StoreLink<K>): void {
    this.link = link;
    this.followOver(link);
  }

  linkUp(): void {
    this.isUp = true;
    this.pump();
  }

  unlinked(): void {
    this.link = undefined;
    this.isUp = false;
    this.refusals = 0;
    this.cause = undefined;
    this.following = undefined;
    this.again?.cancel();
    this.restart();
  }

  close(): void {
    this.unlinked();
    this.deadline?.cancel();
    for (let oldest = this.appends.peek(); oldest; oldest = this.appends.peek()) this.fail(oldest);
    this.listeners.clear();
  }

  private followOver(link: StoreLink<K> | undefined): void {
    if (link === undefined || this.listeners.size === 0 || this.following !== undefined) return;
    this.following = link.follow(this.name, (entry) => this.deliver(entry));
    // The first live copy may need the epoch. A failure is retried, and appends and reads report it.
    this.opening(link).catch(() => {});
  }

  private deliver(entry: K['entry']): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(entry);
      } catch (thrown) {
        this.answers.host.logger.log('error', `a follower of ${this.name} threw`, toError(thrown));
      }
    }
  }

  // --- appends ---

  private pump(): void {
    const { link } = this;
    if (link === undefined || !this.isUp || this.refusal !== undefined) return;
    if (this.next === this.appends.size) return;
    if (!this.isOpen) {
      this.opening(link).catch(() => {});
      return;
    }
    while (this.next < this.appends.size) {
      if (this.inFlight >= MAX_IN_FLIGHT || this.inFlightBytes >= MAX_IN_FLIGHT_BYTES) return;
      const append = this.appends.at(this.next)!;
      this.next += 1;
      if (!append.isDone) this.give(link, append);
      if (this.link !== link || this.refusal !== undefined) return;
    }
  }

  private give(link: StoreLink<K>, append: PendingAppend<K>): void {
    const { turn } = this;
    append.givenAt = this.answers.host.clock.now();
    append.turn = turn;
    this.inFlight += 1;
    this.inFlightBytes += append.write.byteLength;
    link.append(this.name, append.id, append.write).then(
      (answer) => {
        const isCurrent = this.landed(append, turn);
        this.refusals = 0;
        this.cause = undefined;
        // The answer of a link that was lost meanwhile counts too, because the message is stored.
        this.settle(append, () => append.resolve(answer));
        if (isCurrent) this.afterAnswer();
      },
      (thrown: unknown) => {
        const error = toError(thrown);
        const isNeverStored = isHeadraceError(error, 'MESSAGE_TOO_LONG');
        const isCurrent = this.landed(append, turn);
        if (isNeverStored) this.settle(append, () => append.reject(error));
        else if (isCurrent) this.refusal ??= error;
        if (isCurrent) this.afterAnswer();
      },
    );
  }

  /** Notes that an append is no longer in flight. Returns false if the append was not in flight in this turn. */
  private landed(append: PendingAppend<K>, turn: number): boolean {
    if (this.turn !== turn || append.turn !== turn) return false;
    append.turn = -1;
    this.inFlight -= 1;
    this.inFlightBytes -= append.write.byteLength;
    return true;
  }

  private afterAnswer(): void {
    if (this.refusal === undefined) this.pump();
    else if (this.inFlight === 0) this.refused(this.refusal);
  }

  /** Repeats everything after a delay, because the engine stores nothing although its link stands. */
  private refused(cause: Error): void {
    this.refusal = this.cause = cause;
    this.again?.cancel();
    this.refusals += 1;
    // The first time, another server or node can be about to take over.
    if (this.refusals > 1) this.share.complain(cause);
    const round = { elapsedMs: 0, phase: 0, random: () => 0 };
    const delayMs = TRY_AGAIN(this.refusals, round)!;
    this.again = this.answers.host.clock.schedule(() => {
      this.restart();
      const { link } = this;
      if (link === undefined) return;
      if (this.listeners.size > 0 || this.next < this.appends.size) {
        this.opening(link).catch(() => {});
      }
    }, delayMs);
  }

  private restart(): void {
    this.turn += 1;
    this.opened = undefined;
    this.isOpen = false;
    this.refusal = undefined;
    this.inFlight = 0;
    this.inFlightBytes = 0;
    this.next = 0;
    for (let at = 0; at < this.appends.size; at++) this.appends.at(at)!.givenAt = -1;
  }

  private settle(append: PendingAppend<K>, tell: () => void): void {
    if (append.isDone) return;
    append.isDone = true;
    this.share.waitingCount -= 1;
    this.share.waitingBytes -= append.write.byteLength;
    while (this.appends.peek()?.isDone === true) {
      this.appends.shift();
      this.next = Math.max(0, this.next - 1);
    }
    if (this.appends.isEmpty) {
      this.deadline?.cancel();
      this.deadlineAt = 0;
    }
    tell();
  }

  private fail(append: PendingAppend<K>): void {
    const error = this.errorOf(append);
    this.settle(append, () => append.reject(error));
  }

  private errorOf({ id }: PendingAppend<K>): Error {
    const { cause, answers, link } = this;
    if (cause !== undefined) return answers.busError(`stores nothing: ${cause.message}`, cause);
    if (link === undefined || !this.isUp) return answers.downError();
    const why = link.waitsFor?.(this.name, id) ?? 'it has not answered';
    return answers.busError(`has not stored a change within ${STORED_WITHIN_MS} ms: ${why}`);
  }

  /** Starts one timer for the oldest append. */
  private watch(delayMs: number): void {
    if (this.deadlineAt > 0) return;
    const { clock } = this.answers.host;
    this.deadlineAt = clock.now() + delayMs;
    this.deadline = clock.schedule(() => this.expire(), delayMs);
  }

  private expire(): void {
    const now = this.answers.host.clock.now();
    const suspended = suspendedMs(now, this.deadlineAt, READ_WITHIN_MS);
    this.deadlineAt = 0;
    // Once, because every timer of a process can be late.
    this.isForgiven = suspended > 0 && !this.isForgiven;
    if (this.isForgiven) {
      this.watch(READ_WITHIN_MS);
      return;
    }
    let oldest = this.appends.peek();
    let hasLanded = false;
    while (oldest !== undefined && now - oldest.at >= STORED_WITHIN_MS) {
      hasLanded = this.landed(oldest, this.turn) || hasLanded;
      this.fail(oldest);
      oldest = this.appends.peek();
    }
    // Their answers may never arrive, so the next appends take their places.
    if (hasLanded) this.afterAnswer();
    if (oldest === undefined) return;
    if (oldest.givenAt >= 0 && now - oldest.givenAt >= UNANSWERED_MS && this.link !== undefined) {
      // The message or its answer was lost, so everything is repeated in order.
      this.restart();
      this.opening(this.link).catch(() => {});
    }
    const silentAt = oldest.givenAt < 0 ? now + UNANSWERED_MS : oldest.givenAt + UNANSWERED_MS;
    const dueAt = Math.min(oldest.at + STORED_WITHIN_MS, silentAt);
    this.watch(Math.max(1, dueAt - now));
  }
}

function areSame(some: object, others: object): boolean {
  const before = others as Record<string, unknown>;
  return Object.entries(some).every(([name, value]) => Object.is(before[name], value));
}
