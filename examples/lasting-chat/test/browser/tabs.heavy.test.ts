// 20 tabs of a real browser, and one WebSocket for all: a shared worker has it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';
import { bundleTabs, type TabPrograms, TabWorld, WAITS } from './tab-world.ts';

const TABS = 20;

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite(`${TABS} tabs on one connection`), () => {
    let programs: TabPrograms;
    let browser: DrivenBrowser;
    let world: TabWorld;
    let tabs: DrivenPage[];

    beforeAll(async () => {
      programs = await bundleTabs();
      browser = await known.launch();
    });
    afterAll(() => browser.close());
    beforeEach(async () => {
      world = await TabWorld.begin(programs);
      tabs = [];
      for (let number = 1; number <= TABS; number += 1) {
        const tab = await browser.newPage();
        tabs.push(tab);
        await tab.goto(world.url);
      }
    });
    afterEach(async () => {
      for (const tab of tabs) await tab.close();
      await world.end();
    });

    const call = (tab: DrivenPage, text: string) => tab.evaluate(`call('${text}')`);
    const callAll = (text: string) =>
      Promise.all(tabs.map((tab, number) => call(tab, `${text} ${number}`)));
    const answersTo = (text: string) => tabs.map((_, number) => `you said ${text} ${number}`);
    const allHear = async (texts: readonly string[]) => {
      for (const tab of tabs) await expect.poll(() => tab.evaluate('heard')).toEqual(texts);
    };

    it('gives each tab its own answers and all of them each notification, even after a cut', async () => {
      expect(await callAll('hello')).toEqual(answersTo('hello'));
      world.tell('to all');
      await allHear(['to all']);
      expect([world.opened, world.sockets.size]).toEqual([1, 1]);

      world.cut();
      // A call on its way meanwhile may be lost, and says so. Firefox waits for long before it dials again.
      await expect.poll(() => world.opened, { timeout: 60_000 }).toBe(2);
      expect(await callAll('again')).toEqual(answersTo('again'));
      world.tell('to all again');
      await allHear(['to all', 'to all again']);
      expect([world.opened, world.sockets.size]).toEqual([2, 1]);
    });

    it('loses no call when the tab that began it all is closed', async () => {
      const [first, ...others] = tabs as [DrivenPage, ...DrivenPage[]];
      tabs = others;
      call(first, WAITS).catch(() => {});
      const answers = callAll(WAITS);
      await expect.poll(() => world.underWay).toBe(TABS);
      await first.close();
      await expect.poll(() => [world.underWay, world.cancelled]).toEqual([TABS - 1, 1]);
      // The worker goes on with what comes later, too.
      expect(await callAll('meanwhile')).toEqual(answersTo('meanwhile'));
      world.answer();
      expect(await answers).toEqual(answersTo(WAITS));
      expect([world.opened, world.sockets.size]).toEqual([1, 1]);
    });

    it('ends the connection with the last tab', async () => {
      expect(await callAll('hello')).toEqual(answersTo('hello'));
      for (const tab of tabs.splice(0)) await tab.close();
      await expect.poll(() => world.sockets.size).toBe(0);
      expect(world.opened).toBe(1);
    });
  });
});
