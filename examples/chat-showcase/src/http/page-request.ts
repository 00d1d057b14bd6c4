import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServedPage } from './served-page.ts';

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
  // The page is one request: a connection that is kept would only take a place from the WebSocket.
  Connection: 'close',
};

/** Answers with a file of the page, or 404. */
export function answerPage(
  page: ServedPage,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method = '', url = '' } = request;
  response.setHeader('Content-Security-Policy', page.contentSecurityPolicy);
  if (method !== 'GET' && method !== 'HEAD') {
    say(response, 405, 'Method not allowed', { Allow: 'GET, HEAD' });
    return;
  }
  const file = page.file(url.split('?', 1)[0]!);
  if (file === undefined) {
    say(response, 404, 'Not found');
    return;
  }
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': file.type,
    'Content-Length': file.content.length,
  });
  response.end(method === 'HEAD' ? undefined : file.content);
}

function say(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = { 'Content-Type': 'text/plain; charset=utf-8' };
  response.writeHead(status, { ...HEADERS, ...type, ...headers }).end(`${text}\n`);
}
