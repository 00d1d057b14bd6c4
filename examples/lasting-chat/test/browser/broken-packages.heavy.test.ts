// The proof of a talk proves something: a page of packages that are broken does not pass it.
import { describe, expect, it } from 'vitest';
import { BROKEN_PACKAGES, breaking } from './broken-packages.ts';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenPage } from './driven-page.ts';
import { eachTestHasAPage } from './each-test-has-a-page.ts';
import { PageWorld } from './page-world.ts';
import { MESSAGES, WEATHER } from './settings.ts';
import { bundleTalkingPage } from './talk-server.ts';

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite('the proof of a talk finds a page that'), () => {
    let page: DrivenPage;
    let world: PageWorld;

    eachTestHasAPage(
      known,
      (opened) => {
        page = opened;
      },
      () => world.end(),
    );

    it.each(BROKEN_PACKAGES)('$name', async (broken) => {
      const program = await bundleTalkingPage(breaking(broken));
      world = await PageWorld.begin({ program, count: MESSAGES, weather: WEATHER });
      await world.load(page);
      expect(await world.verdict(page, MESSAGES)).toMatch(broken.found);
    });
  });
});
