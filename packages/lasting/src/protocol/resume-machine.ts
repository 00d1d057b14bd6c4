// The states of one end of a lasting channel, which uses one link after another:
//
//   ABSENT ──beginLink(), resume()──▶ GREETING ──OPENED, RESUMED──▶ LINKED
//     ▲                                  │  (the server is linked at once)      │
//     └──────────────loseLink()──────────┴─────────────────────────────┘
//
// In addition, either direction can have ended (`end`), or the channel was dropped (`reset`).
import { randomBytes } from 'node:crypto';
import { DecodeError, EncodeError, type MessageLimits, type OutboundBytes } from '@headrace/core';
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
  NO_LIMIT,
  RECORD_HEADER_BYTES,
  type ResumeFrame,
  SECRET_BYTES,
} from './resume-frame.ts';
import { ResumeSecrets, type SecretsState } from './resume-secrets.ts';

/** Returns this number of random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/** Random bytes of the system, for ids and secrets. */
export const systemRandom: RandomBytes = (count) => randomBytes(count);

/** Schema of the option `windowMs` of both ends. */
export const WINDOW_MS = whole({ min: 1, max: 2 ** 31 - 1, default: 60_000 });
/** Schema of the option `creditBytes` of both ends. */
export const CREDIT_BYTES = whole({ min: 1024, max: 2 ** 32 - 1, default: 1024 * 1024 });

/** Options of a {@link ResumeMachine}. */
export interface ResumeMachineOptions {
  /** Maximum absence of the other end, as requested by a client or granted by a server. */
  readonly windowMs: number;
  /** Maximum number of unacknowledged bytes from the peer, and of bytes kept for the peer. */
  readonly creditBytes: number;
  /** Source of ids and secrets. */
  readonly random: RandomBytes;
}

/** The state of a lasting channel that its server passes to another process. */
export interface MachineState extends SecretsState {
  readonly id: string;
  readonly windowMs: number;
  /** Credit that the client was granted. */
  readonly creditBytes: number;
  /** Maximum number of bytes kept for the client. */
  readonly keptCreditBytes: number;
  /** Maximum length of a frame to the client, over its last link. @default no limit */
  readonly maxFrameBytes?: number;
  /** Number of the last message that the pipeline has read. */
  readonly taken: number;
  /** Number of the last message that the client has. */
  readonly acknowledged: number;
  /** Highest number that was ever sent to the client. */
  readonly highest: number;
  /** Messages after `acknowledged`. */
  readonly kept: readonly Buffer[];
  /** Reason for which this end's output has ended, if it has. */
  readonly endReason: string | undefined;
}

/** The terms in a client's OPEN. */
export interface WantedTerms {
  readonly windowMs: number;
  readonly creditBytes: number;
  readonly maxFrameBytes?: number;
}

/** What both ends say when a link resumes a channel. */
export interface ResumeTerms {
  readonly received: number;
  readonly secret: string;
  readonly maxFrameBytes?: number;
}

/** Receives the messages of a frame. */
export interface MessageReceiver {
  /**
   * Called for each message. The receiver calls {@link ResumeMachine.taken} when the pipeline has read the message, now or later.
   */
  arrived(payload: Buffer): void;
}

/** Action that follows from a frame. */
export type ResumeAction =
  | { readonly do: 'opened' }
  | { readonly do: 'resumed'; readonly resent: number }
  /** The peer has acknowledged messages, so the credit may allow others. */
  | { readonly do: 'acknowledged' }
  /** The peer's output has ended, after all delivered messages. */
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

/** Reason in an END that drops the channel, like RST in TCP. */
const RESET = 'reset';
const ABSENT = 0;
const GREETING = 1;
const LINKED = 2;

const NO_LIMITS: MessageLimits = {};
const OPENED: ResumeAction = { do: 'opened' };
/** One shared object, because this action is the most frequent. */
const ACKNOWLEDGED: ResumeAction = { do: 'acknowledged' };
const RESET_BY_PEER: ResumeAction = { do: 'reset' };

/**
 * One end of a lasting channel, without clock, channel or transport. The machine receives frames and messages, and returns
 * actions. The caller asks for the next frame whenever the link has room.
 */
