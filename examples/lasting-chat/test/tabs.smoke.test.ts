// One connection for all tabs, in a real Chromium: a shared worker has it.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleTabs, type Tab, type TabPrograms, TabWorld, WAITS } from './browser/tab-world.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
const missing = hasChromium ? '' : ` (skipped: no Chromium at ${executablePath})`;

describe.runIf(hasChromium)(`one connection for all tabs${missing}`, () => {
  let browser: Browser;
  let context: BrowserContext;
  let programs: TabPrograms;
  let world: TabWorld;

  beforeAll(async () => {
    programs = await bundleTabs();
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    world = await TabWorld.begin(programs);
    context = await browser.newContext();
  });
  afterEach(async () => {
    await context.close();
    await world.end();
  });

  async function open(path = '/'): Promise<Page> {
    const page = await context.newPage();
    await page.goto(world.url + path);
    return page;
  }
  const call = (page: Page, text: string) =>
    page.evaluate((said) => (globalThis as unknown as Tab).call(said), text);
  const heard = (page: Page) => page.evaluate(() => (globalThis as unknown as Tab).heard);

  it('serves several tabs: each has its own answers, a notification reaches all, and a cut is repaired', async () => {
    const pages = [await open(), await open(), await open()];
    const answers = () =>
      Promise.all(pages.map((page, number) => call(page, `hello from tab ${number}`)));
    const expected = pages.map((_, number) => `you said hello from tab ${number}`);
    expect(await answers()).toEqual(expected);
    expect([world.opened, world.sockets.size]).toEqual([1, 1]);

    world.cut();
    // A call on its way meanwhile may be lost, and says so.
    await expect.poll(() => world.opened).toBe(2);
    expect(await answers()).toEqual(expected);
    world.tell('to all');
    for (const page of pages) await expect.poll(() => heard(page)).toEqual(['to all']);
  });

  it('drops the calls of a tab that is closed, and of one that crashes, and ends with the last one', async () => {
    const [stays, closes, crashes] = [await open(), await open(), await open()];
    for (const page of [closes, crashes]) {
      expect(await call(page, 'hello')).toBe('you said hello');
      call(page, WAITS).catch(() => {});
    }
    // Calls of one tab keep their order, and the calls before this one have been sent.
    expect(await call(closes, 'sent')).toBe('you said sent');
    expect(await call(crashes, 'sent')).toBe('you said sent');
    await closes.close();
    await expect.poll(() => world.cancelled).toBe(1);
    const debug = await context.newCDPSession(crashes);
    debug.send('Page.crash').catch(() => {});
    await expect.poll(() => world.cancelled).toBe(2);
    expect(await call(stays, 'still here')).toBe('you said still here');
    expect([world.opened, world.sockets.size]).toEqual([1, 1]);
    await stays.close();
    // The tab that crashed is still open, and has no program.
    await crashes.close();
    await expect.poll(() => world.sockets.size).toBe(0);
  });

  it('connects a tab on its own where there are no shared workers, and says so', async () => {
    const pages = [await open('/old'), await open('/old')];
    for (const page of pages) {
      expect(await call(page, 'hello')).toBe('you said hello');
      const events = await page.evaluate(() => (globalThis as unknown as Tab).events);
      expect(events).toContain('a connection of its own');
    }
    expect(world.opened).toBe(2);
  });
});
