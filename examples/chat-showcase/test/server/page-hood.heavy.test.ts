// The panel "Under the hood" in real headless Chromium, and what axe finds in the page.
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, hasChromium, hears, PageBrowser, say, suiteName } from './page-browser.ts';
import { RunningChat } from './running-chat.ts';

const timeout = 60_000;

describe.runIf(hasChromium)(suiteName('under the hood'), () => {
  let browser: PageBrowser;
  let running: RunningChat;

  beforeAll(async () => {
    browser = await PageBrowser.launch();
  }, timeout);

  afterAll(() => browser.close());

  afterEach(async () => {
    await browser.closePages();
    await running.stop();
  });

  async function signInAndLook(name: string): Promise<Page> {
    const page = await browser.signIn(running.port, name);
    await page.getByTestId('hood-button').click();
    await page.getByTestId('lane').first().waitFor();
    return page;
  }

  /** Sees what a handler shows for a moment, too: a locator looks twice a second, and the next picture comes after half. */
  const shown = (page: Page, text: string): Promise<void> =>
    page.getByTestId('hood').evaluate((panel, wanted) => {
      const isShown = () =>
        [...panel.querySelectorAll('[data-testid=handler]')].some((row) =>
          row.textContent.includes(wanted),
        );
      return new Promise<void>((resolve) => {
        const observer = new MutationObserver(() => {
          if (isShown()) resolve();
        });
        observer.observe(panel, { childList: true, characterData: true, subtree: true });
      });
    }, text);

  const back = (page: Page) => page.getByText('Back, with a new connection.').waitFor({ timeout });

  it('lets one message be followed, step by step, while others pass unseen', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    const bob = await running.join('lines', 'bob');
    const ann = await signInAndLook('ann');
    await ann.getByTestId('follow-one').check();
    await say(ann, 'the one');
    const row = (name: string) => ann.getByTestId('handler').filter({ hasText: name });
    await row('trim').getByText('“the one”').waitFor();
    bob.send('another');
    await ann
      .getByTestId('pipeline')
      // In a slow run more than one passes.
      .and(ann.locator('[data-skipped^="meanwhile "]'))
      .waitFor();
    await row('echo').getByText('“ECHO:the one”').first().waitFor();
    expect(await row('trim').locator('.what').textContent()).toBe('“the one”');
    const steps = await ann
      .locator('[data-step]')
      .evaluateAll((all) =>
        all.flatMap((one) => String(one.getAttribute('data-step')).split(' · ').map(Number)),
      );
    // Every step once, each with a number of its own.
    expect(steps.sort((a, b) => a - b)).toEqual(steps.map((_, at) => at + 1));
    expect(browser.complaints).toEqual([]);
  });

  it('shows the handlers and what each made of a message, and the figures', {
    timeout,
  }, async () => {
    running = await RunningChat.start();
    await running.join('lines', 'bob');
    const ann = await signInAndLook('ann');
    expect(await ann.getByTestId('lane').count()).toBe(2);
    await say(ann, 'on its way');
    const row = (name: string) => ann.getByTestId('handler').filter({ hasText: name });
    await row('trim').getByText('“on its way”').waitFor();
    await row('echo').getByText('“ECHO:on its way”').first().waitFor();
    await expect.poll(() => ann.getByTestId('vital-members').textContent()).toBe('2');
    await expect.poll(() => ann.getByTestId('vital-deliveries').textContent()).toBe('1');
    await expect.poll(() => ann.getByTestId('vital-in').textContent()).not.toBe('0 B');
    expect(await ann.getByTestId('vital-round-trip').textContent()).toMatch(/ms$/);
    await ann.getByTestId('trick-cut').focus();
    await ann.keyboard.press('Escape');
    expect(await ann.getByTestId('hood').isVisible()).toBe(false);
    expect(await ann.evaluate('document.activeElement.id')).toBe('hood-button');
    const { pipeline } = running.ground.sessions.channel('ann')!;
    await expect.poll(() => pipeline.names().join()).not.toContain('Tap');
    expect(browser.complaints).toEqual([]);
  });

  it('is cut, and comes back with the panel open', { timeout }, async () => {
    running = await RunningChat.start();
    const ann = await signInAndLook('ann');
    await ann.getByTestId('trick-cut').click();
    await back(ann);
    await ann.getByTestId('lane').first().waitFor();
    await say(ann, 'still here');
    await hears(ann, 'still here');
  });

  it('floods the room, within bounds', { timeout }, async () => {
    running = await RunningChat.start();
    const bob = await running.join('lines', 'bob');
    const ann = await signInAndLook('ann');
    await ann.getByTestId('trick-flood').click();
    await expect.poll(() => bob.inbox.at(-1)).toBe('MSG:ann:flood 40/40');
    expect(await ann.getByTestId('trick-flood').isDisabled()).toBe(true);
    expect(bob.inbox.filter((text) => text.startsWith('MSG:'))).toHaveLength(40);
  });

  it('goes silent, is closed as idle, and comes back', { timeout }, async () => {
    running = await RunningChat.start({ readerIdleSeconds: 5 });
    const ann = await signInAndLook('ann');
    const idleEvent = shown(ann, 'IdleStateEvent (reader)');
    idleEvent.catch(() => {});
    await ann.getByTestId('trick-silent').click();
    await expect
      .poll(() => ann.getByTestId('vital-idle').textContent())
      .toMatch(/^closed in [1-5] s/);
    await idleEvent;
    await back(ann);
  });

  it('does not read, is closed as a slow consumer, and has what it missed', {
    timeout,
  }, async () => {
    running = await RunningChat.start({ maxOutboundBytes: 100_000 });
    const bob = await running.join('frames', 'bob');
    const ann = await signInAndLook('ann');
    await ann.getByTestId('trick-slow').click();
    await ann.getByTestId('handler').getByText('stalled output').waitFor();
    bob.send('said while ann did not read');
    await ann.getByTestId('handler').getByText('held').waitFor();
    for (let i = 0; i < 4; i++) bob.send('x'.repeat(40_000));
    await ann.getByTestId('trick-status').getByText('did not read').waitFor();
    await back(ann);
    await expect.poll(() => ann.getByTestId('vital-slow').textContent()).toBe('1');
  });

  const looks: readonly [name: string, options: BrowserContextOptions][] = [
    ['light', { colorScheme: 'light', viewport: { width: 1440, height: 900 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1440, height: 900 } }],
    ['on a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ];

  it.each(looks)('breaks no rule of accessibility, %s', { timeout }, async (_name, options) => {
    running = await RunningChat.start();
    const ann = await browser.open(running.port, { ...options, reducedMotion: 'reduce' });
    expect(await axeViolations(ann)).toEqual([]);
    await ann.getByTestId('name').fill('ann');
    await ann.getByTestId('join').click();
    await ann.getByTestId('invite').waitFor();
    const bob = await running.join('lines', 'bob');
    bob.send('hello https://a.example/');
    await say(ann, 'hello bob');
    await hears(ann, 'hello bob');
    expect(await axeViolations(ann)).toEqual([]);
    await ann.getByTestId('hood-button').click();
    await ann.getByTestId('lane').first().waitFor();
    await say(ann, 'lit');
    await ann.getByTestId('handler').getByText('“ECHO:lit”').first().waitFor();
    await running.chat.server.close();
    await ann.getByTestId('banner').waitFor();
    expect(await axeViolations(ann)).toEqual([]);
  });
});
