import { Buffer } from 'node:buffer';
import { BODY, type BodyType } from '@headrace/cluster/authoring';
import { type Confirmation, FLAG, frameOf, type GatewayFrame, OP } from './gateway-frame.ts';
import { KeptFrames } from './kept-frames.ts';
import { ReceivedAnswers } from './received-answers.ts';

/** The rules of all connections of a gateway. */
export interface GatewayRules {
  /** Whether messages without an acknowledgement are repeated. */
  readonly isAcknowledged: boolean;
  readonly maxUnanswered: number;
  readonly maxUnansweredBytes: number;
  /** Time without a frame of the worker after which the gateway asks for its progress. */
  readonly syncMs: number;
  /** Maximum time for a leaving worker to give a connection back. The worker of a closed connection has six times as long. */
  readonly handoverMs: number;
  /** Whether messages are handled without a worker while the bus is down. */
  readonly readsWhenDown: boolean;
  /** Number of workers in a row that may end during the same job before the job is given up. */
  readonly maxDeliveries: number;
}

/** The actions to carry out now, in this order. */
export type LinkAction =
  | { readonly do: 'send'; readonly to: string; readonly frame: GatewayFrame }
  | { readonly do: 'write'; readonly bodyType: BodyType; readonly body: Buffer }
  | { readonly do: 'close'; readonly reason: string }
  /** A worker is needed: call `assign`. */
  | { readonly do: 'choose' }
  /** `count` messages reached no worker, or it is unknown whether they did. */
  | { readonly do: 'lost'; readonly count: number }
  /** The worker must learn what it need not keep: at the end of this event, or later together with other connections. */
  | { readonly do: 'confirm'; readonly isUrgent: boolean }
  /** `count` writes and closes of a worker that no longer has the connection did not arrive. */
  | { readonly do: 'lost-answers'; readonly count: number; readonly worker: string }
  /** Too many workers have ended during this job. */
  | { readonly do: 'given-up'; readonly what: string }
  /** The connection has closed, and its worker knows it. */
  | { readonly do: 'done' };

/** A message of the connection that its worker has not acknowledged. */
interface Unanswered {
  readonly op: typeof OP.message | typeof OP.closed;
  readonly bodyType: BodyType;
  readonly size: number;
  /** Released once the message was sent, if it will not be repeated. */
  body: Buffer;
}

/**
 * One connection at its gateway, without channel and clock: the worker of the connection, and the messages without an
 * acknowledgement.
 *
 * ```text
 *            assign     open ─▶ confirmed by an ack      it leaves, and has given the connection back
 *  no worker ─────▶ opening ───────────────────▶ working ─────────────────────────────▶ choose another one
 *      ▲                                            │
 *      └───────── the worker is gone, or has forgotten the connection
 * ```
 *
 * Frames between two nodes arrive in order, or not at all. A `sync` finds lost frames, because its answer contains the worker's
 * progress with all frames sent before.
 */
export class GatewayLink {
  readonly id: number;
  /** Whether the worker's node has announced that it leaves. If so, no job has ended the worker. */
  leavesInOrder = false;
  private readonly rules: GatewayRules;
  private actions: LinkAction[] = [];
  private current: string | undefined = undefined;
  private epoch = 0;
  private isConfirmed = false;
  /** Whether the worker may have forgotten the connection, and has sent no frame since. */
  private isDoubted = false;
  /** Whether a worker has had the connection. The next worker then receives it as moved. */
  private wasConfirmed = false;
  private leavingAt: number | undefined = undefined;
  /** Whether the worker has finished `onConnect`, as far as known. */
  private hasBegun = false;
  /** Workers in a row that have ended during `onConnect`, and during the oldest message or the close. */
  private endedAtStart = NOBODY;
  private endedAtMessage = NOBODY;
  /** The messages without an acknowledgement. */
  private readonly sequence = new KeptFrames<Unanswered>();
  /** The number of the last message that an earlier worker may have handled. */
  private repeatedTo = 0;
  /** The frames of the present worker, if it numbers them. */
  private answers: ReceivedAnswers | undefined = undefined;
  private attributes: Buffer;
  private attributeVersion = 1;
  private isHeld = false;
  private isBusUp: boolean;
  private closedAt: number | undefined = undefined;
  private isDone = false;
  private askedAt = 0;