export class ResumeMachine {
  protected readonly outgoing: OutgoingMessages = new OutgoingMessages();
  protected readonly incoming: IncomingMessages;
  /** Maximum absence of the other end; after the exchange, the agreed value. */
  windowMs: number;
  /** Name of the channel; empty before it is open. */
  id = '';
  readonly secrets: ResumeSecrets = new ResumeSecrets();
  private readonly creditBytes: number;
  private readonly random: RandomBytes;
  private link = ABSENT;
  /** Counter of links that began and ended. */
  private links = 0;
  /** Frames that are sent before all others. */
  private urgent: Buffer[] | undefined = undefined;
  private endReason: string | undefined = undefined;
  /** Whether the END of this end was sent over the current link. */
  private isEndSent = false;
  private hasPeerEnded = false;
  private isReset = false;
  private isServer = false;
  /** Whether RESUMED is sent next, with the number of read messages at that time. */
  private isAnswerDue = false;
  /** Limits of the current link, or of the last one. */
  private limits = NO_LIMITS;
  /** Error of the message that is too long for the link, see {@link nextFrame}. */
  unsendable: EncodeError | undefined = undefined;

  constructor({ windowMs, creditBytes, random }: ResumeMachineOptions) {
    this.windowMs = windowMs;
    this.creditBytes = creditBytes;
    this.random = random;
    this.incoming = new IncomingMessages(creditBytes);
  }

  // --- state ---

  /** Whether both ends have agreed on the channel. */
  get isOpened(): boolean {
    return this.id !== '';
  }

  /** Bytes of the messages kept for the peer, including the overhead of each message. */
  get keptBytes(): number {
    return this.outgoing.bytes;
  }

  /** Maximum length of a payload within the peer's credit. */
  get maxPayloadBytes(): number {
    return this.outgoing.maxPayloadBytes;
  }

  /** Maximum length of a message that the credit allows and the links let pass. */
  get maxMessageBytes(): number {
    return this.outgoing.maxMessageBytes;
  }

  /** Number of the last message that was added; the first is 1. */
  get lastMessage(): number {
    return this.outgoing.last;
  }

  /** Number of the last message that the peer has. */
  get acknowledgedMessages(): number {
    return this.outgoing.acknowledged;
  }

  /** Number of the last message that the pipeline has read. */
  get takenMessages(): number {
    return this.incoming.taken;
  }

  /** Whether messages can be sent. */
  get isLinked(): boolean {
    return this.link === LINKED;
  }

  /** Whether both directions have ended and each end has all messages, so that the link can end. */
  get isDone(): boolean {
    if (this.isReset) return this.urgent === undefined;
    const { outgoing, incoming } = this;
    if (!this.hasPeerEnded || !this.isEndSent) return false;
    return outgoing.isEmpty && !incoming.isUnacknowledged;
  }

  // --- move to another process ---

  /** State that another process needs to continue, without the messages. */
  get header(): Omit<MachineState, 'kept'> {
    const { id, secrets, windowMs, creditBytes, incoming, outgoing, endReason } = this;
    const { acknowledged, highest, creditBytes: keptCreditBytes, maxFrameBytes } = outgoing;
    const counts = { taken: incoming.taken, acknowledged, highest, maxFrameBytes };
    return { id, ...secrets.state, windowMs, creditBytes, keptCreditBytes, ...counts, endReason };
  }

  get state(): MachineState {
    return { ...this.header, kept: this.outgoing.payloads() };
  }

  /**
   * Continues from this state. The machine was created with the state's window and credit. Returns false if the kept messages
   * exceed the credit.
   */
  restore(state: MachineState): boolean {
    this.isServer = true;
    this.id = state.id;
    this.secrets.restore(state);
    this.endReason = state.endReason;
    this.incoming.restore(state.taken);
    this.keepsAtMost(state.keptCreditBytes);
    this.outgoing.maxFrameBytes = state.maxFrameBytes ?? NO_LIMIT;
    return this.outgoing.restore(state.acknowledged, state.highest, state.kept);
  }

  // --- a link begins and ends ---

  /** Begins a client's link with these limits. Sends OPEN or RESUME first. */
  beginLink(limits: MessageLimits = NO_LIMITS): void {
    this.link = GREETING;
    this.limits = limits;
    const { windowMs, creditBytes, id, maxFrameBytes } = this;
    const secret = this.secrets.last;
    const greeting: ResumeFrame = this.isOpened
      ? { kind: 'resume', id, secret, received: this.beginIncoming(), maxFrameBytes }
      : { kind: 'open', windowMs, creditBytes, maxFrameBytes };
    this.sendUrgent(greeting);
  }

  /** Maximum length of a frame from the peer, over the current link. */
  private get maxFrameBytes(): number {
    return Math.min(this.limits.inbound ?? NO_LIMIT, NO_LIMIT);
  }

  /** Called with the limit of the peer's end of the current link. */
  private sendsAtMost(maxFrameBytes: number = NO_LIMIT): void {
    this.outgoing.maxFrameBytes = Math.min(this.limits.outbound ?? NO_LIMIT, maxFrameBytes);
  }

