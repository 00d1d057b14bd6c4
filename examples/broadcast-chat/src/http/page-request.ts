import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageFiles } from './page-files.ts';

/** The page may load and connect to nothing but its own server, and no other site may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

/** Answers with a file of the page, or 404. */
export function answerPage(
  files: PageFiles,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method = '', url = '' } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    say(response, 405, 'Method not allowed', { Allow: 'GET, HEAD' });
    return;
  }
  const file = files.get(url.split('?', 1)[0]!);
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
