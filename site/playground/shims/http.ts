// `node:http` within one page, as far as WebSockets need it: a head is read, and its connection is handed over to the
// other protocol. What asks for a page or a file gets 501: nobody can ask from outside.

import { EventEmitter } from '@jspm/core/nodelibs/events';
import type { Duplex } from '@jspm/core/nodelibs/stream';
import { Buffer } from './buffer.ts';

const END_OF_HEAD = '\r\n\r\n';
const MAX_HEADER_BYTES = 16 * 1024;
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const STATUS_CODES: Readonly<Record<number, string>> = {
  101: 'Switching Protocols',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

const failure = (code: string, text: string): Error => Object.assign(new Error(text), { code });

export function validateHeaderName(name: string): void {
  if (!NAME.test(name)) throw failure('ERR_INVALID_HTTP_TOKEN', `"${name}" is not a header's name`);
}

export function validateHeaderValue(name: string, value: unknown): void {
  if (VALUE.test(String(value))) return;
  throw failure('ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
}

export class IncomingMessage extends EventEmitter {
  readonly socket: Duplex;
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly statusCode: number | undefined;
  readonly headers: Record<string, string> = {};
  readonly rawHeaders: string[] = [];

  /** @throws Error for what is not a head */
  constructor(socket: Duplex, head: string) {
    super();
    this.socket = socket;
    const [first = '', ...lines] = head.split('\r\n');
    const [, method, url] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(first) ?? [];
    const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(first) ?? [];
    if (method === undefined && status === undefined)
      throw failure('HPE_INVALID_CONSTANT', 'Parse Error: Expected HTTP/');
    this.method = method;
    this.url = url;
    this.statusCode = status === undefined ? undefined : Number(status);
    for (const line of lines) this.add(line);
  }

  private add(line: string): void {
    const [, name = '', value = ''] = /^([^:]*):[\t ]*(.*?)[\t ]*$/.exec(line) ?? [];
    if (!NAME.test(name))
      throw failure('HPE_INVALID_HEADER_TOKEN', 'Parse Error: Invalid header token');
    this.rawHeaders.push(name, value);
    const before = this.headers[name.toLowerCase()];
    this.headers[name.toLowerCase()] = before === undefined ? value : `${before}, ${value}`;
  }

  get asksForUpgrade(): boolean {
    const { connection = '', upgrade } = this.headers;
    return upgrade !== undefined && /\bupgrade\b/i.test(connection);
  }
}

/** Reads one head from a stream, and leaves what comes after it to others. */
function readHead(
  stream: Duplex,
  maxBytes: number,
  read: (message: IncomingMessage, rest: Buffer) => void,
  failed: (error: Error) => void,
): void {
  let bytes = Buffer.alloc(0);
  const take = (more: Buffer): void => {
    bytes = Buffer.concat([bytes, more]);
    const end = bytes.indexOf(END_OF_HEAD);
    if (end < 0 && bytes.length <= maxBytes) return;
    stream.off('data', take);
    stream.pause();
    if (end < 0 || end > maxBytes) {
      failed(failure('HPE_HEADER_OVERFLOW', 'Parse Error: Header overflow'));
      return;
    }
    let message: IncomingMessage;
    try {
      message = new IncomingMessage(stream, bytes.toString('latin1', 0, end));
    } catch (error) {
      failed(error as Error);
      return;
    }
    read(message, bytes.subarray(end + END_OF_HEAD.length));
  };
  stream.on('data', take);
}

export class Server extends EventEmitter {
  constructor({ maxHeaderSize = MAX_HEADER_BYTES }: { maxHeaderSize?: number } = {}) {
    super();
    this.on('connection', (stream: Duplex) => {
      readHead(
        stream,
        maxHeaderSize,
        (request, rest) => this.asked(request, rest),
        (error) => this.emit('clientError', error, stream),
      );
    });
  }

  private asked(request: IncomingMessage, rest: Buffer): void {
    if (request.asksForUpgrade) this.emit('upgrade', request, request.socket, rest);
    else {
      const head = `HTTP/1.1 501 ${STATUS_CODES[501]}\r\nConnection: close\r\nContent-Length: 0`;
      request.socket.end(head + END_OF_HEAD);
    }
  }
}

export function createServer(options?: { maxHeaderSize?: number }): Server {
  return new Server(options);
}

/** Only a request with a body has one here, and no client in the page sends a body. */
export class ServerResponse {
  constructor() {
    throw failure(
      'ERR_METHOD_NOT_IMPLEMENTED',
      'a server in a page answers no requests with a body',
    );
  }
}

interface RequestOptions {
  createConnection(): Duplex;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request without a body, on a connection that is there. */
export class ClientRequest extends EventEmitter {
  private readonly options: RequestOptions;

  constructor(options: RequestOptions) {
    super();
    this.options = options;
  }

  end(): this {
    const { createConnection, host, port, path, headers } = this.options;
    const stream = createConnection();
    const failed = (error: Error): void => void this.emit('error', error);
    const hangUp = (): void => failed(failure('ECONNRESET', 'socket hang up'));
    stream.once('close', hangUp);
    readHead(
      stream,
      MAX_HEADER_BYTES,
      (answer, rest) => {
        stream.off('close', hangUp);
        const isUpgrade = answer.statusCode === 101 && answer.asksForUpgrade;
        this.emit(isUpgrade ? 'upgrade' : 'response', answer, stream, rest);
      },
      failed,
    );
    const lines = Object.entries({ Host: `${host}:${port}`, ...headers });
    const head = [`GET ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    stream.write(head.join('\r\n') + END_OF_HEAD);
    return this;
  }
}

export function request(options: RequestOptions): ClientRequest {
  return new ClientRequest(options);
}

export default {
  ClientRequest,
  IncomingMessage,
  STATUS_CODES,
  Server,
  ServerResponse,
  createServer,
  request,
  validateHeaderName,
  validateHeaderValue,
};
