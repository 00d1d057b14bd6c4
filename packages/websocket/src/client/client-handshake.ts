import { randomBytes } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import {
  type ChannelDuplex,
  ChannelError,
  type Context,
  DecodeError,
  DuplexHandler,
  type Handler,
} from '@headrace/core';
import {
  keepLoan,
  rememberMethods,
  retryAfter,
  shownUrl,
  socketHost,
} from '@headrace/core/authoring';
import { type DeflateTerms, deflateOfAnswer, offerOf } from '../socket/compression.ts';
import type { AgreedTerms, FrameTransport } from '../socket/frame-transport.ts';
import { acceptOf } from '../socket/handshake-key.ts';

/** The request of a client. */
export interface ClientTerms {
  readonly url: URL;
  /** Path and query of the request. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly origin: string | undefined;
  readonly subprotocols: readonly string[];
  /** `undefined` if nothing is compressed. */
  readonly deflate: DeflateTerms | undefined;
}

/**
 * Requests a WebSocket on the connection that carries it, and checks the answer (RFC 6455, section 4.1). Node's HTTP client
 * parses the answer. After the handshake, this handler passes the frames of the connection on.
 */
export class ClientHandshake implements Handler {
  private readonly frames: FrameTransport;
  private readonly terms: ClientTerms;
  /** The stream of the HTTP client; unused after the handshake. */
  private duplex: DuplexHandler | undefined;

  constructor(frames: FrameTransport, terms: ClientTerms) {
    this.frames = frames;
    this.terms = terms;
    this.duplex = new DuplexHandler((stream) => this.ask(stream));
  }

  get keepsReads(): false {
    return KEEPS_READS;
  }

  handlerAdded(ctx: Context): void {
    this.frames.carriedBy(ctx);
    this.duplex?.handlerAdded(ctx);
  }

  channelActive(ctx: Context): void {
    this.duplex?.channelActive(ctx);
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    if (this.duplex === undefined) {
      this.frames.receive(bytes);
      return;
    }
    keepLoan();
    this.duplex.channelRead(ctx, bytes);
  }

  channelReadComplete(): void {
    if (this.duplex === undefined) this.frames.endRead();
  }

  channelShutdown(ctx: Context, direction: 'input' | 'output'): void {
    if (this.duplex !== undefined) this.duplex.channelShutdown(ctx, direction);
    else if (direction === 'input') this.frames.inputEnded();
  }

  channelInactive(ctx: Context): void {
    if (this.duplex === undefined) this.frames.gone();
    else this.duplex.channelInactive(ctx);
  }

  handlerRemoved(): void {
    this.duplex?.handlerRemoved();
  }

  private ask(stream: ChannelDuplex): void {
    const key = randomBytes(16).toString('base64');
    const asked = requestOf(this.terms, key, stream);
    asked.on('upgrade', (answer, _stream, rest: Buffer) =>
      this.answered(stream, key, answer, rest),
    );
    asked.on('response', (answer) => {
      const isUpgrade = answer.statusCode === 101;
      const error = isUpgrade ? this.broken('no Upgrade header') : refused(this.terms.url, answer);
      this.frames.refuse(error);
    });
    asked.on('error', (error) => this.frames.refuse(error));
    asked.end();
  }

  private answered(
    stream: ChannelDuplex,
    key: string,
    answer: IncomingMessage,
    rest: Buffer,
  ): void {
    let agreed: AgreedTerms;
    try {
      agreed = agreedBy(answer, key, this.terms);
    } catch (error) {
      this.frames.refuse(this.broken((error as Error).message));
      return;
    }
    this.duplex = undefined;
    // The stream's bytes follow the bytes that Node passed. Reading the stream releases the
    // channel's hold.
    const more = stream.read() as Buffer | null;
    this.frames.opened(agreed, more === null ? rest : Buffer.concat([rest, more]));
  }

  private broken(why: string): DecodeError {
    const text = `${shownUrl(this.terms.url)} did not answer as a WebSocket (${why})`;
    return new DecodeError('MESSAGE_INVALID', text);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(ClientHandshake);

function requestOf(terms: ClientTerms, key: string, stream: ChannelDuplex): ClientRequest {
  const { url, path, subprotocols, deflate, origin } = terms;
  const isSecure = url.protocol === 'wss:';
  const defaultPort = isSecure ? 443 : 80;
  const { username, password } = url;
  return request({
    createConnection: () => stream,
    host: socketHost(url.hostname) || 'localhost',
    port: url.port === '' ? defaultPort : Number(url.port),
    defaultPort,
    path,
    ...((username !== '' || password !== '') && {
      auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
    }),
    headers: {
      ...terms.headers,
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      ...(origin !== undefined && { Origin: origin }),
      ...(subprotocols.length > 0 && { 'Sec-WebSocket-Protocol': subprotocols.join(',') }),
      ...(deflate !== undefined && { 'Sec-WebSocket-Extensions': offerOf(deflate) }),
    },
  });
}

/** @throws Error for an answer that does not open the requested WebSocket */
function agreedBy({ headers }: IncomingMessage, key: string, terms: ClientTerms): AgreedTerms {
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw new Error('Invalid Upgrade header');
  if (headers['sec-websocket-accept'] !== acceptOf(key)) {
    throw new Error('Invalid Sec-WebSocket-Accept header');
  }
  const subprotocol = headers['sec-websocket-protocol'];
  const { subprotocols } = terms;
  if (subprotocol === undefined && subprotocols.length > 0) {
    throw new Error('Server sent no subprotocol');
  }
  if (subprotocol !== undefined && !subprotocols.includes(subprotocol)) {
    throw new Error(`Server chose the subprotocol ${JSON.stringify(subprotocol)}`);
  }
  const extensions = headers['sec-websocket-extensions'];
  const deflate = extensions === undefined ? undefined : deflateOfAnswer(extensions, terms.deflate);
  return { subprotocol, deflate };
}

function refused(url: URL, { statusCode, headers }: IncomingMessage): ChannelError {
  const text = `${shownUrl(url)} refused the WebSocket with the HTTP status ${statusCode}`;
  return new ChannelError('CHANNEL_REFUSED', text, {
    statusCode,
    ...retryAfter(headers['retry-after']),
  });
}
