// When the first screen is drawn on a slow phone: Chromium with a slower processor, behind a link with delay and little bandwidth.
import { existsSync, readFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { generate } from 'selfsigned';
import { BASE } from './base.ts';
import { CHROMIUM } from './card.ts';

/** The mobile profile of Lighthouse: 150 ms there and back, 1.6 Mbit/s, a processor that is four times slower. */
const ROUND_TRIP_MS = 150;
const BYTES_PER_MS = 200;
const SLOWER_BY = 4;
const SEGMENT = 1400;
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true };
const FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Passes chunks on in their order, each not before its time. */
function delayed(to: (chunk: Buffer) => void): (chunk: Buffer, at: number) => void {
  let last = 0;
  let before = Promise.resolve();
  return (chunk, at) => {
    last = Math.max(last, at);
    const due = last;
    before = before.then(async () => {
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      to(chunk);
    });
  };
}

/** A link to `port`. A connection takes a round trip to begin with, and all connections share the bandwidth. */
function slowLink(port: number): Server {
  let isFreeAt = 0;
  return createServer((near: Socket) => {
    const far = connect(port, '127.0.0.1');
    const isUpAt = performance.now() + ROUND_TRIP_MS;
    const toFar = delayed((chunk) => far.write(chunk));
    const toNear = delayed((chunk) => near.write(chunk));
    near.on('data', (chunk) =>
      toFar(chunk, Math.max(performance.now(), isUpAt) + ROUND_TRIP_MS / 2),
    );
    far.on('data', (chunk) => {
      for (let at = 0; at < chunk.length; at += SEGMENT) {
        const segment = chunk.subarray(at, at + SEGMENT);
        isFreeAt = Math.max(isFreeAt, performance.now()) + segment.length / BYTES_PER_MS;
        toNear(segment, isFreeAt + ROUND_TRIP_MS / 2);
      }
    });
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
}

/** The built site over HTTP/2 and TLS, compressed, as a host of pages serves it. */
async function siteServer(dist: string): Promise<Http2SecureServer> {
  const compressed = new Map<string, Buffer>();
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  return createSecureServer({ key, cert }, (request, response) => {
    const path = new URL(request.url, 'https://localhost').pathname.slice(BASE.length - 1);
    const file = join(dist, path.endsWith('/') ? `${path}index.html` : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' });
    // Compressed once: the link, in this process, would stand still meanwhile.
    const bytes = compressed.get(file) ?? gzipSync(readFileSync(file));
    compressed.set(file, bytes);
    response.end(bytes);
  });
}

async function portOf(server: Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Milliseconds from the request for the home page to its first contents, connection and TLS included, once for each run. */
export async function paintTimes(dist: string, runs: number): Promise<number[]> {
  const server = await siteServer(dist);
  const link = slowLink(await portOf(server));
  const address = `https://localhost:${await portOf(link)}${BASE}`;
  // A context that ignores such errors connects a second time.
  const args = ['--no-sandbox', '--ignore-certificate-errors'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const context = await browser.newContext(PHONE);
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER_BY });
    await page.goto(address, { waitUntil: 'networkidle' });
    const first = await page.waitForFunction(FIRST_PAINT);
    times.push(Math.round(await first.evaluate((startTime: number) => startTime)));
    await context.close();
  }
  await browser.close();
  link.close();
  server.close();
  return times;
}
