// The page in real headless Chromium. Skipped where none is installed, but never in CI.
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RunningChat } from './running-chat.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
const timeout = 60_000;

if (!hasChromium && process.env['CI'] === 'true') {
  throw new Error(
    `no Chromium at ${executablePath}, but CI must run the page's tests: set CHROMIUM_PATH`,
  );
}

/** The skipped suite's name is the line that tells what is missing. */
const suite = hasChromium
  ? 'the page'
  : `the page (skipped: no Chromium at ${executablePath}; install it or set CHROMIUM_PATH)`;

describe.runIf(hasChromium)(suite, () => {
  let browser: Browser;
  let running: RunningChat;
  /** What the browser complained about: errors, refused resources, policy violations. */
  let complaints: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  }, timeout);

  afterAll(() => browser.close());

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await running.stop();
  });

  async function signIn(name: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 900, height: 640 } });
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${running.port}/`);
    await page.getByTestId('name').fill(name);
    await page.getByTestId('join').click();
    await page.getByText('Online').first().waitFor();
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByTestId('message-input').fill(text);
    await page.getByTestId('message-input').press('Enter');
  }

  const hears = (page: Page, text: string) =>
    page.getByTestId('messages').getByText(text, { exact: true }).waitFor();

  it('lets two people talk to each other and to a TCP client', { timeout }, async () => {
    complaints = [];
    running = await RunningChat.start();
    const terminal = await running.join('lines', 'terminal');
    const ann = await signIn('ann');
    expect(await terminal.next()).toBe('JOIN:ann');
    const bob = await signIn('bob');
    expect(await terminal.next()).toBe('JOIN:bob');
    await say(ann, 'hello everybody');
    await hears(ann, 'hello everybody');
    await hears(bob, 'hello everybody');
    expect(await terminal.next()).toBe('MSG:ann:hello everybody');
    await say(bob, 'hello ann');
    await hears(ann, 'hello ann');
    expect(await terminal.next()).toBe('MSG:bob:hello ann');
    terminal.send('<b>greetings</b> from nc');
    await hears(ann, '<b>greetings</b> from nc');
    await hears(bob, '<b>greetings</b> from nc');
    expect(await ann.getByTestId('people').getByText('bob').count()).toBeGreaterThan(0);
    const screenshot = process.env['CHAT_SCREENSHOT'];
    if (screenshot !== undefined) await ann.screenshot({ path: screenshot });
    await bob.close();
    expect(await terminal.next()).toBe('ECHO:<b>greetings</b> from nc');
    expect(await terminal.next()).toBe('LEAVE:bob');
    expect(complaints).toEqual([]);
  });

  it('comes back, for both, when the server was stopped and started again', {
    timeout,
  }, async () => {
    complaints = [];
    running = await RunningChat.start();
    const { port } = running;
    const [ann, bob] = [await signIn('ann'), await signIn('bob')];
    await running.chat.shutdown();
    await running.stop();
    for (const page of [ann, bob])
      await page
        .getByText(/Reconnecting/)
        .first()
        .waitFor();
    running = await RunningChat.start({ port });
    for (const page of [ann, bob]) {
      await page.getByTestId('connection-label').getByText('Online').waitFor({ timeout: 40_000 });
    }
    await say(bob, 'we are back');
    await hears(ann, 'we are back');
    // Attempts while nobody listened are the only thing that the browser may complain about.
    expect(complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
  });

  it('tells who is refused why', { timeout }, async () => {
    complaints = [];
    running = await RunningChat.start({ tokens: { ann: 'secret' } });
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${running.port}/`);
    await page.getByTestId('name').fill('ann');
    await page.getByTestId('token').fill('guess');
    await page.getByTestId('join').click();
    await page.getByText('does not let this name in').waitFor();
    await page.getByTestId('token').fill('secret');
    await page.getByTestId('join').click();
    await page.getByText('Online').first().waitFor();
  });
});
