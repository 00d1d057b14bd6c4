// A page in a real browser and a server talk on a lasting channel through a proxy that cuts, stalls and delays.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { noteFigures } from '../../../../packages/core/test/fixture/figure.ts';
import { SEED } from '../../../../packages/core/test/fixture/seed.ts';
import { CuttingProxy } from '../../../../packages/lasting/test/client/cutting-proxy.ts';
import { randomFrom } from '../../../../packages/lasting/test/client/random.ts';
import { CHROMIUM, type DrivenBrowser, FIREFOX } from './browsers.ts';
import { Ledger } from './numbered-talk.ts';
import { bundleTalkingPage, TalkServer } from './talk-server.ts';

const MESSAGES = 20_000;
const CUTS = 100;
/** Longer than a test waits. */
const WINDOW_MS = 600_000;

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite('a talk'), () => {
    let browser: DrivenBrowser;
    let program: string;
    const cleanup: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      program = await bundleTalkingPage();
      browser = await known.launch();
    });
    afterAll(() => browser.close());
    afterEach(async () => {
      for (const end of cleanup.splice(0).reverse()) await end();
    });

    it(`brings ${MESSAGES} messages each way, once and in order, over ${CUTS} cuts, stalls and delays`, async () => {
      const store = { ledger: new Ledger(MESSAGES), executed: [], cancelled: [] };
      const server = await TalkServer.start({ program, store, windowMs: WINDOW_MS });
      cleanup.push(() => server.close());
      const proxy = new CuttingProxy(server.port, {
        maxCuts: CUTS,
        maxBytes: 150_000,
        maxDelayMs: 5,
        maxStallMs: 1500,
        random: randomFrom(SEED),
      });
      const port = await proxy.listen();
      cleanup.push(() => proxy.close());
      const page = await browser.newPage();
      cleanup.push(() => page.close());
      await page.goto(
        `http://127.0.0.1:${server.port}/?port=${port}&count=${MESSAGES}&window=${WINDOW_MS}`,
      );
      const since = performance.now();
      await Promise.all([
        store.ledger.reached(MESSAGES),
        page.evaluate(`page.ledger.reached(${MESSAGES})`),
      ]);
      const { cuts, stalls } = proxy;
      const seconds = (performance.now() - since) / 1000;
      noteFigures('talk of a page', { browser: known.name, seconds, cuts, stalls });
      expect(store.ledger).toMatchObject({ taken: MESSAGES, written: MESSAGES, wrong: undefined });
      expect(await page.evaluate('page.ledger')).toMatchObject({
        taken: MESSAGES,
        written: MESSAGES,
      });
      expect(await page.evaluate('page.ledger.wrong ?? "nothing"')).toBe('nothing');
      expect(await page.evaluate('page.ends')).toEqual([]);
      expect([server.channels.length, proxy.cuts]).toEqual([1, CUTS]);
      expect(store.ledger.resumed).toBeGreaterThan(0);
    });
  });
});
