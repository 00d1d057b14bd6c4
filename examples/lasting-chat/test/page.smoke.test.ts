// The page in a real Chromium: the lasting channel of a browser outlives its WebSockets.
import { existsSync } from 'node:fs';
import { type Server, silentLogger } from '@headrace/core';
import { ResumeTable } from '@headrace/lasting';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../src/lasting-server.ts';
import { bundlePage } from '../src/page/bundle.ts';
import { startPageServer } from '../src/page-server.ts';
import { openRoom } from '../src/room.ts';
import { startTerminal } from '../src/terminal.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
const missing = hasChromium ? '' : ` (skipped: no Chromium at ${executablePath})`;
const logger = silentLogger;

describe.runIf(hasChromium)(`the page of the room${missing}`, () => {
  let browser: Browser;
  let program: string;
  let table: ResumeTable;
  let pages: Server;
  let programs: Server;
  const complaints: string[] = [];

  beforeAll(async () => {
    program = await bundlePage();
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    // Longer than a test waits.
    table = new ResumeTable({ windowMs: 600_000 });
    const room = openRoom({ password: 'sesame', table });
    pages = await startPageServer({ room, program, port: 0, logger });
    programs = await startServer({ room, port: 0, logger });
    complaints.length = 0;
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await pages.close();
    await programs.close();
    table.close();
  });

  async function join(name: string, password = 'sesame'): Promise<Page> {
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${pages.port}/`);
    await page.fill('[name=name]', name);
    await page.fill('[name=password]', password);
    await page.click('button');
    return page;
  }

  const say = async (page: Page, line: string): Promise<void> => {
    await page.fill('#line', line);
    await page.press('#line', 'Enter');
  };
  const shows = (page: Page, line: string | RegExp) => page.getByText(line).first().waitFor();
  const lines = async (page: Page): Promise<string[]> =>
    (await page.locator('#lines li').allTextContents()).reverse();

  it('hears a terminal and is heard, each line once and in order, while its WebSockets are cut', async () => {
    const page = await join('ann');
    await shows(page, 'welcome, ann');
    const heard: string[] = [];
    const talker = await startTerminal({
      name: 'bob',
      password: 'sesame',
      ports: [programs.port],
      everyMs: 20,
      logger,
      note: (line) => heard.push(line),
    });
    for (let cut = 1; cut <= 3; cut++) {
      await say(page, `line ${cut}`);
      for (const connection of pages.connections) connection.abort();
      await expect
        .poll(async () => (await lines(page)).filter((line) => line.startsWith('-- back')).length)
        .toBe(cut);
    }
    talker.close();
    await expect.poll(() => heard.filter((line) => line.startsWith('line')).length).toBe(3);
    expect(heard.filter((line) => line.startsWith('line'))).toEqual(['line 1', 'line 2', 'line 3']);
    const ofBob = (await lines(page)).filter((line) => line.startsWith('bob'));
    expect(ofBob).toEqual(ofBob.map((_, index) => `bob ${index + 1}`));
    expect(ofBob.length).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  });

  it('is gone for the room as soon as it is left', async () => {
    const page = await join('ann');
    await shows(page, 'welcome, ann');
    expect(table.size).toBe(1);
    await page.goto('about:blank');
    await expect.poll(() => table.size).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('comes back as soon as the browser is online again', async () => {
    const page = await join('ann');
    await shows(page, 'welcome, ann');
    const network = page.context();
    await network.setOffline(true);
    for (const connection of pages.connections) connection.abort();
    await shows(page, /-- no link/);
    await say(page, 'said without a network');
    await network.setOffline(false);
    await shows(page, 'heard: said without a network');
    // On a busy machine a try falls into the time without a network, and Chromium has a line of its own for it.
    expect(complaints.filter((line) => !line.includes('ERR_INTERNET_DISCONNECTED'))).toEqual([]);
  });

  it('is told why it is not let in', async () => {
    const page = await join('eve', 'guess');
    await shows(page, 'not let in: wrong password');
    await shows(page, /the end/);
    expect(complaints).toEqual([]);
  });
});
