import { Buffer } from 'node:buffer';
import {
  type ByteEnd,
  ChannelError,
  type Clock,
  DecodeError,
  type EndUser,
  type Timer,
} from '@headrace/core';
import {
  attempted,
  ByteBlocks,
  retryAfter,
  shownUrl,
  systemError,
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
  /** @default none */
  readonly headers?: { get(name: string): string | null };
  readonly body: { getReader(): AnswerReader; cancel(): Promise<void> } | null;
}

/** Reads the body of an answer. */
export interface AnswerReader {
  readonly closed: Promise<unknown>;
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

/** The parameters of a {@link TunnelEnd}. */
export interface TunnelEndTerms {
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
const MAX_UNREAD_BYTES = 64 * 1024;
const CLOSE_TIMEOUT_MS = 2000;
const NOTHING = Buffer.alloc(0);

/**
 * The client's end of a session at a server, by `fetch`. The server's bytes arrive in one long answer. The client's bytes are sent
 * in requests, one after the other. The channel of the session uses a `MemoryTransport`.
 */
export class TunnelEnd implements ByteEnd {
  readonly local = undefined;
  readonly remote = undefined;
  readonly reportsError = true;
  /** Subprotocol that the server chose. */
  subprotocol: string | undefined = undefined;
  user: EndUser | undefined = undefined;
  error: Error | undefined = undefined;
  isOpen = false;
  isGone = false;
  hasInputEnded = false;
  private readonly terms: TunnelEndTerms;
  private readonly life = new AbortController();
  private session: Buffer = NOTHING;
  private timer: Timer | undefined = undefined;
  // Input
  private stream: AnswerReader | undefined = undefined;
  private readonly events = new EventStreamReader((name, data) => this.eventRead(name, data));
  private readonly input = new ByteBlocks();
  private isReading = false;
  // Output
  private readonly output = new ByteBlocks();
  private number = 0;
  /** Bytes of the request that is under way. */
  private sending: Buffer | undefined = undefined;
  private isFinished = false;
  /** Whether a close has cut the output, so that the server must not take it for the whole. */
  private isCut = false;
  /** Whether the last request was made. */
  private isOutputOver = false;

  constructor(terms: TunnelEndTerms) {
    this.terms = terms;
  }

  get unreadBytes(): number {
    return this.input.size;
  }

  /** The output that waits is sent in one request. */
  get room(): number {
    return this.isFinished || !this.isOpen ? 0 : MAX_PIECE_BYTES - this.output.size;
  }

  get unacknowledgedBytes(): number {
    return this.output.size + (this.sending?.length ?? 0);
  }

  /** Asks the server for a session. */
  dial(): undefined {
    this.ask().catch((error: unknown) => this.fail(unreachable(this.terms.url, toError(error))));
  }

  private async ask(): Promise<void> {
    const { clock, url, subprotocols, answerTimeoutMs } = this.terms;
    if (Number.isFinite(answerTimeoutMs)) {
      const late = (): void => this.fail(buffered(url, answerTimeoutMs));
      this.timer = clock.schedule(late, answerTimeoutMs);
    }
    const { status, body, headers } = await this.fetch(
      openBody({ subprotocols }),
      this.life.signal,
    );
    if (this.isGone) void body?.cancel().catch(ignore);
    else if (status !== 200 || body === null) {
      this.fail(refused(url, status, headers));
    } else {
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
      this.fail(new DecodeError('MESSAGE_INVALID', text));
      return;
    }
    const { session, subprotocol } = opened;
    this.session = session;
    this.subprotocol = subprotocol;
    this.timer?.cancel();
    if (subprotocols.length > 0 && !subprotocols.includes(subprotocol ?? '')) {
      const text = `the server at ${shownUrl(url)} speaks none of the subprotocols ${subprotocols.join(', ')}`;
      this.fail(new ChannelError('CHANNEL_FAILED', text));
      return;
    }
    const probes = Array.from({ length: PROBES }, () => this.post(0, NOTHING));
    Promise.all(probes).then(
      () => {
        if (this.isGone) return;
        this.isOpen = true;
        this.sendNext();
        this.user?.wake();
      },
      (error: unknown) => this.fail(toError(error)),
    );
  }

  // --- input ---

