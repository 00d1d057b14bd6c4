import type { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { CLOSE, type EnginePacket, NOOP, payloadOf, readPayload } from './engine-packet.ts';
import type { EngineSession, Wire } from './engine-session.ts';
import { ENGINE_FAULTS, type HttpAnswer } from './http-answer.ts';

/**
 * The requests of a session: a poll (GET) that waits for the server's packets, and a POST with the client's packets. A client has at
 * most one of each at a time. A POST is confirmed when its packets were taken, so a session that is held stops its client.
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
  /** Whether the packets of the POST were taken, and its confirmation waits. */
  private isTaken = false;
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
    if (this.isTaken) this.confirm();
  }

  private confirm(): void {
    const { post } = this;
    this.post = undefined;
    this.isTaken = false;
    post?.confirm();
  }

  /** Ends both requests. A POST whose packets have not arrived is refused, because they would come too late. */
  end(last: typeof CLOSE | typeof NOOP): void {
    if (this.isOver) return;
    this.isOver = true;
    this.send([last]);
    if (this.isTaken) this.confirm();
  }

  // --- requests ---

  /** Receives a poll. */
  receivePoll(answer: HttpAnswer): void {
    if (this.poll !== undefined) {
      answer.refuse(ENGINE_FAULTS.request);
      this.session.wireLost(this, 'transport error');
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
      answer.refuse(ENGINE_FAULTS.request);
      this.session.wireLost(this, 'transport error');
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

  /** @param body - `undefined` if it was longer than allowed */
  receiveBody(answer: HttpAnswer, body: Buffer | undefined): void {
    if (this.post !== answer) return;
    if (this.isOver) {
      this.refusePost();
      return;
    }
    const { session } = this;
    if (body === undefined) {
      this.post = undefined;
      session.wireLost(this, 'transport error');
      return;
    }
    let isClose = false;
    try {
      readPayload(body, (packet) => {
        isClose = packet === CLOSE;
        return session.receive(this, packet);
      });
    } catch (thrown) {
      session.violated(toError(thrown));
    }
    session.endBurst();
    if (this.isOver && !isClose) this.refusePost();
    else if (this.isHeld) this.isTaken = true;
    else this.confirm();
  }

  private refusePost(): void {
    const { post } = this;
    this.post = undefined;
    post?.refuse(ENGINE_FAULTS.request);
  }
}
