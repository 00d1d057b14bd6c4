// `npm run check:site` builds the site and looks at it as a visitor does. `-- built` takes what was built before.
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publicHandlers } from '../check-cards.ts';
import { ALL_CODES } from '../check-error-codes.ts';
import { CHROMIUM, checkInBrowser, serveBuilt, startBrowser } from './browser.ts';
import { buildSite } from './build.ts';
import { checkBuiltLinks, missingErrorAnchors } from './built-links.ts';
import { checkLivePipeline } from './live-pipeline.ts';
import { findPages } from './pages.ts';
import { checkSamplesInPage } from './run-samples.ts';
import { uncheckedSamples } from './samples.ts';
import { typeErrors } from './types.ts';

const SEARCHES = [
  { words: 'LengthFieldFrameDecoder', leadsTo: 'handlers/LengthFieldFrameDecoder' },
  { words: 'HR_ERR_FRAME_TOO_LONG', leadsTo: '/errors#' },
  { words: 'readerIdleMs', leadsTo: 'IdleState' },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'site', 'dist');
let passed = 0;
let failed = 0;

function report(name: string, problems: readonly string[], summary: string): void {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) failed += 1;
  else passed += 1;
  const word = problems.length > 0 ? 'FAIL' : 'ok  ';
  console.log(`${word}  ${name}: ${problems.length > 0 ? `${problems.length} problems` : summary}`);
}

/** The parts of the site that are programs. */
async function checkLivePages(): Promise<void> {
  const { server, address } = await serveBuilt(dist);
  const browser = await startBrowser();
  try {
    const inPage = await checkSamplesInPage(root, browser, `${address}playground/runner.js`);
    report('samples in a page', inPage.problems, inPage.summary);
    const live = await checkLivePipeline(browser, address);
    report('live pipeline', live, 'bytes go through, errors have their address, a sample runs');
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

const began = Date.now();
if (!process.argv.includes('built')) {
  const problems = buildSite(root);
  report('build', problems, `${Math.round((Date.now() - began) / 1000)} s`);
}
if (existsSync(join(dist, 'index.html'))) {
  report('types', typeErrors(root), 'of the theme, the shims and the runner');
  const links = checkBuiltLinks(dist);
  report('links', links.problems, `${links.count} links in ${links.pages} pages`);
  const codes = ALL_CODES.map(({ code }) => code);
  report('error codes', missingErrorAnchors(dist, codes), `${codes.length} have their address`);
  const handlers = publicHandlers(root).map(({ name }) => name);
  const missing = handlers.filter((name) => !existsSync(join(dist, 'handlers', `${name}.html`)));
  report(
    'handlers',
    missing.map((name) => `${name} has no page`),
    `${handlers.length} have a page`,
  );
  const samples = uncheckedSamples(root, findPages(root));
  report('samples', samples.problems, samples.summary);
  if (existsSync(CHROMIUM) || process.env['CI'] !== undefined) {
    const problems = await checkInBrowser(dist, SEARCHES);
    report('in Chromium', problems, `${SEARCHES.length} searches, nothing from elsewhere`);
    await checkLivePages();
  } else {
    console.log(`skip  in Chromium: there is no ${CHROMIUM}`);
  }
}

const file = process.env['HEADRACE_TEST_COUNTS'];
if (file !== undefined) appendFileSync(file, `${passed} ${failed}\n`);
console.log(`site: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
