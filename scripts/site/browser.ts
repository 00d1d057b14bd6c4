// The built site in a real Chromium: the search finds names, and nothing is loaded from anywhere else.
import { type Browser, chromium, type Page } from 'playwright-core';
import { freePort } from '../../packages/core/test/fixture/free-port.ts';
import { Program } from '../program.ts';
import { inPlace, PLACE, type Place, vitepress } from './build.ts';
import { CHROMIUM } from './card.ts';

/** Gives the built site as VitePress serves it, and a browser, for as long as `look` takes. */
export async function inBrowser(
  site: string,
  look: (browser: Browser, address: string) => Promise<void>,
  place: Place = PLACE,
): Promise<void> {
  const args = [await vitepress(), 'preview', '--port', String(await freePort())];
  const server = new Program(process.execPath, args, site, inPlace(place));
  let browser: Browser | undefined;
  try {
    const [address] = await server.waitFor(new RegExp(`http://\\S+:\\d+${place.base}`));
    // A container's /dev/shm is small: pages that share it die.
    const flags = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: flags });
    await look(browser, address);
  } finally {
    await browser?.close();
    await server.terminate();
  }
}

export interface Searched {
  readonly words: string;
  /** Part of the address that one of the results must have. */
  readonly leadsTo: string;
}

async function searchProblem(
  page: Page,
  { words, leadsTo }: Searched,
): Promise<string | undefined> {
  await page.locator('.VPNavBarSearch button').first().click();
  await page.locator('.VPLocalSearchBox input').fill(words);
  const result = page.locator(`.VPLocalSearchBox a.result[href*="${leadsTo}"]`).first();
  try {
    await result.waitFor({ timeout: 60_000 });
    return undefined;
  } catch {
    const shown = await page.locator('.VPLocalSearchBox').textContent();
    return `the search for "${words}" does not lead to ${leadsTo}: ${shown}`;
  } finally {
    await page.keyboard.press('Escape');
  }
}

/** What a visitor would find wrong. */
export async function visitProblems(
  browser: Browser,
  address: string,
  searches: readonly Searched[],
): Promise<string[]> {
  const problems: string[] = [];
  const page = await browser.newPage();
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !/^(?:data|blob):/.test(url))
      problems.push(`the site asks for ${url}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${page.url()}: console: ${message.text()}`);
  });
  const routes = [
    '',
    'errors',
    'handlers/IdleStateHandler',
    'performance',
    'live-pipeline',
    'playground',
  ];
  for (const route of routes) await page.goto(address + route, { waitUntil: 'networkidle' });
  for (const searched of searches) {
    const problem = await searchProblem(page, searched);
    if (problem !== undefined) problems.push(problem);
  }
  await page.close();
  return problems;
}
