// What a browser gets: the page's files, and the WebSocket on /ws.
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestPath } from '@headrace/core/authoring';
import { HttpEndpoint, type WebSocketAcceptor } from '@headrace/websocket';
import { MAX_MESSAGE_BYTES } from 'headrace-example-broadcast-chat';
import type { Settings } from './settings.ts';

const FOLDER = new URL('../public/', import.meta.url);
/** Makes the page's program from its source. An image has no bundler, and the program among the page's files. */
const BUNDLER = new URL('../bundle-page.mjs', import.meta.url);

interface PageFile {
  readonly type: string;
  content(): Buffer | Promise<Buffer>;
}

/** By path. All are read when the server starts: a missing file ends the start, and surprises no visitor. */
type PageFiles = ReadonlyMap<string, PageFile>;

const HEADERS = {
  // The page may load and connect to nothing but its own server, and no other site may frame it.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
  // A kept connection would only take a place from the WebSocket.
  Connection: 'close',
};

/** Serves connections that speak HTTP. */
export function pageEndpoint(settings: Settings, webSocket: WebSocketAcceptor): HttpEndpoint {
  const files = readFiles(settings);
  const { allowedOrigins, authSeconds, maxOutboundBytes } = settings;
  return new HttpEndpoint({
    webSocket,
    webSocketPath: '/ws',
    webSocketOptions: { maxOutboundBytes, hooks: { writeFailed() {} } },
    maxMessageBytes: MAX_MESSAGE_BYTES,
    request: (request, response) => answer(files, request, response),
    allowOrigin: allowedOrigins,
    timeoutMs: authSeconds * 1000,
  });
}

function readFiles({ readerIdleSeconds, tokens }: Settings): PageFiles {
  const read = (name: string): Buffer => readFileSync(new URL(name, FOLDER));
  const file = (type: string, content: Buffer): PageFile => ({ type, content: () => content });
  const html = String(read('index.html'))
    .replace(/data-idle-seconds="[^"]*"/, `data-idle-seconds="${readerIdleSeconds}"`)
    .replace(/data-token="[^"]*"/, `data-token="${tokens === undefined ? 'none' : 'required'}"`);
  return new Map([
    ['/', file('text/html; charset=utf-8', Buffer.from(html))],
    ['/style.css', file('text/css; charset=utf-8', read('style.css'))],
    ['/favicon.svg', file('image/svg+xml', read('favicon.svg'))],
    ['/main.js', { type: 'text/javascript; charset=utf-8', content: pageProgram() }],
  ]);
}

/** The program in one file: bundled by the first who asks, as that takes a second. */
function pageProgram(): () => Buffer | Promise<Buffer> {
  const ready = new URL('main.js', FOLDER);
  if (existsSync(ready)) {
    const program = readFileSync(ready);
    return () => program;
  }
  let bundled: Promise<Buffer> | undefined;
  return () => {
    bundled ??= bundle();
    return bundled;
  };
}

async function bundle(): Promise<Buffer> {
  const { bundlePage } = (await import(BUNDLER.href)) as { bundlePage(): Promise<string> };
  return Buffer.from(await bundlePage());
}

async function answer(
  files: PageFiles,
  { method = '', url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const say = (status: number, text: string, headers = {}): void => {
    const type = { 'Content-Type': 'text/plain; charset=utf-8' };
    response.writeHead(status, { ...HEADERS, ...type, ...headers }).end(`${text}\n`);
  };
  const file = files.get(requestPath(url));
  if (method !== 'GET' && method !== 'HEAD') say(405, 'Method not allowed', { Allow: 'GET, HEAD' });
  else if (file === undefined) say(404, 'Not found');
  else {
    const content = await file.content();
    const headers = { 'Content-Type': file.type, 'Content-Length': content.length };
    response.writeHead(200, { ...HEADERS, ...headers });
    response.end(method === 'HEAD' ? undefined : content);
  }
}
