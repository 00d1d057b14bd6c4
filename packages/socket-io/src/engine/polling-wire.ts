import type { Buffer } from 'node:buffer';
import { type Clock, DecodeError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { CLOSE, type EnginePacket, type NOOP, PayloadReader, payloadOf } from './engine-packet.ts';
import type { EngineSession, Wire } from './engine-session.ts';
import { ENGINE_FAULTS, type HttpAnswer } from './http-answer.ts';

/**
 * The requests of a session: a poll (GET) that waits for the server's packets, and a POST with the client's packets. A client has at
 * most one of each at a time. A POST is confirmed when its packets were taken, so a session that is held stops its client. The rest of
 * its packets then stays a text.
 */
export class PollingWire implements Wire {
  readonly name = 'polling';
  readonly isSending = false;
  readonly unsentBytes = 0;
  readonly unacknowledgedBytes: undefined = undefined;
  private session!: EngineSession;
  private readonly clock: Clock;
  private poll: HttpAnswer | undefined = undefined;
  private post: HttpAnswer | undefined = undefined;
  /** The packets of the POST that were not taken yet, or `undefined` before they arrive. At its end, the confirmation waits. */
  private payload: PayloadReader | undefined = undefined;
  private isReading = false;
  private isHeld = false;
  private isDue = false;
  private isOver = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Sets the session that uses the wire. */
  attach(session: EngineSession): void {
    this.session = session;
  }

  get isReady(): boolean {
    return this.poll !== undefined;
  }

  get hasInput(): boolean {
    return this.payload?.isAtEnd === false;
  }

  /** All packets of one event are sent in one answer. */
  flushSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.clock.execute(() => {
      this.isDue = false;
      this.session.flush();
    });
  }

  send(packets: EnginePacket[]): void {
    const { poll } = this;
    this.poll = undefined;
    poll?.sendPayload(payloadOf(packets));
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    if (this.payload !== undefined) this.readOn();
  }

  private confirm(): void {
    const { post } = this;
    this.post = this.payload = undefined;
    post?.confirm();
  }

  /** Ends both requests. A POST whose packets have not arrived is refused, because they would come too late. */
  end(last: typeof CLOSE | typeof NOOP): void {
    if (this.isOver) return;
    this.isOver = true;
    this.send([last]);
    if (this.isReading || this.payload === undefined) return;
    if (this.payload.isAtEnd) this.confirm();
    else this.refusePost();
  }

  // --- requests ---

  /** Receives a poll. */
  receivePoll(answer: HttpAnswer): void {
    if (this.poll !== undefined) {
      this.refuse(answer, 'a poll beside a poll');
      return;
    }
    this.poll = answer;
    answer.onLost(() => {
      if (this.poll !== answer) return;
      this.poll = undefined;
      this.session.wireLost(this, 'transport error');
    });
    this.flushSoon();
  }

  /** Receives the head of a POST. Returns false if the POST was refused. Its packets follow in {@link receiveBody}. */
  beginPost(answer: HttpAnswer): boolean {
    if (this.post !== undefined) {
      this.refuse(answer, 'a POST beside a POST');
      return false;
    }
    this.post = answer;
    answer.onLost(() => {
      if (this.post !== answer) return;
      this.post = undefined;
      this.session.wireLost(this, 'transport error');
    });
    return true;
  }

  /** Refuses a request that the protocol does not allow, and ends the session. */
  refuse(answer: HttpAnswer, why: string): void {
    answer.refuse(ENGINE_FAULTS.request);
    this.violated(why);
  }

  private violated(why: string): void {
    const error = new DecodeError('MESSAGE_INVALID', `not a request of Engine.IO 4: ${why}`);
    this.session.violated(error, 'transport error');
  }

  /** @param body - `undefined` if it was longer than allowed, and has been answered */
  receiveBody(answer: HttpAnswer, body: Buffer | undefined): void {
    if (this.post !== answer) return;
    if (this.isOver) {
      this.refusePost();
      return;
    }
    const { session } = this;
    if (body === undefined) {
      this.post = undefined;
      const { maxPayloadBytes } = session.settings;
      this.violated(`a POST of more than ${maxPayloadBytes} bytes (maxPayloadBytes)`);
      return;
    }
    try {
      this.payload = new PayloadReader(body);
    } catch (thrown) {
      session.violated(toError(thrown));
      this.refusePost();
      return;
    }
    this.readOn();
  }

  /** Passes on what the session takes. What is passed on can hold the session, release it, or end it. */
  private readOn(): void {
    if (this.isReading) return;
    this.isReading = true;
    while (this.hasInput && !this.isHeld) this.readNext(this.payload!);
    this.isReading = false;
    this.session.endBurst();
    if (this.payload?.isAtEnd === true && !this.isHeld) this.confirm();
  }

  private readNext(payload: PayloadReader): void {
    const { session } = this;
    try {
      const packet = payload.next();
      if (session.receive(this, packet)) return;
      // The end of the session by its client is confirmed.
      if (packet === CLOSE) this.confirm();
    } catch (thrown) {
      session.violated(toError(thrown));
    }
    this.refusePost();
  }

  private refusePost(): void {
    const { post } = this;
    this.post = this.payload = undefined;
    post?.refuse(ENGINE_FAULTS.request);
  }
}
