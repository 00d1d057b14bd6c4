import { Buffer } from 'node:buffer';
import {
  ChannelError,
  type Clock,
  DecodeError,
  type Timer,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import {
  attempted,
  ByteBlocks,
  shownUrl,
  sizeOfBytes,
  systemError,
  toBuffer,
  toError,
} from '@headrace/core/authoring';
import { END_EVENT, EventStreamReader, OPEN_EVENT } from '../tunnel/event-stream.ts';
import {
  bytesBody,
  ELSEWHERE,
  MAX_PIECE_BYTES,
  openBody,
  openedBy,
  READ,
  UNKNOWN,
  WAITS,
} from '../tunnel/tunnel-request.ts';
import { WEB_SOCKET_ERRORS } from '../web-socket-errors.ts';

/** The part of `fetch` that this package uses. */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchedAnswer>;

/** One request. */
export interface FetchRequest {
  readonly method: 'POST';
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly cache: 'no-store';
  readonly credentials: 'include';
  readonly redirect: 'error';
  /** Whether the request continues after the page is closed. */
  readonly keepalive: boolean;
}

/** The part of an answer that this package uses. */
export interface FetchedAnswer {
  readonly status: number;
  readonly body: { getReader(): AnswerReader; cancel(): Promise<void> } | null;
}

/** Reads the body of an answer. */
export interface AnswerReader {
  readonly closed: Promise<unknown>;
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

/** The parameters of a {@link TunnelTransport}. */
export interface TunnelTransportTerms {
  readonly clock: Clock;
  /** URL with the scheme `http:` or `https:`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
  readonly answerTimeoutMs: number;
  readonly fetch: Fetch;
}

/**
 * Number of test requests that must reach the same server before the session counts as open. All are sent at the same time, so
 * that each uses its own connection.
 */
const PROBES = 3;
/** Maximum number of repetitions of a request that received no answer. A repetition has the number of the first request. */
const REPEATS = 4;
const FIRST_PAUSE_MS = 200;
/** Time limit of an answer, because a proxy can lose a request. A Headrace server answers within 15 s. */
const ANSWER_TIMEOUT_MS = 30_000;
/**
 * Maximum size of a request with `keepalive`. A browser limits the bytes of such requests, and fails a request above the limit.
 * The request is then repeated without `keepalive`.
 */
const KEEPALIVE_BYTES = 8 * 1024;
/** Maximum number of received and unread bytes. A single piece of the answer can exceed this number. */
const MAX_ARRIVED_BYTES = 64 * 1024;
const CLOSE_TIMEOUT_MS = 2000;
const NOTHING = Buffer.alloc(0);

/**
 * A transport of bytes by `fetch`, over a session at a server. The server's bytes arrive in one long answer. The client's bytes
 * are sent in requests, one after the other.
 */
export class TunnelTransport implements Transport {
  readonly accepts = 'Buffers';
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  /** Subprotocol that the server chose. */
  subprotocol: string | undefined = undefined;
  unsentBytes = 0;
  private readonly terms: TunnelTransportTerms;
  private readonly life = new AbortController();
  private sink: TransportSink | undefined = undefined;
  private session: Buffer = NOTHING;
  private isOpen = false;
  private isClosing = false;
  private isOver = false;
  private timer: Timer | undefined = undefined;
  // Input
  private stream: AnswerReader | undefined = undefined;
  private readonly events = new EventStreamReader((name, data) => this.eventRead(name, data));
  private readonly arrived = new ByteBlocks();
  private mayRead = false;
  private isReading = false;
  private hasPeerEnded = false;
  private isEndReported = false;
  // Output
  private number = 0;
  private isWriting = false;
  private hasEnded = false;

  constructor(terms: TunnelTransportTerms) {
    this.terms = terms;
  }

  get isActive(): boolean {
    return this.isOpen && !this.isClosing && !this.isOver;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    this.ask().catch((error: unknown) => this.refuse(unreachable(this.terms.url, toError(error))));
  }

  private async ask(): Promise<void> {
    const { clock, url, subprotocols, answerTimeoutMs } = this.terms;
    if (Number.isFinite(answerTimeoutMs)) {
      const late = (): void => this.refuse(buffered(url, answerTimeoutMs));
      this.timer = clock.schedule(late, answerTimeoutMs);
    }
    const { status, body } = await this.post(openBody({ subprotocols }), this.life.signal);
    if (this.isOver) void body?.cancel().catch(ignore);
    else if (status !== 200 || body === null) this.refuse(refused(url, status));
    else {
      this.stream = body.getReader();
      // Detects a cut even while earlier input has not been read.
      this.stream.closed.catch(() => this.cut());
      this.readOn();
    }
  }

  private opened(data: string): void {
    const { url, subprotocols } = this.terms;
    const opened = openedBy(data);
    if (opened === undefined) {
      const text = `the answer of ${shownUrl(url)} is not the answer of a server for tunnels`;
      this.refuse(new DecodeError('MESSAGE_INVALID', text));
      return;
    }
    const { session, subprotocol } = opened;
    this.session = session;
    this.subprotocol = subprotocol;
    this.timer?.cancel();
    if (subprotocols.length > 0 && !subprotocols.includes(subprotocol ?? '')) {
      const text = `the server at ${shownUrl(url)} speaks none of the subprotocols ${subprotocols.join(', ')}`;
      this.refuse(new ChannelError('CHANNEL_FAILED', text));
      return;
    }
    const probes = Array.from({ length: PROBES }, () => this.send(0, NOTHING));
    Promise.all(probes).then(
      () => {
        if (this.isOver) return;
        this.isOpen = true;
        this.sink?.connected();
      },
      (error: unknown) => this.refuse(toError(error)),
    );
  }

  /** Fails a connect: no session exists. */
  private refuse(error: Error): void {
    if (this.isOver) return;
    this.leave();
    this.sink?.failed(error);
  }

  // --- input ---

  requestRead(): void {
    this.mayRead = true;
    this.terms.clock.nextTurn(() => this.deliver());
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  /**
   * Starts a read, if none is under way. A read also detects a cut connection. While too many bytes are unread, no read starts,
   * and back-pressure stops the server.
   */
  private readOn(): void {
    const { stream, arrived } = this;
    if (this.isReading || this.isOver || this.hasPeerEnded || stream === undefined) return;
    if (arrived.size >= MAX_ARRIVED_BYTES) return;
    this.isReading = true;
    stream.read().then(
      ({ value }) => {
        this.isReading = false;
        if (value === undefined) this.cut();
        else this.received(value);
      },
      () => this.cut(),
    );
  }

  private received(bytes: Uint8Array): void {
    if (this.isOver) return;
    try {
      this.events.push(bytes);
    } catch (error) {
      this.fail(toError(error));
      return;
    }
    this.deliver();
    this.readOn();
  }

  private eventRead(name: string, data: string): void {
    if (name === '') this.arrived.push(Buffer.from(data, 'base64'));
    else if (name === OPEN_EVENT && this.session === NOTHING) this.opened(data);
    else if (name === END_EVENT) this.hasPeerEnded = true;
  }

  private deliver(): void {
    const { arrived, sink } = this;
    if (!this.mayRead || !this.isActive || sink === undefined) return;
    if (arrived.size > 0) {
      this.mayRead = false;
      sink.received(arrived.takeAll());
      sink.readComplete();
      this.readOn();
    } else if (this.hasPeerEnded && !this.isEndReported) {
      this.mayRead = false;
      this.isEndReported = true;
      sink.inputEnded();
    }
  }

  /** Handles an answer that stopped. A complete answer reports its end before it stops. */
  private cut(): void {
    if (!this.hasPeerEnded) this.fail(cutOff('the answer of the server was cut'));
  }

  // --- output ---

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (bytes === 0) return true;
    if (!this.isActive) return false;
    this.unsentBytes = bytes;
    this.isWriting = true;
    const all = Buffer.concat(messages.map((message) => toBuffer(message as Buffer)));
    this.sendAll(all).then(
      () => this.written(),
      (error: unknown) => this.fail(toError(error)),
    );
    return false;
  }

  private async sendAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && this.isActive; at += MAX_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + MAX_PIECE_BYTES);
      await this.send(++this.number, piece);
      this.unsentBytes -= piece.length;
    }
  }

  private written(): void {
    this.isWriting = false;
    if (!this.isClosing) {
      if (!this.isOver) this.sink?.written();
    } else if (this.unsentBytes > 0) this.abort();
    else this.sayGoodbye();
  }

  /**
   * Resolves when the server has room for more bytes. A request without an answer is repeated with the same number, so the server
   * accepts its bytes once.
   */
  private async send(number: number, bytes: Buffer, isLast = false): Promise<void> {
    const { url } = this.terms;
    const { session } = this;
    let body = bytesBody({ session, number, isLast, bytes });
    for (let failures = 0; ; ) {
      const status = await this.statusOf(body, failures === 0 && body.length <= KEEPALIVE_BYTES);
      if (status === READ) return;
      if (this.isOver) throw cutOff('the session is over');
      if (status === WAITS) {
        body = bytesBody({ session, number, isLast, bytes: NOTHING });
        failures = 0;
        continue;
      }
      if (status === ELSEWHERE || (status === UNKNOWN && !this.isOpen)) throw elsewhere(url);
      const isPassing = status === 0 || status >= 500;
      if (!isPassing || failures === REPEATS) throw cutOff(answered(status));
      failures += 1;
      await this.pause(FIRST_PAUSE_MS * 2 ** failures);
    }
  }

  /** Waits. Rejects if the session ends meanwhile. */
  private pause(waitMs: number): Promise<void> {
    const { life, terms } = this;
    return attempted(
      (signal) =>
        new Promise<void>((resolve) => {
          const timer = terms.clock.schedule(resolve, waitMs);
          signal.onabort = () => timer.cancel();
        }),
      { signal: life.signal },
    );
  }

  /** Returns the status of the answer; 0 for no answer. */
  private async statusOf(body: Buffer, keepalive: boolean): Promise<number> {
    const { life, terms } = this;
    const error = (): Error => new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`);
    const limit = { clock: terms.clock, timeoutMs: ANSWER_TIMEOUT_MS, error };
    try {
      const answer = await attempted((signal) => this.post(body, signal, keepalive), {
        signal: life.signal,
        limit,
      });
      await answer.body?.cancel();
      return answer.status;
    } catch {
      return 0;
    }
  }

  private post(body: Buffer, signal: AbortSignal, keepalive = false): Promise<FetchedAnswer> {
    const { url, headers, fetch } = this.terms;
    return fetch(url, {
      method: 'POST',
      body: body as Uint8Array<ArrayBuffer>,
      headers,
      signal,
      cache: 'no-store',
      credentials: 'include',
      redirect: 'error',
      keepalive,
    });
  }

  // --- the end ---

  shutdownOutput(): void {
    this.hasEnded = true;
    this.send(++this.number, NOTHING, true).then(
      () => {
        if (!this.isOver) this.sink?.outputEnded();
      },
      (error: unknown) => this.fail(toError(error)),
    );
  }

  close(): void {
    if (this.isOver || !this.isOpen) this.abort();
    else if (!this.isClosing) {
      this.isClosing = true;
      this.timer = this.terms.clock.deadlines.schedule(() => this.abort(), CLOSE_TIMEOUT_MS);
      if (!this.isWriting) this.sayGoodbye();
    }
  }

  abort(): void {
    this.leave();
    const { sink } = this;
    this.sink = undefined;
    if (sink !== undefined) this.terms.clock.execute(() => sink.disconnected());
  }

  /** Sends the end of the output. Without this end, the server would report a cut connection. */
  private sayGoodbye(): void {
    if (this.hasEnded) {
      this.abort();
      return;
    }
    this.hasEnded = true;
    const over = (): void => this.abort();
    this.send(++this.number, NOTHING, true).then(over, over);
  }

  private fail(error: Error): void {
    if (this.isOver) return;
    if (!this.isOpen) {
      this.refuse(error);
      return;
    }
    const { sink, isClosing } = this;
    this.leave();
    if (!isClosing) sink?.failed(error);
    this.abort();
  }

  private leave(): void {
    this.isOver = true;
    this.timer?.cancel();
    this.arrived.clear();
    this.life.abort();
  }
}

const ignore = (): void => {};

function answered(status: number): string {
  return status === 0 ? 'a request got no answer' : `a request got the HTTP status ${status}`;
}

function cutOff(why: string): Error {
  return systemError('ECONNRESET', `read ECONNRESET (${why})`);
}

function unreachable(address: string, cause: Error): ChannelError {
  const url = shownUrl(address);
  const text = `no answer from ${url} (${cause.message})`;
  return new ChannelError('CHANNEL_REFUSED', text, { url }, cause);
}

function refused(address: string, statusCode: number): ChannelError {
  const url = shownUrl(address);
  const text = `${url} refused to carry a WebSocket over HTTP, with the HTTP status ${statusCode}`;
  return new ChannelError('CHANNEL_REFUSED', text, { url, statusCode });
}

function buffered(address: string, timeoutMs: number): ChannelError {
  const url = shownUrl(address);
  const text =
    `nothing of the answer of ${url} came within ${timeoutMs} ms: ` +
    'a proxy holds answers back until they are whole, or the server is too slow';
  return new ChannelError(WEB_SOCKET_ERRORS.TUNNEL_BUFFERED, text, { url, timeoutMs });
}

function elsewhere(address: string): ChannelError {
  const url = shownUrl(address);
  const text =
    `requests to ${url} reach another server than the one that has the session: ` +
    'several servers need sticky sessions at their balancer for WebSockets over HTTP';
  return new ChannelError(WEB_SOCKET_ERRORS.TUNNEL_ELSEWHERE, text, { url });
}
