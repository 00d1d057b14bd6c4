// The two ends of a lasting channel speak over one link after another. An end's part in it:
//
//   ABSENT ──beginLink(), resume()──▶ GREETING ──OPENED, RESUMED──▶ LINKED
//     ▲                                  │  (the server is linked at once)      │
//     └──────────────loseLink()──────────┴─────────────────────────────┘
//
// Beside it: our half has ended (`end`), the peer's half has ended, or everything has (`reset`).
import { randomBytes } from 'node:crypto';
import { DecodeError, type OutboundBytes } from '@headrace/core';
import { bufferPlace, bufferView, byteLengthOf, whole } from '@headrace/core/authoring';
import { IncomingMessages } from './incoming-messages.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import {
  cutOff,
  decodeResumeFrame,
  encodeResumeFrame,
  endOfRecord,
  FRAME_KIND,
  GONE_CODE,
  invalidFrame,
  MANY_BYTES,
  type MovePlace,
  RECORD_HEADER_BYTES,
  type ResumeFrame,
  SECRET_BYTES,
} from './resume-frame.ts';
import { ResumeSecrets, type SecretsState } from './resume-secrets.ts';

/** Gives so many random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/** The system's random bytes, for ids and secrets. */
export const systemRandom: RandomBytes = (count) => randomBytes(count);

/** The option `windowMs` of both ends. */
export const WINDOW_MS = whole({ min: 1, max: 2 ** 31 - 1, default: 60_000 });
/** The option `creditBytes` of both ends. */
export const CREDIT_BYTES = whole({ min: 1024, max: 2 ** 32 - 1, default: 1024 * 1024 });

/** Options of a {@link ResumeMachine}. */
export interface ResumeMachineOptions {
  /** How long the other end may be absent: asked for by a client, granted by a server. */
  readonly windowMs: number;
  /** Bytes that the peer may send without an acknowledgement, and that we keep for it at most. */
  readonly creditBytes: number;
  /** The source of ids and secrets. */
  readonly random: RandomBytes;
}

/** A lasting channel as its server leaves it, for another process. */
export interface MachineState extends SecretsState {
  readonly id: string;
  readonly windowMs: number;
  /** What the client may send, as it was told. */
  readonly creditBytes: number;
  /** What we keep for the client. */
  readonly keptCreditBytes: number;
  /** The number of the last message that the pipeline has taken. */
  readonly taken: number;
  /** The number of the last message that the client has. */
  readonly acknowledged: number;
  /** The last number that ever went to the client. */
  readonly highest: number;
  /** The messages after `acknowledged`. */
  readonly kept: readonly Buffer[];
  /** Why our half has ended, if it has. */
  readonly endReason: string | undefined;
}

/** Gets the messages of a frame. */
export interface MessageReceiver {
  /** The pipeline has it when {@link ResumeMachine.taken} is called, now or later. */
  arrived(payload: Buffer): void;
}

/** The action that follows from a frame. */
export type ResumeAction =
  | { readonly do: 'opened' }
  | { readonly do: 'resumed'; readonly resent: number }
  /** The peer has more of our messages: there may be room for others. */
  | { readonly do: 'acknowledged' }
  /** The peer's half has ended, after everything that was delivered. */
  | { readonly do: 'end'; readonly reason: string }
  /** The peer has dropped the channel. */
  | { readonly do: 'reset' }
  | {
      readonly do: 'gone';
      readonly code: number;
      readonly retryAfterMs: number;
      readonly text: string;
    }
  | {
      readonly do: 'move';
      readonly spreadMs: number;
      readonly places: readonly MovePlace[] | undefined;
    }
  /** The peer has broken the protocol. */
  | { readonly do: 'fail'; readonly error: DecodeError };

/** The reason in an END that drops the channel, as RST does on TCP. */
const RESET = 'reset';
const ABSENT = 0;
const GREETING = 1;
const LINKED = 2;

