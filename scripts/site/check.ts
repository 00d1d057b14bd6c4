// `npm run check:site` builds the site and looks at it as a visitor does. `-- built` takes what was built before;
// `-- --pages` only puts the pages together: links, contents, options, samples that nothing checks.
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { publicHandlers } from '../check-cards.ts';
import { ALL_CODES } from '../check-error-codes.ts';
import { ownModule } from '../own-project.ts';
import { filesBelow } from '../source-file.ts';
import { Tally } from '../tally.ts';
import { root } from '../workspace.ts';
import { inBrowser, visitProblems } from './browser.ts';
import { buildPages, buildSite, makePages, type Place } from './build.ts';
import { checkBuiltLinks, missingErrorAnchors } from './built-links.ts';
import { CHROMIUM } from './card.ts';
import { checkEditor } from './editor.ts';
import {
  checkBytes,
  checkDrawnAtOnce,
  checkKinds,
  checkTyping,
  checkUncut,
} from './first-screen.ts';
import { checkLivePipeline } from './live-pipeline.ts';
import { findPages } from './pages.ts';
import { checkPlayground } from './playground.ts';
import { checkSamplesInPage, filesInPage, missingInPage } from './run-samples.ts';
import { uncheckedSamples } from './samples.ts';
import { SEARCHES, searchProblems } from './search-table.ts';
import { wrongOrderProblems } from './wrong-order.ts';

/** Whoever builds the site waits, and the host of the pages has a limit for each deploy. */
const LARGEST_SITE = 31_000_000;
/** In the browser only what shows that its index is the one that `search-table.ts` asks. */
const IN_BROWSER = [
  { words: 'graceful shutdown', leadsTo: 'guides/shutdown' },
  { words: 'HR_ERR_FRAME_TOO_LONG', leadsTo: '/errors#' },
  { words: 'readerIdleMs', leadsTo: 'IdleState' },
];

/** Another path of a server: no page may know the default one. */
const ELSEWHERE: Place = { base: '/some/where/', dist: '.tmp/elsewhere' };

const site = join(root, 'site');
const dist = join(site, 'dist');
const tally = new Tally();

function checkSamples(): void {
  const samples = uncheckedSamples(root, findPages(root));
  tally.report('samples', samples.problems, samples.summary);
}

async function checkWrongOrder(): Promise<void> {
  tally.report(
    'wrong order',
    await wrongOrderProblems(root),
    'the compiler says what the home page shows',
  );
}

async function checkSearches(): Promise<void> {
  const problems = await searchProblems(root, join(site, '.pages'), SEARCHES);
  tally.report('searches', problems, `${SEARCHES.length} lead to the right page first`);
}

function checkSize(): void {
  const sizes = filesBelow(dist, '.', ['']).map((file) => statSync(join(dist, file)).size);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const shown = `${(size / 1e6).toFixed(1)} of ${LARGEST_SITE / 1e6} MB`;
  tally.report('size', size > LARGEST_SITE ? [`the site has ${shown}`] : [], shown);
}

async function lookAtPages(): Promise<void> {
  const checker = await ownModule(root, 'site', 'vue-tsc/bin/vue-tsc.js');
  const title = 'types of the theme, the shims and the runner';
  await tally.command(title, process.execPath, [checker, '-p', site], site);
  const links = checkBuiltLinks(dist);
  tally.report('links', links.problems, `${links.count} links in ${links.pages} pages`);
  const codes = ALL_CODES.map(({ code }) => code);
  tally.report('error codes', missingErrorAnchors(dist, codes), `${codes.length} have an address`);
  const handlers = publicHandlers(root).map(({ name }) => name);
  const missing = handlers.filter((name) => !existsSync(join(dist, 'handlers', `${name}.html`)));
  const pageless = missing.map((name) => `${name} has no page`);
  tally.report('handlers', pageless, `${handlers.length} have a page`);
  checkSamples();
  await checkWrongOrder();
  checkSize();
  await checkSearches();
  if (!existsSync(CHROMIUM) && process.env['CI'] === undefined) {
    console.log(`skip  in Chromium: there is no ${CHROMIUM}`);
    return;
  }
  await inBrowser(site, async (browser, address) => {
    const problems = await visitProblems(browser, address, IN_BROWSER);
    tally.report('in Chromium', problems, `${IN_BROWSER.length} searches, nothing from elsewhere`);
    const inPage = await checkSamplesInPage(root, browser, `${address}playground/runner.js`);
    tally.report('samples in a page', inPage.problems, inPage.summary);
    const live = await checkLivePipeline(browser, address);
    tally.report('live pipeline', live, 'bytes go through, errors have their address');
    const playground = await checkPlayground(root, browser, address);
    tally.report(
      'playground',
      playground,
      'a client meets its server, a simulation draws as on Node',
    );
    const editor = await checkEditor(browser, address);
    tally.report(
      'editor',
      editor,
      'the compiler tells mistakes and proposes names, a link brings the code along',
    );
    const bytes = await checkBytes(browser, address);
    tally.report('bytes of the first screen', bytes.problems, bytes.summary);
    const drawn = await checkDrawnAtOnce(browser, address);
    tally.report('drawn at once', drawn, 'the first screen needs its HTML alone');
    const cut = await checkUncut(browser, address);
    tally.report('code on a phone', cut, 'no line of the home page is cut');
    const typing = await checkTyping(browser, address);
    tally.report('typing', typing, 'hel makes no frame, lo and Enter make one');
    const kinds = await checkKinds(browser, address);
    tally.report('axe', kinds.problems, kinds.summary);
  });
  await lookElsewhere();
}

async function lookElsewhere(): Promise<void> {
  const folder = join(site, ELSEWHERE.dist);
  const problems = await buildPages(ELSEWHERE);
  const links = checkBuiltLinks(folder, ELSEWHERE.base);
  problems.push(...links.problems);
  await inBrowser(
    site,
    async (browser, address) => {
      problems.push(...(await visitProblems(browser, address, IN_BROWSER)));
      problems.push(...(await checkLivePipeline(browser, address)));
    },
    ELSEWHERE,
  );
  rmSync(folder, { recursive: true });
  tally.report('at another base', problems, `${links.count} links, searches, scripts, a sample`);
}

async function onlyPages(): Promise<void> {
  await tally.step('pages', async () => {
    const problems = await makePages();
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });
  checkSamples();
  const missing = [...missingInPage(root, join(site, '.pages')), ...filesInPage(root)];
  tally.report('needs of samples', missing, 'a page has them, or says why not');
  await checkWrongOrder();
  await checkSearches();
}

async function lookAtAll(): Promise<void> {
  if (!process.argv.includes('built')) {
    await tally.step('build', async () => {
      const problems = await buildSite();
      if (problems.length > 0) throw new Error(problems.join('\n'));
    });
  }
  if (existsSync(join(dist, 'index.html'))) await lookAtPages();
}

await (process.argv.includes('--pages') ? onlyPages() : lookAtAll());
tally.end('site');
