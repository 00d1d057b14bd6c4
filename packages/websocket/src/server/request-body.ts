import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ByteBlocks } from '@headrace/core/authoring';

/** Reads the body of a request. A body of more than `maxBytes` is answered with 413, and `done` is called with `undefined`. */
export function readRequestBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  done: (body: Buffer | undefined) => void,
): void {
  const body = new ByteBlocks();
  const tooLong = (): void => {
    response.shouldKeepAlive = false;
    answer(response, 413);
    request.removeAllListeners('data').removeAllListeners('end').resume();
    done(undefined);
  };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    tooLong();
    return;
  }
  request.on('data', (piece: Buffer) => {
    if (body.size + piece.length <= maxBytes) body.push(piece);
    else {
      body.clear();
      tooLong();
    }
  });
  request.on('end', () => done(body.takeAll()));
}

/** Header of a refusal during a shutdown. Another server, or the next process, may be ready soon. */
const COME_LATER = { 'Retry-After': '1' };

/** Refuses a new session during a drain, because the session would end at once. */
export function refusedByDrain(
  response: ServerResponse,
  { isDraining }: { readonly isDraining: boolean },
): boolean {
  if (isDraining) answer(response, 503, COME_LATER);
  return isDraining;
}

/** Answers a request of a session without a body. */
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

/**
 * Lets the page read the answer, whose origin is allowed. Without these headers, the browser hides the answer from a page of another
 * site.
 */
export function showToPage({ headers }: IncomingMessage, response: ServerResponse): void {
  const { origin } = headers;
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Vary', 'Origin');
}