  constructor(id: number, rules: GatewayRules, attributes: Buffer, isBusUp: boolean) {
    this.id = id;
    this.rules = rules;
    this.attributes = attributes;
    this.isBusUp = isBusUp;
  }

  /** The worker that has the connection, or is to receive it. */
  get worker(): string | undefined {
    return this.current;
  }

  get unanswered(): number {
    return this.sequence.count;
  }

  /** Whether the connection must not be read now. Check it after the actions are carried out. */
  get mustHold(): boolean {
    return this.isHeld && this.closedAt === undefined && !this.isDone;
  }

  /** Whether the next end of a worker gives up the job that it had. So the worker must not have another such connection. */
  get isSuspect(): boolean {
    const ends = Math.max(this.endedAtStart.length, this.endedAtMessage.length);
    return !this.isDone && ends >= this.rules.maxDeliveries - 1;
  }

  /** Assigns the connection to a worker. Without a worker, reading stops. */
  assign(worker: string | undefined, now: number): readonly LinkAction[] {
    if (this.isDone) return this.taken();
    if (this.current !== undefined) this.giveUp();
    this.current = worker;
    this.hasBegun = false;
    this.leavesInOrder = false;
    if (worker !== undefined) {
      this.epoch += 1;
      this.answers = undefined;
      this.repeatedTo = Math.max(this.repeatedTo, this.sequence.highest);
      this.sequence.resendAfter(0);
      this.open(now);
    }
    this.updateHold();
    return this.taken();
  }

  /** Called before the connection gets another worker. A worker that is silent may have been ended by its job. */
  workerReplaced(): readonly LinkAction[] {
    this.blame();
    return this.taken();
  }

  /** Called when the worker's node is gone. If it did not leave in order, the job under way may have ended it. */
  workerGone(): readonly LinkAction[] {
    this.blame();
    this.forgetWorker();
    return this.taken();
  }

  /**
   * Called when the worker's node drains and another worker is ready, and when the worker leaves. The worker receives no more
   * messages, and gives the connection back.
   */
  workerLeaves(now: number): readonly LinkAction[] {
    if (this.leavingAt === undefined && this.current !== undefined) {
      this.leavingAt = now;
      if (this.isConfirmed) this.ask(now);
    }
    return this.taken();
  }

  /** Called when a worker that was silent or considered gone answers. No job has ended it. */
  workerIsBack(worker: string): void {
    this.endedAtStart = without(this.endedAtStart, worker);
    this.endedAtMessage = without(this.endedAtMessage, worker);
  }

  /** Called when a draining worker is ready again, or no other worker is ready. */
  workerStays(): readonly LinkAction[] {
    if (this.leavingAt !== undefined) {
      this.leavingAt = undefined;
      // It may have given the connection back, and its answer was lost.
      this.isDoubted = this.isConfirmed;
      this.pump();
    }
    return this.taken();
  }

  busChanged(isUp: boolean): readonly LinkAction[] {
    this.isBusUp = isUp;
    // Frames on their way can be lost, so the next tick asks for them.
    this.askedAt = Number.NEGATIVE_INFINITY;
    this.answers?.linkChanged();
    this.updateHold();
    this.pump();
    return this.taken();
  }

  /** Called with a message of the connection. */
  message(bodyType: BodyType, body: Buffer): readonly LinkAction[] {
    if (this.closedAt === undefined) this.add(OP.message, bodyType, body);
    return this.taken();
  }

  /** Called when the connection has closed. */
  closed(reason: string, now: number): readonly LinkAction[] {
    if (this.closedAt !== undefined || this.isDone) return this.taken();
    this.closedAt = now;
    const isUnknown = this.epoch === 0 && (!this.rules.isAcknowledged || this.sequence.isEmpty);
    if (isUnknown) this.done();
    else this.add(OP.closed, BODY.text, Buffer.from(reason, 'utf8'));
    return this.taken();
  }

