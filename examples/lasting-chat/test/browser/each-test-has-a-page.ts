import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { KnownBrowser } from './browsers.ts';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';

/** One browser for all tests of a suite, and a page for each of them; `ended` is called after the page has closed. */
export function eachTestHasAPage(
  known: KnownBrowser,
  opened: (page: DrivenPage) => void,
  ended: () => Promise<void>,
): void {
  let browser: DrivenBrowser;
  let page: DrivenPage;

  beforeAll(async () => {
    browser = await known.launch();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    page = await browser.newPage();
    opened(page);
  });
  afterEach(async () => {
    await page.close();
    await ended();
  });
}
