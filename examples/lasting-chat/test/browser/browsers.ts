// Real browsers, driven. Where one is not installed its tests are skipped, but never in CI.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { launchFirefox } from './firefox.ts';

/** The part of a page that all drivers have. */
export interface DrivenPage {
  goto(url: string): Promise<unknown>;
  /** The value of an expression, or of its promise, as JSON can have it. */
  evaluate(expression: string): Promise<unknown>;
  reload(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface DrivenBrowser {
  newPage(): Promise<DrivenPage>;
  close(): Promise<unknown>;
}

export interface KnownBrowser {
  readonly name: string;
  readonly isThere: boolean;
  /** The name of a suite; of one that is skipped it tells what is missing. */
  suite(name: string): string;
  launch(): Promise<DrivenBrowser>;
}

function known(name: string, path: string, launch: KnownBrowser['launch']): KnownBrowser {
  const isThere = existsSync(path);
  if (!isThere && process.env['CI'] === 'true') {
    throw new Error(`no ${name} at ${path}: install it or set ${name.toUpperCase()}_PATH`);
  }
  const missing = isThere ? '' : ` (skipped: no ${name} at ${path})`;
  return { name, isThere, suite: (suite) => `${suite} in ${name}${missing}`, launch };
}

const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

export const launchChromium = () =>
  chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu'] });

export const CHROMIUM = known('Chromium', chromiumPath, launchChromium);

const firefoxPath = process.env['FIREFOX_PATH'] ?? '/usr/bin/firefox-esr';

export const FIREFOX = known('Firefox', firefoxPath, () => launchFirefox(firefoxPath));
