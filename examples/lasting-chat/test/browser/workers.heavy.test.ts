// A dedicated worker and a service worker of a real browser have the client of a page. The shared one: tabs.heavy.test.ts.
import { beforeAll, describe, expect, it } from 'vitest';
import { bundlePage } from '../../src/page/bundle.ts';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenPage } from './driven-page.ts';
import { eachTestHasAPage } from './each-test-has-a-page.ts';
import { TabWorld } from './tab-world.ts';

/** What a page does for its worker; it leaves `ask`. */
const PAGES = {
  'a dedicated worker': `
    const worker = new Worker('/shared.js', { type: 'module' });`,
  'a service worker': `
    const registered = await navigator.serviceWorker.register('/shared.js', { type: 'module' });
    await navigator.serviceWorker.ready;
    const worker = registered.active;`,
};

const ASK = `
  globalThis.ask = (text) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    worker.postMessage(text, [port2]);
  });`;

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite('the client of a page'), () => {
    let program: string;
    let page: DrivenPage;
    let world: TabWorld;

    beforeAll(async () => {
      program = await bundlePage('../../test/browser/calling-worker.ts');
    });
    eachTestHasAPage(
      known,
      (opened) => {
        page = opened;
      },
      () => world.end(),
    );

    it.each(Object.entries(PAGES))('runs in %s, and comes back', async (_name, start) => {
      world = await TabWorld.begin({ tab: start + ASK, worker: program });
      await page.goto(world.url);
      await expect.poll(() => page.evaluate('typeof ask')).toBe('function');
      expect(await page.evaluate('ask("hello")')).toBe('you said hello');
      world.tell('news');
      await expect.poll(() => page.evaluate('ask("and")')).toBe('you said and, news');
      expect(world.opened).toBe(1);

      world.cut();
      // Firefox waits for long before it dials again.
      await expect.poll(() => world.opened, { timeout: 60_000 }).toBe(2);
      await expect.poll(() => page.evaluate('ask("again")')).toBe('you said again, news');
    });
  });
});