  /** Both ends keep at most the smaller of the two credits. */
  private keepsAtMost(creditBytes: number): void {
    this.outgoing.creditBytes = this.incoming.keptBytes = creditBytes;
  }

  /** Accepts an OPEN that the server received. */
  open(wanted: WantedTerms, limits: MessageLimits = NO_LIMITS): void {
    this.link = LINKED;
    this.limits = limits;
    this.sendsAtMost(wanted.maxFrameBytes);
    this.isServer = true;
    this.windowMs = Math.min(this.windowMs, wanted.windowMs);
    // The client cannot cause this end to keep more than the client may send.
    this.keepsAtMost(Math.min(this.creditBytes, wanted.creditBytes));
    this.id = this.newSecret();
    const secret = this.newSecret();
    this.secrets.set(secret);
    const { windowMs, creditBytes, id, maxFrameBytes } = this;
    this.sendUrgent({ kind: 'opened', windowMs, creditBytes, maxFrameBytes, id, secret });
  }

  /** Returns true for a secret that resumes this channel. Takes the same time for every secret. */
  knows(secret: string): boolean {
    return this.secrets.knows(secret);
  }

  /** Accepts a RESUME with a known secret, which the server received in this frame. */
  resume(
    frame: Buffer,
    { received, secret, maxFrameBytes }: ResumeTerms,
    limits: MessageLimits = NO_LIMITS,
  ): ResumeAction {
    const { highest, acknowledged } = this.outgoing;
    if (received < acknowledged) {
      const text = `message ${received + 1} is no longer there`;
      return { do: 'gone', code: GONE_CODE.overrun, retryAfterMs: 0, text };
    }
    const wrong = this.checkReceived(frame, received, highest);
    if (wrong !== undefined) return wrong;
    this.beginIncoming();
    this.limits = limits;
    this.sendsAtMost(maxFrameBytes);
    // Urgent frames of an older link belong only to that link.
    this.urgent = undefined;
    this.links += 1;
    this.link = LINKED;
    this.secrets.shown(secret, () => this.newSecret());
    this.isAnswerDue = true;
    return { do: 'resumed', resent: this.beginOutgoing(received) };
  }

  /** Ends the link. Nothing is sent, and outbound messages wait. */
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

  /** Messages that arrived and were not read are sent again. */
  private beginIncoming(): number {
    this.hasPeerEnded = false;
    return this.incoming.beginLink();
  }

  private beginOutgoing(received: number): number {
    this.isEndSent = false;
    return this.outgoing.beginLink(received);
  }

  // --- input ---

  /** Handles a frame of the current link. Passes the messages of the frame to the receiver. Other frames return an action. */
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

  /** Called when the pipeline has read a delivered message. */
  taken(payloadBytes: number): void {
    this.incoming.take(payloadBytes);
  }

