import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageFile } from './page-files.ts';
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

/** Answers with the page, one of its files, or 404. */
export async function answerPage(
  page: ServedPage,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  response.setHeader('Content-Security-Policy', page.contentSecurityPolicy);
  if (method !== 'GET' && method !== 'HEAD') {
    say(response, 405, 'Method not allowed', { Allow: 'GET, HEAD' });
    return;
  }
  const path = url.split('?', 1)[0]!;
  if (path === '/' || path === '/index.html') {
    const { document, contentSecurityPolicy } = await page.document();
    response.setHeader('Content-Security-Policy', contentSecurityPolicy);
    sendFile(response, document, method);
    return;
  }
  const file = page.file(path);
  if (file === undefined) {
    say(response, 404, 'Not found');
    return;
  }
  sendFile(response, file, method);
}

function sendFile(response: ServerResponse, { type, content }: PageFile, method: string): void {
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': type,
    'Content-Length': content.length,
  });
  response.end(method === 'HEAD' ? undefined : content);
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
