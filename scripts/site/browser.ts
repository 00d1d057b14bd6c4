// The built site in a real Chromium: the search finds names, and nothing is loaded from anywhere else.
import { readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/** Serves the built site as GitHub Pages does: below /headrace/, `/errors` is errors.html. */
export function serveBuilt(dist: string): Promise<{ server: Server; address: string }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    const below = normalize(path.replace(/^\/headrace/, ''));
    const candidates = [below, `${below}.html`, join(below, 'index.html')].map((one) =>
      join(dist, one),
    );
    const file = candidates.find(
      (one) => statSync(one, { throwIfNoEntry: false })?.isFile() === true,
    );
    response.writeHead(file === undefined ? 404 : 200, {
      'content-type': TYPES[extname(file ?? '.html')] ?? 'application/octet-stream',
    });
    response.end(readFileSync(file ?? join(dist, '404.html')));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ server, address: `http://127.0.0.1:${port}/headrace/` });
    });
  });
}

export const CHROMIUM = '/usr/bin/chromium';

export function startBrowser(): Promise<Browser> {
  // A container's /dev/shm is small: pages that share it die.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  return chromium.launch({ executablePath: CHROMIUM, args });
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
    await result.waitFor({ timeout: 20_000 });
    return undefined;
  } catch {
    const shown = await page
      .locator('.VPLocalSearchBox a.result')
      .evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    return `the search for "${words}" does not lead to ${leadsTo}: ${shown.join(', ') || 'nothing'}`;
  } finally {
    await page.keyboard.press('Escape');
  }
}

/** What a visitor would find wrong. */
export async function checkInBrowser(
  dist: string,
  searches: readonly Searched[],
): Promise<string[]> {
  const { server, address } = await serveBuilt(dist);
  const problems: string[] = [];
  let browser: Browser | undefined;
  try {
    browser = await startBrowser();
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
    for (const route of [
      '',
      'errors',
      'handlers/IdleStateHandler',
      'performance',
      'live-pipeline',
    ]) {
      await page.goto(address + route, { waitUntil: 'load' });
    }
    for (const searched of searches) {
      const problem = await searchProblem(page, searched);
      if (problem !== undefined) problems.push(problem);
    }
  } finally {
    await browser?.close();
    server.close();
    server.closeAllConnections();
  }
  return problems;
}