  /** Called when the gateway is closed. The worker no longer has the connection. */
  abandon(): readonly LinkAction[] {
    this.giveUp();
    this.lose(this.sequence.last);
    this.closedAt ??= 0;
    this.done();
    return this.taken();
  }

  /** Called with a frame of a worker. */
  received(from: string, frame: GatewayFrame, now: number): readonly LinkAction[] {
    if (from !== this.current || frame.epoch !== this.epoch) {
      // The old worker does not know yet that the connection has moved.
      if (frame.op !== OP.unknown) this.send(from, OP.leave, { epoch: frame.epoch });
    } else if (frame.op === OP.ack) this.acknowledged(frame, now);
    else if (frame.op === OP.unknown) this.unknown();
    else if (!this.follows(frame, now)) return this.taken();
    else if (frame.op === OP.write) {
      this.do({ do: 'write', bodyType: frame.bodyType, body: frame.body });
    } else if (frame.op === OP.close) {
      this.do({ do: 'close', reason: frame.body.toString('utf8') });
    }
    return this.taken();
  }

  /** Returns what the worker need not keep, or undefined if it keeps nothing. */
  confirmation(): { readonly to: string; readonly has: Confirmation } | undefined {
    const { id, epoch, current, answers, attributeVersion } = this;
    if (current === undefined || answers === undefined || this.isDone) return undefined;
    answers.confirmed();
    const { received: number, missing } = answers;
    const has = { connection: id, epoch, number, attributes: attributeVersion };
    return { to: current, has: { ...has, isGap: missing > 0 } };
  }

  /**
   * Asks a worker that may have forgotten the connection, even if the worker owes no answer. The question is repeated while the
   * worker is silent.
   */
  doubt(worker: string, now: number): readonly LinkAction[] {
    if (worker === this.current && !this.isDoubted) {
      this.isDoubted = true;
      this.ask(now);
    }
    return this.taken();
  }

  /** Checks the times of the rules. */
  tick(now: number): readonly LinkAction[] {
    const { handoverMs, syncMs } = this.rules;
    if (this.isDone) return this.taken();
    if (this.closedAt !== undefined && now - this.closedAt >= 6 * handoverMs) {
      this.giveUp();
      this.lose(this.sequence.last);
      this.done();
    } else if (this.leavingAt !== undefined && now - this.leavingAt >= handoverMs) {
      this.do({ do: 'choose' });
    } else if (this.isBusUp && this.isWaiting() && now - this.askedAt >= syncMs) this.ask(now);
    return this.taken();
  }

  // --- the worker ---

  private open(now: number): void {
    const { wasConfirmed, rules, attributes, sequence } = this;
    const kept = rules.isAcknowledged ? FLAG.acknowledged : 0;
    const flags = (wasConfirmed ? FLAG.moved : 0) | kept;
    this.askedAt = now;
    this.send(this.current!, OP.open, {
      flags,
      number: sequence.sent,
      bodyType: BODY.json,
      body: attributes,
    });
  }

  /** Returns true if a frame was sent and it is unknown whether it arrived. */
  private isWaiting(): boolean {
    return (
      this.current !== undefined &&
      (!this.isConfirmed ||
        this.isDoubted ||
        this.leavingAt !== undefined ||
        this.sequence.isInFlight)
    );
  }

  private ask(now: number): void {
    if (!this.isConfirmed) {
      this.open(now);
      return;
    }
    this.askedAt = now;
    const { sequence } = this;
    const { sent, isInFlight } = sequence;
    const isClose = isInFlight && sequence.at(sent).op === OP.closed;
    // Without repetition, the worker counts messages up to this number as lost. A close must never be lost.
    if (isClose && !this.rules.isAcknowledged) this.sendEntry(sent);
    else {
      const flags = this.leavingAt === undefined ? 0 : FLAG.giveBack;
      this.send(this.current!, OP.sync, { number: sent, flags });
    }
  }