const OPENED: ResumeAction = { do: 'opened' };
/** There is one of it: it comes most often. */
const ACKNOWLEDGED: ResumeAction = { do: 'acknowledged' };
const RESET_BY_PEER: ResumeAction = { do: 'reset' };

/**
 * One end of a lasting channel, without clock, channel or transport: it is given frames and messages, returns what
 * to do about them, and is asked for the next frame whenever the link has room for one.
 */
export class ResumeMachine {
  protected readonly outgoing: OutgoingMessages = new OutgoingMessages();
  protected readonly incoming: IncomingMessages;
  /** How long the other end may be absent; after the exchange, what both agreed on. */
  windowMs: number;
  /** The channel's name, once it is open. */
  id = '';
  readonly secrets: ResumeSecrets = new ResumeSecrets();
  private readonly creditBytes: number;
  private readonly random: RandomBytes;
  private link = ABSENT;
  /** Counts links that came and went. */
  private links = 0;
  /** Frames that go before everything else. */
  private urgent: Buffer[] | undefined = undefined;
  private endReason: string | undefined = undefined;
  /** The present link has got our END. */
  private isEndSent = false;
  private hasPeerEnded = false;
  private isReset = false;
  private isServer = false;
  /** RESUMED goes out before everything else, with what is taken then. */
  private isAnswerDue = false;

  constructor({ windowMs, creditBytes, random }: ResumeMachineOptions) {
    this.windowMs = windowMs;
    this.creditBytes = creditBytes;
    this.random = random;
    this.incoming = new IncomingMessages(creditBytes);
  }

  // --- state ---

  /** Both ends have agreed on it once. */
  get isOpened(): boolean {
    return this.id !== '';
  }

  /** Bytes of the messages that are kept for the peer, with the overhead of each. */
  get keptBytes(): number {
    return this.outgoing.bytes;
  }

  /** The longest payload that the peer's credit allows. */
  get maxPayloadBytes(): number {
    return this.outgoing.maxPayloadBytes;
  }

  /** The number of the last message that was added; they count from 1. */
  get lastMessage(): number {
    return this.outgoing.last;
  }

  /** The number of the last message that the peer has. */
  get acknowledgedMessages(): number {
    return this.outgoing.acknowledged;
  }

  /** The number of the last message that the pipeline has taken. */
  get takenMessages(): number {
    return this.incoming.taken;
  }

  /** Messages pass. */
  get isLinked(): boolean {
    return this.link === LINKED;
  }

  /** Both halves have ended, and each end has everything that the other one sent: the link may go for good. */
  get isDone(): boolean {
    if (this.isReset) return this.urgent === undefined;
    const { outgoing, incoming } = this;
    if (!this.hasPeerEnded || !this.isEndSent) return false;
    return outgoing.isEmpty && !incoming.isUnacknowledged;
  }

  // --- at another process ---

  /** Everything that another process needs to go on, except the messages. */
  get header(): Omit<MachineState, 'kept'> {
    const { id, secrets, windowMs, creditBytes, incoming, outgoing, endReason } = this;
    const { acknowledged, highest, creditBytes: keptCreditBytes } = outgoing;
    const counts = { taken: incoming.taken, acknowledged, highest };
    return { id, ...secrets.state, windowMs, creditBytes, keptCreditBytes, ...counts, endReason };
  }

  get state(): MachineState {
    return { ...this.header, kept: this.outgoing.payloads() };
  }

  /** Goes on from there; the machine was made with its window and its credit. False if more is kept than the credit allows. */
  goOn(state: MachineState): boolean {
    this.isServer = true;
    this.id = state.id;
    this.secrets.goOn(state);
    this.endReason = state.endReason;
    this.incoming.goOnAfter(state.taken);
    this.outgoing.creditBytes = state.keptCreditBytes;
    return this.outgoing.goOnWith(state.acknowledged, state.highest, state.kept);
  }

  // --- a link begins and ends ---

