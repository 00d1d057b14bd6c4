// One connection for all tabs, in a real Chromium: a shared worker has it.
import { existsSync } from 'node:fs';
import { type Channel, type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { ExchangeHandler } from '@headrace/handlers';
import { HttpEndpoint } from '@headrace/websocket';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundlePage } from '../src/page/bundle.ts';
import { calls } from '../src/tabs/calls.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
const missing = hasChromium ? '' : ` (skipped: no Chromium at ${executablePath})`;

/** What the page's program leaves in its global object. */
interface Tab {
  readonly heard: string[];
  readonly events: string[];
  call(text: string): Promise<string>;
}

describe.runIf(hasChromium)(`one connection for all tabs${missing}`, () => {
  let browser: Browser;
  let context: BrowserContext;
  let server: Server;
  let files: Map<string, readonly [type: string, body: string]>;
  const sockets = new Set<Channel>();
  let opened = 0;
  let cancelled = 0;

  beforeAll(async () => {
    files = new Map([
      ['/', ['text/html', '<script type="module" src="/tab.js"></script>']],
      // As a browser without shared workers.
      [
        '/old',
        [
          'text/html',
          '<script>delete globalThis.SharedWorker</script><script type="module" src="/tab.js"></script>',
        ],
      ],
      ['/tab.js', ['text/javascript', await bundlePage('../tabs/tab.ts')]],
      ['/shared.js', ['text/javascript', await bundlePage('../tabs/shared.ts')]],
    ]);
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    opened = 0;
    cancelled = 0;
    const pipeline = calls((request, { signal }) => {
      const text = String(request);
      if (text === 'for ever') {
        return new Promise<Buffer>((resolve) => {
          signal.addEventListener('abort', () => {
            cancelled += 1;
            resolve(request);
          });
        });
      }
      return Buffer.from(`you said ${text}`);
    });
    const endpoint = new HttpEndpoint({
      webSocket: (channel) => {
        opened += 1;
        pipeline(channel);
        sockets.add(channel as unknown as Channel);
        channel.onClosed(() => sockets.delete(channel as unknown as Channel));
      },
      request: (request, response) => {
        const [type, body] = files.get(request.url ?? '') ?? ['text/plain', ''];
        response.writeHead(200, { 'content-type': type });
        response.end(body);
      },
    });
    server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
      .bind({ host: '127.0.0.1', port: 0 });
    context = await browser.newContext();
  });
  afterEach(async () => {
    await context.close();
    await server.close();
  });

  async function open(path = '/'): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}${path}`);
    return page;
  }
  const call = (page: Page, text: string) =>
    page.evaluate((said) => (globalThis as unknown as Tab).call(said), text);
  const heard = (page: Page) => page.evaluate(() => (globalThis as unknown as Tab).heard);
  const tell = (text: string): void => {
    for (const socket of sockets) socket.pipeline.get(ExchangeHandler)!.notify(Buffer.from(text));
  };

  it('serves 20 tabs: each has its own answers, a notification reaches all, and a cut is mended', async () => {
    const pages: Page[] = [];
    for (let number = 0; number < 20; number++) pages.push(await open());
    const answers = () =>
      Promise.all(pages.map((page, number) => call(page, `hello from tab ${number}`)));
    const expected = pages.map((_, number) => `you said hello from tab ${number}`);
    expect(await answers()).toEqual(expected);
    expect([opened, sockets.size]).toEqual([1, 1]);
    tell('to all');
    for (const page of pages) await expect.poll(() => heard(page)).toEqual(['to all']);

    for (const socket of sockets) socket.abort();
    expect(await answers()).toEqual(expected);
    expect([opened, sockets.size]).toEqual([2, 1]);
    tell('again');
    for (const page of pages) await expect.poll(() => heard(page)).toEqual(['to all', 'again']);
  });

  it('drops the calls of a tab that is closed, and of one that crashes, and ends with the last one', async () => {
    const [stays, closes, crashes] = [await open(), await open(), await open()];
    for (const page of [closes, crashes]) {
      expect(await call(page, 'hello')).toBe('you said hello');
      call(page, 'for ever').catch(() => {});
    }
    // Calls of one tab keep their order, and the calls before this one have been sent.
    expect(await call(closes, 'sent')).toBe('you said sent');
    expect(await call(crashes, 'sent')).toBe('you said sent');
    await closes.close();
    await expect.poll(() => cancelled).toBe(1);
    const debug = await context.newCDPSession(crashes);
    debug.send('Page.crash').catch(() => {});
    await expect.poll(() => cancelled).toBe(2);
    expect(await call(stays, 'still here')).toBe('you said still here');
    expect([opened, sockets.size]).toEqual([1, 1]);
    await stays.close();
    // The tab that crashed is still open, and has no program.
    await crashes.close();
    await expect.poll(() => sockets.size).toBe(0);
  });

  it('connects a tab on its own where there are no shared workers, and says so', async () => {
    const pages = [await open('/old'), await open('/old')];
    for (const page of pages) {
      expect(await call(page, 'hello')).toBe('you said hello');
      const events = await page.evaluate(() => (globalThis as unknown as Tab).events);
      expect(events).toContain('a connection of its own');
    }
    expect(opened).toBe(2);
  });
});