  private acknowledged(frame: GatewayFrame, now: number): void {
    const { flags, received, echo } = frame;
    this.isConfirmed = true;
    this.isDoubted = false;
    this.wasConfirmed = true;
    this.askedAt = now;
    const { sequence } = this;
    // Not `sent`: messages that this worker has may be due to be sent again.
    const handled = Math.min(frame.number, sequence.highest);
    if (handled > sequence.acknowledged) this.endedAtMessage = NOBODY;
    // The answer to an `open` or a `sync` can come before the end of `onConnect`.
    if (handled > sequence.acknowledged || (flags & (FLAG.answer | FLAG.gap)) === 0) {
      this.hasBegun = true;
      this.endedAtStart = NOBODY;
    }
    // The messages and the attributes wait for the answers that the worker wrote before.
    if (this.hasAnswersOf(frame, now)) {
      if ((flags & FLAG.attributes) !== 0 && frame.attributes > this.attributeVersion) {
        this.attributes = Buffer.from(frame.body);
        this.attributeVersion = frame.attributes;
      }
      this.drop(sequence.release(handled));
      if (this.isDone) return;
      if ((flags & FLAG.givenBack) !== 0) {
        this.givenBack();
        return;
      }
    }
    const isBehind = (flags & FLAG.gap) !== 0 || ((flags & FLAG.answer) !== 0 && received < echo);
    if (isBehind && this.rules.isAcknowledged && received < sequence.sent) {
      sequence.resendAfter(received);
    }
    this.pump();
    this.updateHold();
  }

  /** Whether a frame of the worker is the next one. A frame without a number is not repeated. */
  private follows({ number, body }: GatewayFrame, now: number): boolean {
    if (number === 0) return true;
    this.answers ??= new ReceivedAnswers();
    const isNext = this.answers.accept(number, body.byteLength);
    this.confirm(this.answers.sent(number, now));
    return isNext;
  }

  /** Whether all answers that precede an acknowledgement are here. Nobody waits for those to a closed connection. */
  private hasAnswersOf({ answers, flags }: GatewayFrame, now: number): boolean {
    if (answers === undefined) return true;
    this.answers ??= new ReceivedAnswers();
    const isUrgent = this.answers.sent(answers, now);
    if (answers > 0 || (flags & FLAG.attributes) !== 0) this.confirm(isUrgent);
    return answers <= this.answers.received || this.closedAt !== undefined;
  }

  private confirm(isUrgent: boolean): void {
    this.do({ do: 'confirm', isUrgent: isUrgent || this.leavingAt !== undefined });
  }

  private givenBack(): void {
    // The worker has not begun the messages that it has not acknowledged, so they are new for the next worker.
    if (this.rules.isAcknowledged) this.sequence.highest = this.sequence.acknowledged;
    this.forgetWorker();
  }

  private unknown(): void {
    // An unconfirmed `open` is still under way, so the answer is older.
    if (!this.isConfirmed) return;
    // The acknowledgement of the close was lost.
    if (this.unanswered === 1 && this.closedAt !== undefined) this.done();
    else this.forgetWorker();
  }

  /** Forgets the oldest messages. */
  private drop(released: readonly Unanswered[]): void {
    for (const { op } of released) if (op === OP.closed) this.done();
  }

  /**
   * Counts a worker that is gone or silent for the job that it had, unless it left in order. Gives up a job that has ended too many
   * workers.
   */
  private blame(): void {
    const { sequence, rules, current } = this;
    if (current === undefined || this.isDone || this.leavesInOrder || !this.isBusUp) return;
    if (!this.hasBegun) this.endedAtStart = [...this.endedAtStart, current];
    else if (sequence.isInFlight) this.endedAtMessage = [...this.endedAtMessage, current];
    if (this.endedAtStart.length >= rules.maxDeliveries) {
      this.do({ do: 'given-up', what: 'the start' });
      this.lose(sequence.last);
      this.done();
      this.do({ do: 'close', reason: 'error' });
    } else if (this.endedAtMessage.length >= rules.maxDeliveries) {
      const { op, size, body } = sequence.at(sequence.acknowledged + 1);
      const start = body.subarray(0, SHOWN_BYTES).toString('hex');
      const message = `a message of ${size} bytes, which begins with ${start},`;
      this.do({ do: 'given-up', what: op === OP.closed ? 'the close' : message });
      this.endedAtMessage = NOBODY;
      if (op === OP.message) this.do({ do: 'lost', count: 1 });
      this.drop(sequence.release(sequence.acknowledged + 1));
    }
  }