  take(): Buffer | undefined {
    if (this.input.size === 0) return undefined;
    const all = this.input.takeAll();
    this.readOn();
    return all;
  }

  /**
   * Starts a read, if none is under way. A read also detects a cut connection. While too many bytes are unread, no read starts,
   * and back-pressure stops the server.
   */
  private readOn(): void {
    const { stream, input } = this;
    if (this.isReading || this.isGone || this.hasInputEnded || stream === undefined) return;
    if (input.size >= MAX_UNREAD_BYTES) return;
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
    if (this.isGone) return;
    try {
      this.events.push(bytes);
    } catch (error) {
      this.fail(toError(error));
    }
    this.user?.wake();
    this.readOn();
  }

  private eventRead(name: string, data: string): void {
    if (name === '') this.input.push(Buffer.from(data, 'base64'));
    else if (name === OPEN_EVENT && this.session === NOTHING) this.opened(data);
    else if (name === END_EVENT) this.hasInputEnded = true;
  }

  /** Handles an answer that stopped. A complete answer reports its end before it stops. */
  private cut(): void {
    if (!this.hasInputEnded) this.fail(cutOff('the answer of the server was cut'));
  }

  // --- output ---

  send(chunk: Buffer): void {
    this.output.push(chunk);
    this.sendNext();
  }

  finish(): void {
    this.isFinished = true;
    this.sendNext();
  }

  /** Sends everything that waits in one request, unless a request is under way. */
  private sendNext(): void {
    const { output, isFinished } = this;
    if (!this.isOpen || this.sending !== undefined || this.isOutputOver) return;
    if (output.size === 0 && !isFinished) return;
    this.sending = output.takeAll();
    this.isOutputOver = isFinished;
    this.post(++this.number, this.sending, isFinished && !this.isCut).then(
      () => this.sent(),
      (error: unknown) => this.fail(toError(error)),
    );
  }

  private sent(): void {
    this.sending = undefined;
    if (this.isOutputOver && this.user === undefined) this.drop();
    this.sendNext();
    this.user?.wake();
  }

  /**
   * Resolves when the server has room for more bytes. A request without an answer is repeated with the same number, so the server
   * accepts its bytes once.
   */
  private async post(number: number, bytes: Buffer, isLast = false): Promise<void> {
    const { url } = this.terms;
    const { session } = this;
    let body = bytesBody({ session, number, isLast, bytes });
    for (let failures = 0; ; ) {
      const status = await this.statusOf(body, failures === 0 && body.length <= KEEPALIVE_BYTES);
      if (status === READ) return;
      if (this.isGone) throw cutOff('the session is over');
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
      const answer = await attempted((signal) => this.fetch(body, signal, keepalive), {
        signal: life.signal,
        limit,
      });
      await answer.body?.cancel();
      return answer.status;
    } catch {
      return 0;
    }
  }

  private fetch(body: Buffer, signal: AbortSignal, keepalive = false): Promise<FetchedAnswer> {
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

  /** Sends the rest of the output and its end. Without this end, the server would report a cut connection. */
  close(): void {
    this.user = undefined;
    this.finish();
    if (this.sending === undefined) this.drop();
    else this.timer = this.terms.clock.deadlines.schedule(() => this.drop(), CLOSE_TIMEOUT_MS);
  }

  reset(isAfterOutput = false): void {
    this.isCut = isAfterOutput;
    if (isAfterOutput) this.close();
    else {
      this.user = undefined;
      this.drop();
    }
  }

  private drop(): void {
    this.input.clear();
    this.leave();
  }

  /** Ends the session with an error. Bytes that have arrived can still be read. */
  private fail(error: Error): void {
    if (this.isGone) return;
    this.error = error;
    this.leave();
    this.user?.wake();
  }

  private leave(): void {
    this.isGone = true;
    this.isOpen = false;
    this.timer?.cancel();
    this.output.clear();
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

function refused(
  address: string,
  statusCode: number,
  headers: FetchedAnswer['headers'],
): ChannelError {
  const url = shownUrl(address);
  const text = `${url} refused to carry a WebSocket over HTTP, with the HTTP status ${statusCode}`;
  return new ChannelError('CHANNEL_REFUSED', text, {
    url,
    statusCode,
    ...retryAfter(headers?.get('retry-after')),
  });
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
