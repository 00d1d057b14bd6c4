import type { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { Address, ByteEnd, Channel, EndUser, Timer } from '@headrace/core';
import { ByteBlocks, ReceiveSequence, systemError, transportOf } from '@headrace/core/authoring';
import { bytesEvents, COMMENT, END_EVENT, namedEvent } from '../tunnel/event-stream.ts';
import { type BytesRequest, GAP, READ, UNKNOWN, WAITS } from '../tunnel/tunnel-request.ts';
import { answer } from './request-body.ts';

/** Time after which a waiting request is answered, because a proxy may close a request without an answer within 30 s. */
const ANSWER_WITHIN_MS = 15_000;

/** Maximum number of requests whose bytes are kept while the channel does not read. The answer to the last request waits. */
const MAX_UNREAD = 2;

/** Number of bytes that the session accepts before the connection has taken them, like a kernel's buffer. */
const OUTPUT_BYTES = 64 * 1024;

/** The parts of a {@link TunnelSession}. */
export interface TunnelSessionTerms {
  /** Answer that carries the session's bytes. */
  readonly response: ServerResponse;
  /** Channel that carries the answer. */
  readonly connection: Channel;
  readonly keepAliveMs: number;
  /** Called when the session has ended and no longer accepts requests. */
  readonly ended: () => void;
}

/**
 * The server's end of a client's session. The server's bytes are sent in one long answer. The client's bytes arrive in numbered
 * requests, one after the other. The server answers a request when the bytes of earlier requests have been read, so a channel that
 * does not read stops its client. The session ends with its answer. Its channel uses a `MemoryTransport`.
 */
export class TunnelSession implements ByteEnd {
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
  readonly reportsError = true;
  readonly isOpen = true;
  user: EndUser | undefined = undefined;
  error: Error | undefined = undefined;
  isGone = false;
  hasInputEnded = false;
  private readonly terms: TunnelSessionTerms;
  // Input
  private readonly sequence = new ReceiveSequence(0);
  private readonly input = new ByteBlocks();
  /** Number of requests whose bytes have not been read. */
  private unread = 0;
  private waiting: ServerResponse | undefined = undefined;
  private waitTimer: Timer | undefined = undefined;
  /** Whether the answer was cut after the client had ended its output. Earlier input is still read. */
  private isPeerGone = false;
  // Output
  /** Number of bytes that the connection has not taken. */
  private unsent = 0;
  private hasEnded = false;
  private wasQuiet = false;
  private beat: Timer | undefined = undefined;

  constructor(terms: TunnelSessionTerms) {
    this.terms = terms;
    const { connection, response } = terms;
    this.local = connection.localAddress;
    this.remote = connection.remoteAddress;
    response.once('close', () => this.answerClosed());
    this.expectSilence();
  }

  get unreadBytes(): number {
    return this.input.size;
  }

  get room(): number {
    return Math.max(0, OUTPUT_BYTES - this.unsent);
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.terms.connection)?.unacknowledgedBytes;
  }

  // --- input ---

  /** Receives a client's request. Answers at once, or when the request's bytes have been read. */
  receive({ number, bytes, isLast }: BytesRequest, response: ServerResponse): void {
    const gap = this.sequence.gapBefore(number);
    const isUnawaited = gap > 0 || (gap === 0 && this.unread === MAX_UNREAD);
    const isBehindEnd = gap >= 0 && this.hasInputEnded;
    if (isUnawaited || isBehindEnd) {
      answer(response, GAP);
      this.fail(`request ${number} ${isBehindEnd ? 'is behind the last one' : 'did not wait'}`);
      return;
    }
    if (gap === 0) {
      this.sequence.receive(number);
      if (bytes.length > 0) this.unread += 1;
      this.input.push(bytes);
      this.hasInputEnded = isLast;
      this.user?.wake();
    }
    // A repeated request replaces the first one.
    this.answerWaiting(WAITS);
    if (this.isGone) answer(response, UNKNOWN);
    else if (this.unread < MAX_UNREAD) answer(response, READ);
    else this.wait(response);
  }

  take(): Buffer | undefined {
    if (this.input.size === 0) return undefined;
    this.unread = 0;
    this.answerWaiting(READ);
    return this.input.takeAll();
  }

  private wait(response: ServerResponse): void {
    this.waiting = response;
    const { clock } = this.terms.connection;
    this.waitTimer = clock.deadlines.schedule(() => this.answerWaiting(WAITS), ANSWER_WITHIN_MS);
  }

  private answerWaiting(status: number): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    this.waiting = undefined;
    this.waitTimer?.cancel();
    answer(waiting, status);
  }

  // --- output ---

  send(chunk: Buffer): void {
    if (this.isPeerGone) {
      this.fail('the client has gone');
      return;
    }
    this.unsent += chunk.length;
    this.wasQuiet = false;
    this.terms.response.write(bytesEvents(chunk), 'latin1', (error) => {
      if (error != null) return;
      this.unsent -= chunk.length;
      this.user?.wake();
    });
  }

  /** Sends a comment after a period without output, unless the client does not read. */
  private expectSilence(): void {
    const { connection, response, keepAliveMs } = this.terms;
    if (!Number.isFinite(keepAliveMs)) return;
    this.beat = connection.clock.deadlines.schedule(() => {
      if (this.wasQuiet && this.unsent === 0 && !this.hasEnded && response.writableLength === 0) {
        response.write(COMMENT);
      }
      this.wasQuiet = true;
      this.expectSilence();
    }, keepAliveMs / 2);
  }

  // --- the end ---

  finish(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.terms.response.write(namedEvent(END_EVENT, ''));
  }

  close(): void {
    if (!this.isGone && !this.isPeerGone) {
      this.finish();
      this.terms.response.end();
    }
    this.end();
  }

  reset(isAfterOutput = false): void {
    if (!this.isGone) {
      // Without the event of the end, a complete answer shows the client that the output was cut.
      if (isAfterOutput && !this.isPeerGone) this.terms.response.end();
      else this.terms.connection.abort();
    }
    this.end();
  }

  private answerClosed(): void {
    if (this.isGone) return;
    if (!this.hasInputEnded || this.unsent > 0) this.fail('the answer of the session was cut');
    else this.isPeerGone = true;
  }

  /** Ends the session with an error. Bytes that have arrived can still be read. */
  private fail(why: string): void {
    if (this.isGone) return;
    this.error = systemError('ECONNRESET', `read ECONNRESET (${why})`);
    this.terms.connection.abort();
    this.leave();
    this.user?.wake();
  }

  private end(): void {
    this.user = undefined;
    this.input.clear();
    this.leave();
  }

  private leave(): void {
    this.isGone = true;
    this.beat?.cancel();
    this.answerWaiting(UNKNOWN);
    this.terms.ended();
  }
}