  /** The client has a link: OPEN goes out first, or RESUME. */
  beginLink(): void {
    this.link = GREETING;
    const { windowMs, creditBytes, id } = this;
    const secret = this.secrets.last;
    const greeting: ResumeFrame = this.isOpened
      ? { kind: 'resume', id, secret, received: this.beginIncoming() }
      : { kind: 'open', windowMs, creditBytes };
    this.sendUrgent(greeting);
  }

  /** The server has got an OPEN. */
  open(wanted: { readonly windowMs: number; readonly creditBytes: number }): void {
    this.link = LINKED;
    this.isServer = true;
    this.windowMs = Math.min(this.windowMs, wanted.windowMs);
    // The client cannot make us keep more than we let it send.
    this.outgoing.creditBytes = Math.min(this.creditBytes, wanted.creditBytes);
    this.id = this.newSecret();
    const secret = this.newSecret();
    this.secrets.set(secret);
    const { windowMs, creditBytes, id } = this;
    this.sendUrgent({ kind: 'opened', windowMs, creditBytes, id, secret });
  }

  /** True for a secret that resumes this channel. Takes the same time for every one. */
  knows(secret: string): boolean {
    return this.secrets.knows(secret);
  }

  /** The server has got a RESUME with a secret that it knows, in this frame. */
  resume(frame: Buffer, { received, secret }: { received: number; secret: string }): ResumeAction {
    const { highest, acknowledged } = this.outgoing;
    if (received < acknowledged) {
      const text = `message ${received + 1} is no longer there`;
      return { do: 'gone', code: GONE_CODE.overrun, retryAfterMs: 0, text };
    }
    const wrong = this.checkReceived(frame, received, highest);
    if (wrong !== undefined) return wrong;
    this.beginIncoming();
    // Urgent frames that an older link did not send are for that link alone.
    this.urgent = undefined;
    this.links += 1;
    this.link = LINKED;
    this.secrets.shown(secret, () => this.newSecret());
    this.isAnswerDue = true;
    return { do: 'resumed', resent: this.beginOutgoing(received) };
  }

  /** The link is gone: nothing is sent, and outbound messages wait. */
  loseLink(): void {
    this.link = ABSENT;
    this.links += 1;
    this.urgent = undefined;
    this.isAnswerDue = false;
    this.outgoing.compact();
  }

  private newSecret(): string {
    return Buffer.from(this.random(SECRET_BYTES)).toString('latin1', 0, SECRET_BYTES);
  }

  /** Messages that arrived and were not taken come again. */
  private beginIncoming(): number {
    this.hasPeerEnded = false;
    return this.incoming.beginLink();
  }

  private beginOutgoing(received: number): number {
    this.isEndSent = false;
    return this.outgoing.beginLink(received);
  }

  // --- what comes in ---

  /** A frame came over the present link: its messages go to the receiver, anything else is an action. */
  received(frame: Buffer, receiver: MessageReceiver): ResumeAction | undefined {
    if (this.link === LINKED) {
      if (frame[0] === FRAME_KIND.data) return this.data(frame, receiver);
      if (frame[0] === FRAME_KIND.many) return this.many(frame, receiver);
    }
    try {
      return this.control(frame);
    } catch (thrown) {
      if (thrown instanceof DecodeError) return this.fail(thrown);
      throw thrown;
    }
  }

  /** The pipeline has taken a message that was delivered. */
  taken(payloadBytes: number): void {
    this.incoming.take(payloadBytes);
  }

  /** The pipeline has taken the next message over a link before: it does not come over this one. */
  tookBefore(): void {
    this.incoming.taken += 1;
  }

  private data(frame: Buffer, receiver: MessageReceiver): ResumeAction | undefined {
    const wrong = this.arrived(frame, frame.length - 1);
    if (wrong !== undefined) return wrong;
    const { memory, offset } = bufferPlace(frame);
    receiver.arrived(bufferView(memory, offset + 1, frame.length - 1));
    return undefined;
  }

