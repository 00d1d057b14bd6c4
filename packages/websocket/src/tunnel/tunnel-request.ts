import { Buffer } from 'node:buffer';

// The bodies of a tunnel's requests. All requests are POSTs to the path of the WebSocket, without a
// content type. A browser then sends the page's origin in each request, and does not send a
// preflight request first.

/** Requests a session. JSON follows. The answer is the stream of events with the server's bytes. */
const OPEN = 1;
/** Sends bytes of a session: the session's id, the number of the request, the flag for the last request, and the bytes. */
const BYTES = 2;

/** Length of the part of a session's id that names the session's server. */
export const SERVER_ID_BYTES = 8;
/** Length of a session's id, of which 16 bytes are secret. */
export const SESSION_ID_BYTES = 24;
const HEAD_BYTES = 1 + SESSION_ID_BYTES + 4 + 1;

/** Maximum number of a session's bytes in one request. */
export const MAX_PIECE_BYTES = 64 * 1024;
/** Maximum length of a request's body. */
export const MAX_BODY_BYTES = HEAD_BYTES + MAX_PIECE_BYTES;

/** The bytes were accepted, and the server has room for more. */
export const READ = 204;
/** The bytes were accepted, but the server has no room. The client repeats the number without bytes. */
export const WAITS = 202;
/** The session does not exist, or has ended. */
export const UNKNOWN = 404;
/** A number was skipped, a request did not wait for the previous request, or a request followed the last request. */
export const GAP = 409;
/** The session lives on another server. The status is not 421, because `fetch` repeats such a request by itself. */
export const ELSEWHERE = 412;

/** The request for a session. */
export interface OpenRequest {
  readonly subprotocols: readonly string[];
}

/** Bytes of a session. */
export interface BytesRequest {
  readonly session: Buffer;
  /** Number of the request, starting at 1; 0 carries no bytes. A repeated number is not accepted again. */
  readonly number: number;
  /** Whether the client's output ends after these bytes. */
  readonly isLast: boolean;
  readonly bytes: Buffer;
}

export function openBody(request: OpenRequest): Buffer {
  return Buffer.concat([Buffer.from([OPEN]), Buffer.from(JSON.stringify(request))]);
}

export function bytesBody({ session, number, isLast, bytes }: BytesRequest): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = BYTES;
  head.set(session, 1);
  head.writeUInt32BE(number, 1 + SESSION_ID_BYTES);
  head[HEAD_BYTES - 1] = isLast ? 1 : 0;
  return Buffer.concat([head, bytes]);
}

/** @returns `undefined` for a body that is not a request of a tunnel */
export function readBody(body: Buffer): OpenRequest | BytesRequest | undefined {
  if (body[0] === OPEN) return readOpen(body.toString('utf8', 1));
  if (body[0] !== BYTES || body.length < HEAD_BYTES) return undefined;
  return {
    session: body.subarray(1, 1 + SESSION_ID_BYTES),
    number: body.readUInt32BE(1 + SESSION_ID_BYTES),
    isLast: body[HEAD_BYTES - 1] === 1,
    bytes: body.subarray(HEAD_BYTES),
  };
}

/** What the server answers to the request for a session. */
export interface OpenedSession {
  readonly session: Buffer;
  readonly subprotocol: string | undefined;
}

/** @returns `undefined` for data that no server for tunnels sends */
export function openedBy(data: string): OpenedSession | undefined {
  const { session: id, subprotocol } = parsed(data) as Record<string, unknown>;
  const session = Buffer.from(typeof id === 'string' ? id : '', 'base64url');
  const isName = subprotocol === undefined || typeof subprotocol === 'string';
  return session.length === SESSION_ID_BYTES && isName ? { session, subprotocol } : undefined;
}

function readOpen(text: string): OpenRequest | undefined {
  const { subprotocols } = parsed(text) as Partial<OpenRequest>;
  const isList =
    Array.isArray(subprotocols) && subprotocols.every((one) => typeof one === 'string');
  return isList ? { subprotocols } : undefined;
}

function parsed(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
