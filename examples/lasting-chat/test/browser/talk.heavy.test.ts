// A page in a real browser and a server talk on a lasting channel, through whatever happens between and to them.
import { beforeAll, describe, expect, it } from 'vitest';
import { noteFigures } from '../../../../packages/core/test/fixture/figure.ts';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenPage } from './driven-page.ts';
import { eachTestHasAPage } from './each-test-has-a-page.ts';
import { freezePages } from './page-processes.ts';
import { PageWorld, type WorldOptions } from './page-world.ts';
import { type EndedChannel, MESSAGES, TICK_MS, WEATHER } from './settings.ts';
import { bundleTalkingPage } from './talk-server.ts';

const CUTS = WEATHER.maxCuts;
const TOGGLES = 50;
const RESTARTS = 5;
/** Of real time; `FREEZE_MS=600000` freezes for ten minutes. The windows are in proportion. */
const FREEZE_MS = Number(process.env['FREEZE_MS'] || 8000);

const timeout = 180_000 + 2 * FREEZE_MS;

describe.each([CHROMIUM, FIREFOX])('$name', { timeout }, (known) => {
  describe.runIf(known.isThere)(known.suite('a talk'), () => {
    let program: string;
    let page: DrivenPage;
    let world: PageWorld;

    beforeAll(async () => {
      program = await bundleTalkingPage();
    });
    eachTestHasAPage(
      known,
      (opened) => {
        page = opened;
      },
      () => world.end(),
    );

    async function begin(options: Omit<WorldOptions, 'program'> = {}): Promise<void> {
      world = await PageWorld.begin({ program, ...options });
      await world.show(page);
    }
    const call = (text: string) => page.evaluate(`page.call(${JSON.stringify(text)})`);
    const endsOfPage = async () => (await page.evaluate('page.ends')) as EndedChannel[];

    it(`brings ${MESSAGES} messages each way, once and in order, over ${CUTS} cuts, stalls and delays`, async () => {
      const since = performance.now();
      await begin({ count: MESSAGES, weather: WEATHER });
      expect(await world.verdict(page, MESSAGES)).toBe('complete');
      await world.finish(page, MESSAGES, MESSAGES);
      const { cuts, stalls } = world.proxy;
      const seconds = (performance.now() - since) / 1000;
      noteFigures('talk of a page', { browser: known.name, seconds, cuts, stalls });
      expect([world.server.channels.length, await endsOfPage(), cuts]).toEqual([1, [], CUTS]);
      expect(world.store.ledger.resumed).toBeGreaterThan(0);
    });

    it(`goes on over ${TOGGLES} times offline`, async () => {
      await begin();
      for (let time = 1; time <= TOGGLES; time += 1) {
        world.proxy.leave();
        await page.offline(true);
        await page.offline(false);
        world.proxy.back();
        await world.sendMore(page, 50);
      }
      await world.stop(page);
      expect([world.server.channels.length, await endsOfPage()]).toEqual([1, []]);
      expect(world.store.ledger.resumed).toBeGreaterThanOrEqual(TOGGLES);
    });

    it(`goes on over ${RESTARTS} restarts of the listener, whose process lives`, async () => {
      await begin();
      for (let time = 1; time <= RESTARTS; time += 1) {
        await world.restart('the table');
        await world.sendMore(page, 500);
      }
      await world.stop(page);
      expect([world.server.channels.length, await endsOfPage()]).toEqual([1, []]);
    });

    it(`knows after each of ${RESTARTS} restarts of the process what may not have arrived, and goes on there`, async () => {
      await begin();
      for (let time = 1; time <= RESTARTS; time += 1) {
        await world.restart('nothing');
        await world.sendMore(page, 500);
      }
      await world.stop(page);
      expect(world.server.channels.length).toBe(1 + RESTARTS);
      const ends = await endsOfPage();
      expect(ends.map(({ code }) => code)).toEqual(
        Array.from({ length: RESTARTS }, () => 'HR_ERR_RESUME_GONE'),
      );
      // What the server had when the page came back is between the two, and what it had not was sent.
      const [, ...agreed] = (await page.evaluate('page.ledger.agreed')) as number[];
      for (const [index, { unacknowledged }] of ends.entries()) {
        const [first, last] = unacknowledged;
        expect(agreed[index]).toBeGreaterThanOrEqual(first - 1);
        expect(agreed[index]).toBeLessThanOrEqual(last);
      }
    });

    /** A call that the server works on; the function gives its answer. */
    async function callThatWaits(): Promise<() => void> {
      const asked = new Promise<() => void>((resolve) => {
        world.store.onWait = resolve;
      });
      call('wait').catch(() => {});
      return asked;
    }

    it.runIf(known.sendsLastWords)(
      'that is reloaded ends its call at the server, and the new page has its own',
      async () => {
        await begin({ count: 100 });
        await world.finish(page, 100, 100);
        const answer = await callThatWaits();
        await page.reload();
        await expect.poll(() => world.store.cancelled).toEqual(['wait']);
        // Too late: nobody gets it.
        answer();
        await world.finish(page, 100, 100);
        expect(await call('hello')).toBe('heard hello');
        expect(world.store.executed).toEqual(['wait', 'hello']);
        expect(world.server.table.size).toBe(1);
      },
    );

    it.skipIf(known.sendsLastWords)(
      'that is reloaded leaves its call until the short window of a page that was left is over',
      async () => {
        await begin({ count: 100 });
        await world.finish(page, 100, 100);
        const answer = await callThatWaits();
        await page.reload();
        await world.finish(page, 100, 100);
        expect(await call('hello')).toBe('heard hello');
        await expect.poll(() => world.server.table.size).toBe(1);
        expect(world.store.cancelled).toEqual(['wait']);
        answer();
        expect(world.store.executed).toEqual(['wait', 'hello']);
      },
    );

    it('goes on when its browser closes its WebSocket and it stays, as for a download in Firefox', async () => {
      await begin({ count: 100 });
      await world.finish(page, 100, 100);
      await page.evaluate('window.stop()');
      expect(await call('hello')).toBe('heard hello');
      expect(world.server.channels).toHaveLength(1);
      expect(world.server.table.size).toBe(1);
    });

    it('whose reload the server cannot hear of ends its call with the window', async () => {
      await begin({ count: 100, windowMs: 1500 });
      await world.finish(page, 100, 100);
      await callThatWaits();
      world.proxy.leave();
      await page.reload();
      world.proxy.back();
      await world.finish(page, 100, 100);
      expect(await call('hello')).toBe('heard hello');
      await expect.poll(() => world.store.cancelled).toEqual(['wait']);
      expect(world.store.executed).toEqual(['wait', 'hello']);
      expect(world.server.table.size).toBe(1);
    });

    it.runIf(known.keepsPages)('goes on when it comes from the back/forward cache', async () => {
      await begin();
      await world.sendMore(page, 500);
      await page.evaluate('page.isTheSame = true');
      await world.leaveAndComeBack(page);
      await expect.poll(() => page.evaluate('globalThis.page?.isTheSame ?? false')).toBe(true);
      await world.sendMore(page, 500);
      await world.stop(page);
      expect([world.server.channels.length, await endsOfPage()]).toEqual([1, []]);
      expect(world.store.ledger.resumed).toBe(1);
    });

    it.skipIf(known.keepsPages)('whose page was left begins again on the way back', async () => {
      await begin({ count: 100 });
      await world.finish(page, 100, 100);
      await world.leaveAndComeBack(page);
      await expect.poll(() => world.server.channels.length).toBe(2);
      await world.finish(page, 100, 100);
      await expect.poll(() => world.server.table.size).toBe(1);
    });

    it('goes on when it was frozen for less than the window', async () => {
      await begin({ windowMs: 2 * FREEZE_MS });
      await world.sendMore(page, 500);
      await freeze();
      await world.sendMore(page, 500);
      await world.stop(page);
      expect([world.server.channels.length, await endsOfPage()]).toEqual([1, []]);
      expect(world.store.ledger.resumed).toBeGreaterThan(0);
    });

    it('that was frozen for longer goes on with another channel', async () => {
      await begin({ windowMs: FREEZE_MS / 10 });
      await world.sendMore(page, 500);
      await freeze();
      const [old] = world.server.channels;
      expect(old!.closeInfo).toMatchObject({ reason: 'unreachable' });
      await world.sendMore(page, 500);
      await world.stop(page);
      expect(world.server.channels.length).toBe(2);
      expect((await endsOfPage()).map(({ code }) => code)).toEqual(['HR_ERR_RESUME_GONE']);
    });

    /** Nothing ran in the page meanwhile. */
    async function freeze(): Promise<void> {
      const before = (await page.evaluate('page.ticks()')) as number;
      await freezePages(FREEZE_MS);
      const ticks = ((await page.evaluate('page.ticks()')) as number) - before;
      expect(ticks).toBeLessThan(FREEZE_MS / TICK_MS / 4);
    }
  });
});