  private many(frame: Buffer, receiver: MessageReceiver): ResumeAction | undefined {
    const { links } = this;
    if (frame.length > MANY_BYTES) {
      return this.fail(invalidFrame(frame, `MANY has at most ${MANY_BYTES} bytes`));
    }
    const { memory, offset } = bufferPlace(frame);
    for (let at = 1; at < frame.length; ) {
      const end = endOfRecord(frame, at);
      if (end > frame.length) return this.fail(cutOff(frame));
      const from = at + RECORD_HEADER_BYTES;
      const wrong = this.arrived(frame, end - from);
      if (wrong !== undefined) return wrong;
      receiver.arrived(bufferView(memory, offset + from, end - from));
      // The message has ended the link, or the channel: the rest of the frame comes again, or is not wanted.
      if (this.links !== links || this.isReset) return undefined;
      at = end;
    }
    return undefined;
  }

  /** Counts a message that came. Returns what is wrong with it. */
  private arrived(frame: Buffer, payloadBytes: number): ResumeAction | undefined {
    this.confirm();
    if (this.hasPeerEnded) return this.fail(invalidFrame(frame, 'DATA came after END'));
    if (this.incoming.arrived(payloadBytes)) return undefined;
    return this.fail(invalidFrame(frame, `more came than the credit of ${this.creditBytes} bytes`));
  }

  private control(bytes: Buffer): ResumeAction {
    const frame = decodeResumeFrame(bytes);
    if (this.link !== LINKED) return this.answered(bytes, frame.kind, frame as ResumeFrame);
    this.confirm();
    switch (frame.kind) {
      case 'ack':
        return this.acknowledged(bytes, frame.received);
      case 'end':
        return this.peerEnded(bytes, frame.reason);
      case 'gone':
        return this.fromServer(bytes, { do: 'gone', ...without(frame) });
      case 'move':
        return this.fromServer(bytes, { do: 'move', ...without(frame) });
      default:
        return this.fail(invalidFrame(bytes, `${nameOf(frame.kind)} is not allowed now`));
    }
  }

  /** The client waits for the answer to OPEN or RESUME. */
  private answered(bytes: Buffer, kind: string, frame: ResumeFrame): ResumeAction {
    if (frame.kind === 'gone') return { do: 'gone', ...without(frame) };
    if (frame.kind === 'opened' && !this.isOpened) {
      this.link = LINKED;
      this.id = frame.id;
      this.secrets.set(frame.secret);
      this.windowMs = Math.min(this.windowMs, frame.windowMs);
      this.outgoing.creditBytes = Math.min(this.creditBytes, frame.creditBytes);
      return OPENED;
    }
    if (frame.kind === 'resumed' && this.isOpened) return this.resumed(bytes, frame);
    return this.fail(invalidFrame(bytes, `${nameOf(kind)} is not an answer to what was sent`));
  }

  private resumed(
    bytes: Buffer,
    { received, secret }: { readonly received: number; readonly secret: string },
  ): ResumeAction {
    const wrong = this.checkReceived(bytes, received, this.outgoing.highest);
    if (wrong !== undefined) return wrong;
    this.link = LINKED;
    this.secrets.set(secret);
    // The first other frame: the server forgets the secret before.
    this.sendUrgent({ kind: 'ack', received: this.incoming.acknowledge() });
    return { do: 'resumed', resent: this.beginOutgoing(received) };
  }

  private acknowledged(bytes: Buffer, received: number): ResumeAction {
    const wrong = this.checkReceived(bytes, received, this.outgoing.sent);
    if (wrong !== undefined) return wrong;
    this.outgoing.acknowledge(received);
    return ACKNOWLEDGED;
  }

  private checkReceived(frame: Buffer, received: number, sent: number): ResumeAction | undefined {
    const { acknowledged } = this.outgoing;
    if (received >= acknowledged && received <= sent) return undefined;
    const other = received > sent ? `${sent} were sent` : `${acknowledged} before`;
    return this.fail(invalidFrame(frame, `it acknowledges ${received} messages, but ${other}`));
  }

