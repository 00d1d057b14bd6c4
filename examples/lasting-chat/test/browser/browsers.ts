// Real browsers, driven. Where one is not installed its tests are skipped, but never in CI.
import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';
import { launchFirefox } from './firefox.ts';

export interface KnownBrowser {
  readonly name: string;
  readonly isThere: boolean;
  /** Its pages may still send when they are left. Firefox closes their WebSockets before it fires `pagehide`. */
  readonly sendsLastWords: boolean;
  /** A page that is left is kept as it is, for the way back. Firefox keeps none that has a WebSocket then. */
  readonly keepsPages: boolean;
  /** The name of a suite; of one that is skipped it tells what is missing. */
  suite(name: string): string;
  launch(): Promise<DrivenBrowser>;
}

type Abilities = Pick<KnownBrowser, 'sendsLastWords' | 'keepsPages' | 'launch'>;

function known(name: string, path: string, abilities: Abilities): KnownBrowser {
  const isThere = existsSync(path);
  if (!isThere && process.env['CI'] === 'true') {
    throw new Error(`no ${name} at ${path}: install it or set ${name.toUpperCase()}_PATH`);
  }
  const missing = isThere ? '' : ` (skipped: no ${name} at ${path})`;
  return { name, isThere, suite: (suite) => `${suite} in ${name}${missing}`, ...abilities };
}

const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

async function launchChromium(): Promise<DrivenBrowser> {
  const args = ['--no-sandbox', '--disable-gpu'];
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args,
    // A user's browser has one.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  const user = await browser.newContext();
  return {
    newPage: async () => pageOf(await user.newPage()),
    close: () => browser.close(),
  };
}

function pageOf(page: Page): DrivenPage {
  return {
    goto: (url) => page.goto(url),
    evaluate: (expression) => page.evaluate(expression),
    reload: () => page.reload(),
    offline: (isOffline) => page.context().setOffline(isOffline),
    close: () => page.close(),
  };
}

const firefoxPath = process.env['FIREFOX_PATH'] ?? '/usr/bin/firefox-esr';

export const CHROMIUM = known('Chromium', chromiumPath, {
  sendsLastWords: true,
  keepsPages: true,
  launch: launchChromium,
});

export const FIREFOX = known('Firefox', firefoxPath, {
  sendsLastWords: false,
  keepsPages: false,
  launch: () => launchFirefox(firefoxPath),
});
