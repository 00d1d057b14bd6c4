import type { ServerResponse } from 'node:http';
import type { Address, Channel, Timer, Transport, TransportSink } from '@headrace/core';
import {
  ReceiveSequence,
  sizeOfBytes,
  systemError,
  toBuffer,
  transportOf,
} from '@headrace/core/authoring';
import { bytesEvents, COMMENT, END_EVENT, namedEvent } from '../tunnel/event-stream.ts';
import { type BytesRequest, GAP, READ, UNKNOWN, WAITS } from '../tunnel/tunnel-request.ts';

/** Time after which a waiting request is answered, because a proxy may close a request without an answer within 30 s. */
const ANSWER_WITHIN_MS = 15_000;

/** Maximum number of requests whose bytes are kept while the channel does not read. The answer to the last request waits. */
const MOST_UNREAD = 2;

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
 * A transport of bytes over a client's session. The server's bytes are sent in one long answer. The client's bytes arrive in
 * numbered requests, one after the other. The server answers a request when the bytes of earlier requests have been read, so a
 * channel that does not read stops its client. The session ends with its answer.
 */
export class TunnelSession implements Transport {
  readonly accepts = 'Buffers';
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  private readonly terms: TunnelSessionTerms;
  private sink: TransportSink | undefined = undefined;
  private isOver = false;
  // Input
  private readonly sequence = new ReceiveSequence(0);
  private mayRead = false;
  /** Received bytes that have not been read. */
  private unread: Buffer[] = [];
  private waiting: ServerResponse | undefined = undefined;
  private waitTimer: Timer | undefined = undefined;
  private hasPeerEnded = false;
  private isEndReported = false;
  /** Whether the answer was cut after the client had ended its output. Earlier input is still read. */
  private isPeerGone = false;
  // Output
  private unsent = 0;
  private hasEnded = false;
  private wasQuiet = false;
  private beat: Timer | undefined = undefined;

  constructor(terms: TunnelSessionTerms) {
    this.terms = terms;
    const { connection, response } = terms;
    this.localAddress = connection.localAddress;
    this.remoteAddress = connection.remoteAddress;
    response.once('close', () => this.answerClosed());
    this.expectSilence();
  }

  get isActive(): boolean {
    return !this.isOver;
  }

  get unsentBytes(): number {
    return this.unsent - this.terms.connection.outboundProgress;
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.terms.connection)?.unacknowledgedBytes;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  // --- input ---

  /** Receives a client's request. Answers at once, or when the request's bytes have been read. */
  receive({ number, bytes, isLast }: BytesRequest, response: ServerResponse): void {
    const gap = this.sequence.gapBefore(number);
    const isUnawaited = gap > 0 || (gap === 0 && this.unread.length === MOST_UNREAD);
    const isBehindEnd = gap >= 0 && this.hasPeerEnded;
    if (isUnawaited || isBehindEnd) {
      answer(response, GAP);
      this.fail(`request ${number} ${isBehindEnd ? 'is behind the last one' : 'did not wait'}`);
      return;
    }
    if (gap === 0) {
      this.sequence.receive(number);
      if (bytes.length > 0) this.unread.push(bytes);
      this.hasPeerEnded = isLast;
    }
    this.deliver();
    // A repeated request replaces the first one.
    this.answerWaiting(WAITS);
    if (this.isOver) answer(response, UNKNOWN);
    else if (this.unread.length < MOST_UNREAD) answer(response, READ);
    else this.wait(response);
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.unread.length === 0 && !this.hasPeerEnded) return;
    this.terms.connection.clock.nextTurn(() => this.deliver());
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  private deliver(): void {
    const { sink, unread } = this;
    if (!this.mayRead || this.isOver || sink === undefined) return;
    if (unread.length > 0) {
      this.mayRead = false;
      this.unread = [];
      sink.received(unread.length === 1 ? unread[0] : Buffer.concat(unread));
      this.answerWaiting(READ);
      sink.readComplete();
    } else if (this.hasPeerEnded && !this.isEndReported) {
      this.mayRead = false;
      this.isEndReported = true;
      sink.inputEnded();
    }
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

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (bytes === 0) return true;
    const { clock } = this.terms.connection;
    if (this.isPeerGone) clock.execute(() => this.fail('the client has gone'));
    if (this.isPeerGone || this.isOver) return false;
    this.unsent = bytes;
    this.wasQuiet = false;
    let text = '';
    for (const message of messages) text += bytesEvents(toBuffer(message as Buffer));
    this.terms.response.write(text, 'latin1', (error) => {
      if (error == null) this.sent();
    });
    return false;
  }

  private sent(): void {
    this.unsent = 0;
    if (!this.isOver) this.sink?.written();
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

  shutdownOutput(): void {
    this.sayEnd();
    this.terms.connection.clock.execute(() => {
      if (!this.isOver) this.sink?.outputEnded();
    });
  }

  private sayEnd(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.terms.response.write(namedEvent(END_EVENT, ''));
  }

  close(): void {
    const { connection, response } = this.terms;
    if (!this.isOver && !this.isPeerGone) {
      if (this.unsent > 0) connection.close();
      else {
        this.sayEnd();
        response.end();
      }
    }
    this.end();
  }

  abort(): void {
    if (!this.isOver) this.terms.connection.abort();
    this.end();
  }

  private answerClosed(): void {
    if (this.isOver) return;
    if (!this.hasPeerEnded || this.unsent > 0) this.fail('the answer of the session was cut');
    else this.isPeerGone = true;
  }

  private fail(why: string): void {
    if (this.isOver) return;
    this.sink?.failed(systemError('ECONNRESET', `read ECONNRESET (${why})`));
    // Without a channel, the session must end itself.
    this.abort();
  }

  private end(): void {
    const { connection, ended } = this.terms;
    this.isOver = true;
    this.beat?.cancel();
    this.answerWaiting(UNKNOWN);
    ended();
    const { sink } = this;
    this.sink = undefined;
    if (sink !== undefined) connection.clock.execute(() => sink.disconnected());
  }
}

/** Answers a request of a session. */
export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response
    .writeHead(status, { 'Cache-Control': 'no-store', 'Content-Length': 0, ...headers })
    .end();
}