  private forgetWorker(): void {
    if (this.current === undefined || this.isDone) return;
    this.giveUp();
    this.updateHold();
    this.do({ do: 'choose' });
  }

  /** Takes the connection from its worker. A worker that is gone for the gateway may only be silent, so it is told, too. */
  private giveUp(): void {
    if (this.current === undefined) return;
    this.send(this.current, OP.leave, {});
    const count = this.closedAt === undefined ? (this.answers?.missing ?? 0) : 0;
    if (count > 0) this.do({ do: 'lost-answers', count, worker: this.current });
    this.current = undefined;
    this.isConfirmed = false;
    this.isDoubted = false;
    this.leavingAt = undefined;
    this.loseSent();
  }

  private loseSent(): void {
    if (!this.rules.isAcknowledged) this.lose(this.sequence.highest);
  }

  /** Loses the messages up to this number, which reached no worker, or may have reached none. A close is kept. */
  private lose(number: number): void {
    const { sequence, closedAt } = this;
    // The close has the last number.
    const messages = closedAt === undefined ? sequence.last : sequence.last - 1;
    const released = sequence.release(Math.min(number, messages));
    const count = released.length;
    this.drop(released);
    if (count === 0) return;
    this.endedAtMessage = NOBODY;
    this.do({ do: 'lost', count });
  }

  // --- messages ---

  private add(op: Unanswered['op'], bodyType: BodyType, body: Buffer): void {
    const size = body.byteLength;
    this.sequence.keep({ op, bodyType, size, body });
    this.pump();
    this.updateHold();
  }

  private pump(): void {
    const { sequence, current } = this;
    if (current === undefined || !this.isConfirmed || !this.isBusUp) return;
    if (this.leavingAt !== undefined) return;
    while (sequence.sent < sequence.last) {
      // One at a time, so that a message that ends its worker is the oldest without an answer.
      if (sequence.isInFlight && sequence.acknowledged < this.repeatedTo) return;
      this.sendEntry(sequence.send(1));
    }
  }

  private sendEntry(number: number): void {
    const entry = this.sequence.at(number);
    const { op, bodyType, body } = entry;
    const flags = number <= this.repeatedTo ? FLAG.repeated : 0;
    this.send(this.current!, op, { number, bodyType, body, flags });
    if (op === OP.message && !this.rules.isAcknowledged) entry.body = NOTHING;
  }

  private updateHold(): void {
    const { maxUnanswered, maxUnansweredBytes, readsWhenDown } = this.rules;
    const { sequence, isHeld, isBusUp } = this;
    const { count, bytes } = sequence;
    // A hold ends when half of the limit is answered, so that not each message causes a hold.
    const part = isHeld ? 0.5 : 1;
    const isFull = count >= maxUnanswered * part || bytes >= maxUnansweredBytes * part;
    this.isHeld = isBusUp ? isFull || this.current === undefined : !readsWhenDown;
  }

  private send(to: string, op: GatewayFrame['op'], rest: Partial<GatewayFrame>): void {
    const { id, epoch, attributeVersion } = this;
    const frame = frameOf({ op, connection: id, epoch, attributes: attributeVersion, ...rest });
    this.do({ do: 'send', to, frame });
  }

  private done(): void {
    this.isDone = true;
    this.do({ do: 'done' });
  }

  private do(action: LinkAction): void {
    this.actions.push(action);
  }

  private taken(): readonly LinkAction[] {
    const { actions } = this;
    if (actions.length > 0) this.actions = [];
    return actions;
  }
}

const NOTHING = Buffer.alloc(0);
const NOBODY: readonly string[] = [];
/** Number of bytes of a message in the log. */
const SHOWN_BYTES = 32;

function without(workers: readonly string[], worker: string): readonly string[] {
  return workers.includes(worker) ? workers.filter((one) => one !== worker) : workers;
}