  /** Called when the pipeline has read a message that arrived over an earlier link, so that the peer does not send it again. */
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
      // The message has ended the link or the channel. The rest of the frame is sent again, or is
      // not needed.
      if (this.links !== links || this.isReset) return undefined;
      at = end;
    }
    return undefined;
  }

  /** Counts a received message. Returns an action if the message is not allowed. */
  private arrived(frame: Buffer, payloadBytes: number): ResumeAction | undefined {
    this.confirm();
    if (this.hasPeerEnded) return this.fail(invalidFrame(frame, 'DATA came after END'));
    this.incoming.spend(payloadBytes);
    if (this.incoming.room >= 0) return undefined;
    return this.fail(
      invalidFrame(frame, `more bytes arrived than the credit of ${this.creditBytes} bytes`),
    );
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

  /** Handles the answer to the client's OPEN or RESUME. */
  private answered(bytes: Buffer, kind: string, frame: ResumeFrame): ResumeAction {
    if (frame.kind === 'gone') return { do: 'gone', ...without(frame) };
    if (frame.kind === 'opened' && !this.isOpened) {
      this.link = LINKED;
      this.id = frame.id;
      this.secrets.set(frame.secret);
      this.windowMs = Math.min(this.windowMs, frame.windowMs);
      this.keepsAtMost(Math.min(this.creditBytes, frame.creditBytes));
      this.sendsAtMost(frame.maxFrameBytes);
      return OPENED;
    }
    if (frame.kind === 'resumed' && this.isOpened) return this.resumed(bytes, frame);
    return this.fail(
      invalidFrame(bytes, `${nameOf(kind)} does not answer the frame that was sent`),
    );
  }

  private resumed(bytes: Buffer, { received, secret, maxFrameBytes }: ResumeTerms): ResumeAction {
    if (received < this.outgoing.acknowledged) {
      // The log of the servers has lost the messages that it had acknowledged.
      const text = `message ${received + 1} is lost`;
      return { do: 'gone', code: GONE_CODE.unknown, retryAfterMs: 0, text };
    }
    const wrong = this.checkReceived(bytes, received, this.outgoing.highest);
    if (wrong !== undefined) return wrong;
    this.link = LINKED;
    this.sendsAtMost(maxFrameBytes);
    this.secrets.set(secret);
    // The first other frame lets the server forget the previous secret.
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

  /** Called when the client has received the answer. The previous secret is no longer needed. */
  protected confirm(): void {
    this.secrets.confirm();
  }

  private fail(error: DecodeError): ResumeAction {
    return { do: 'fail', error };
  }

  // --- output ---

  /** Keeps messages until the peer has them. Returns the number of messages that the credit allows. */
  addAll(messages: readonly OutboundBytes[], bytes: number = bytesOf(messages)): number {
    return this.outgoing.addAll(messages, bytes, this.link === ABSENT);
  }

  /** Ends the output after all added messages. */
  end(reason: string): void {
    this.endReason ??= reason;
  }

  /** Drops the channel, and notifies the peer over the link, if one exists. */
  reset(): void {
    this.isReset = true;
    if (this.link === LINKED) this.sendUrgent({ kind: 'end', reason: RESET });
    else this.urgent = undefined;
  }

  /** Sends a frame before all others, for example MOVE. */
  sendUrgent(frame: ResumeFrame): void {
    this.urgent ??= [];
    this.urgent.push(encodeResumeFrame(frame));
  }

  /** Acknowledges all read messages at once. */
  acknowledgeNow(): void {
    if (this.link !== LINKED || this.isReset || !this.incoming.isUnacknowledged) return;
    this.sendUrgent({ kind: 'ack', received: this.incoming.acknowledge() });
  }

  /** Acknowledges what was acknowledged before, so that the peer does not take this end for one that does not read. */
  acknowledgeAgain(): void {
    if (this.link !== LINKED || this.isReset || this.isAnswerDue) return;
    this.sendUrgent({ kind: 'ack', received: this.incoming.acknowledge() });
  }

  private get isAckDue(): boolean {
    const { incoming } = this;
    return incoming.isDue || (this.hasPeerEnded && incoming.isUnacknowledged);
  }

  /**
   * Returns the next frame for the link, if any, and marks it as sent. A message that is too long for the link is not sent, because
   * it would end each link. It is then in {@link unsendable}, and no message after it is sent.
   */
  nextFrame(): OutboundBytes | undefined {
    if (this.isAnswerDue) return this.nextAnswer();
    if (this.urgent !== undefined) return this.nextUrgent(this.urgent);
    if (this.link !== LINKED || this.isReset || this.unsendable !== undefined) return undefined;
    const { incoming, outgoing } = this;
    if (this.isAckDue) {
      return encodeResumeFrame({ kind: 'ack', received: incoming.acknowledge() });
    }
    const data = outgoing.next();
    if (data !== undefined) {
      if (data.byteLength <= outgoing.maxFrameBytes) return data;
      this.unsendable = tooLongForLink(outgoing.sent, data.byteLength - 1, this.maxMessageBytes);
      return undefined;
    }
    if (this.endReason === undefined || this.isEndSent) return undefined;
    this.isEndSent = true;
    return encodeResumeFrame({ kind: 'end', reason: this.endReason });
  }

  /** Called when no write is pending on the current link, so that none reads the memory of its frames. */
  writesEnded(): void {
    this.outgoing.writesEnded();
  }

  /** Returns copies of the messages that the peer does not have, oldest first. */
  unacknowledged(): Buffer[] {
    return this.outgoing.payloads();
  }

  /** Drops all messages kept for the peer. */
  forget(): void {
    this.outgoing.clear();
  }

  private nextAnswer(): Buffer {
    this.isAnswerDue = false;
    const received = this.incoming.acknowledge();
    const { maxFrameBytes } = this;
    return encodeResumeFrame({
      kind: 'resumed',
      received,
      secret: this.secrets.last,
      maxFrameBytes,
    });
  }

  private nextUrgent(urgent: Buffer[]): Buffer | undefined {
    const frame = urgent.shift();
    if (urgent.length === 0) this.urgent = undefined;
    return frame;
  }
}

function tooLongForLink(message: number, bytes: number, most: number): EncodeError {
  const text = `message ${message} of a lasting channel has ${bytes} bytes, but its link takes ${most}`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { message, bytes, most });
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
