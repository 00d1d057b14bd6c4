import { Buffer } from 'node:buffer';

// The bodies of a tunnel's requests. All requests are POSTs to the path of the WebSocket, without a content type: so a
// browser names the page's origin in each of them, and asks no server beforehand whether it may send it.

/** Asks for a session; JSON follows. The answer is the stream of events that carries the server's bytes. */
const OPEN = 1;
/** Bytes of a session: its id, a number, whether they are the last, the bytes. */
const BYTES = 2;

/** The part of a session's id that names the server it lives on. */
export const SERVER_ID_BYTES = 8;
/** The whole id; 16 bytes of it are a secret. */
export const SESSION_ID_BYTES = 24;
const HEAD_BYTES = 1 + SESSION_ID_BYTES + 4 + 1;

/** The most bytes of a session that one request carries. */
export const MAX_PIECE_BYTES = 64 * 1024;
/** The longest body of a request. */
export const MAX_BODY_BYTES = HEAD_BYTES + MAX_PIECE_BYTES;

/** The bytes were taken, and there is room for more. */
export const READ = 204;
/** The bytes were taken, and there is no room for more yet: ask again, by the same number without bytes. */
export const WAITS = 202;
/** There is no such session, or no more. */
export const UNKNOWN = 404;
/** A number was left out, a request did not wait for the one before it, or it came behind the last one. */
export const GAP = 409;
/** The session lives on another server. Not 421: `fetch` makes such a request again by itself. */
export const ELSEWHERE = 412;

/** The request for a session. */
export interface OpenRequest {
  readonly subprotocols: readonly string[];
}

/** Bytes of a session. */
export interface BytesRequest {
  readonly session: Buffer;
  /** From 1 on, one more with each request; 0 carries nothing. A number that came before is not taken again. */
  readonly number: number;
  /** The client's half of the session ends behind these bytes. */
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

function readOpen(text: string): OpenRequest | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { subprotocols } = (read ?? {}) as Partial<OpenRequest>;
  const isList =
    Array.isArray(subprotocols) && subprotocols.every((one) => typeof one === 'string');
  return isList ? { subprotocols } : undefined;
}
