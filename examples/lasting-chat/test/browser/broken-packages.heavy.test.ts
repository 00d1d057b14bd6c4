// The proof of a talk proves something: a page of packages that are broken does not pass it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BROKEN_PACKAGES, breaking } from './broken-packages.ts';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';
import { PageWorld } from './page-world.ts';
import { MESSAGES, WEATHER } from './settings.ts';
import { bundleTalkingPage } from './talk-server.ts';

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite('the proof of a talk finds a page that'), () => {
    let browser: DrivenBrowser;
    let page: DrivenPage;
    let world: PageWorld;

    beforeAll(async () => {
      browser = await known.launch();
    });
    afterAll(() => browser.close());
    beforeEach(async () => {
      page = await browser.newPage();
    });
    afterEach(async () => {
      await page.close();
      await world.end();
    });

    it.each(BROKEN_PACKAGES)('$name', async (broken) => {
      const program = await bundleTalkingPage(breaking(broken));
      world = await PageWorld.begin({ program, count: MESSAGES, weather: WEATHER });
      await world.load(page);
      expect(await world.verdict(page, MESSAGES)).toMatch(broken.found);
    });
  });
});