  private peerEnded(bytes: Buffer, reason: string): ResumeAction {
    if (reason === RESET) {
      this.isReset = true;
      this.urgent = undefined;
      return RESET_BY_PEER;
    }
    if (this.hasPeerEnded) return this.fail(invalidFrame(bytes, 'END came twice'));
    this.hasPeerEnded = true;
    return { do: 'end', reason };
  }

  private fromServer(bytes: Buffer, action: ResumeAction): ResumeAction {
    return this.isServer ? this.fail(invalidFrame(bytes, 'only a server sends this')) : action;
  }

  /** The client has got our answer: the secret before is no longer needed. */
  protected confirm(): void {
    this.secrets.confirm();
  }

  private fail(error: DecodeError): ResumeAction {
    return { do: 'fail', error };
  }

  // --- what goes out ---

  /** Keeps messages until the peer has them. Returns how many of them the credit allows now. */
  addAll(messages: readonly OutboundBytes[], bytes: number = bytesOf(messages)): number {
    return this.outgoing.addAll(messages, bytes, this.link === ABSENT);
  }

  /** Ends our half after everything that was added. */
  end(reason: string): void {
    this.endReason ??= reason;
  }

  /** Drops the channel: the peer is notified, if there is a link. */
  reset(): void {
    this.isReset = true;
    if (this.link === LINKED) this.sendUrgent({ kind: 'end', reason: RESET });
    else this.urgent = undefined;
  }

  /** Sends a frame before all others, as MOVE. */
  sendUrgent(frame: ResumeFrame): void {
    this.urgent ??= [];
    this.urgent.push(encodeResumeFrame(frame));
  }

  /** Acknowledges all messages that were taken, without waiting for more of them. */
  acknowledgeNow(): void {
    if (this.link !== LINKED || this.isReset || !this.incoming.isUnacknowledged) return;
    this.sendUrgent({ kind: 'ack', received: this.incoming.acknowledge() });
  }

  private get isAckDue(): boolean {
    const { incoming } = this;
    return incoming.isDue || (this.hasPeerEnded && incoming.isUnacknowledged);
  }

  /** The next frame for the link, if there is one; the link has taken it when this returns. */
  nextFrame(): OutboundBytes | undefined {
    if (this.isAnswerDue) return this.nextAnswer();
    if (this.urgent !== undefined) return this.nextUrgent(this.urgent);
    if (this.link !== LINKED || this.isReset) return undefined;
    const { incoming, outgoing } = this;
    if (this.isAckDue) {
      return encodeResumeFrame({ kind: 'ack', received: incoming.acknowledge() });
    }
    const data = outgoing.next();
    if (data !== undefined) return data;
    if (this.endReason === undefined || this.isEndSent) return undefined;
    this.isEndSent = true;
    return encodeResumeFrame({ kind: 'end', reason: this.endReason });
  }

  /** The present link has no write under way, and so does not read the memory of its frames any more. */
  writesEnded(): void {
    this.outgoing.writesEnded();
  }

  /** Copies of the messages that the peer does not have, oldest first. */
  unacknowledged(): Buffer[] {
    return this.outgoing.payloads();
  }

  /** Nothing is kept for the peer any more. */
  forget(): void {
    this.outgoing.clear();
  }

  private nextAnswer(): Buffer {
    this.isAnswerDue = false;
    const received = this.incoming.acknowledge();
    return encodeResumeFrame({ kind: 'resumed', received, secret: this.secrets.last });
  }

  private nextUrgent(urgent: Buffer[]): Buffer | undefined {
    const frame = urgent.shift();
    if (urgent.length === 0) this.urgent = undefined;
    return frame;
  }
}

function without<F extends { readonly kind: string }>({
  kind: _kind,
  ...rest
}: F): Omit<F, 'kind'> {
  return rest;
}

function bytesOf(messages: readonly OutboundBytes[]): number {
  let bytes = 0;
  for (const message of messages) bytes += byteLengthOf(message);
  return bytes;
}

function nameOf(kind: string): string {
  return kind.toUpperCase();
}
