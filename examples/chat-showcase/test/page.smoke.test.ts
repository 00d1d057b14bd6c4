// The chat in a real headless Chromium, with somebody on plain TCP.
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, hears, PageBrowser, say, suiteName } from './page-browser.ts';
import { RunningChat } from './running-chat.ts';

describe.runIf(hasChromium)(suiteName('the page'), () => {
  let browser: PageBrowser;
  let running: RunningChat;

  beforeAll(async () => {
    browser = await PageBrowser.launch();
  });

  afterAll(() => browser.close());

  afterEach(async () => {
    await browser.closePages();
    await running.stop();
  });

  const signIn = (name: string) => browser.signIn(running.port, name);

  it('lets two people talk to each other and to a TCP client', async () => {
    running = await RunningChat.start();
    const terminal = await running.join('lines', 'terminal');
    const ann = await signIn('ann');
    expect(await terminal.next()).toBe('JOIN:ann');
    const bob = await signIn('bob');
    expect(await terminal.next()).toBe('JOIN:bob');
    const typing = (page: Page, text: string) =>
      expect.poll(() => page.getByTestId('typing').textContent()).toBe(text);
    await bob.getByTestId('message-input').pressSequentially('hello');
    await typing(ann, 'bob is typing…');
    await typing(bob, '');
    await bob.getByTestId('message-input').fill('');
    await typing(ann, '');
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
    expect(browser.complaints).toEqual([]);
  });
});
