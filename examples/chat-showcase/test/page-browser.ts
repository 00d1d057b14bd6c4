// The page in real headless Chromium, for tests. They are skipped where none is installed, but never in CI.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

export const hasChromium = existsSync(executablePath);

if (!hasChromium && process.env['CI'] === 'true') {
  throw new Error(
    `no Chromium at ${executablePath}, but CI must run the page's tests: set CHROMIUM_PATH`,
  );
}

/** The skipped suite's name is the line that tells what is missing. */
export function suiteName(name: string): string {
  if (hasChromium) return name;
  return `${name} (skipped: no Chromium at ${executablePath}; install it or set CHROMIUM_PATH)`;
}

/** What axe-core found, in short. */
interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly target: readonly unknown[] }[];
  }[];
}

export class PageBrowser {
  /** What the browser complained about: errors, refused resources, policy violations. */
  readonly complaints: string[] = [];
  private readonly browser: Browser;

  private constructor(browser: Browser) {
    this.browser = browser;
  }

  static async launch(): Promise<PageBrowser> {
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
    return new PageBrowser(await chromium.launch({ executablePath, args }));
  }

  /** The page before the sign-in, in a profile of its own. */
  async open(port: number, options: BrowserContextOptions = {}): Promise<Page> {
    const viewport = { width: 900, height: 640 };
    const context = await this.browser.newContext({ viewport, ...options });
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${port}/`);
    return page;
  }

  async signIn(port: number, name: string, options?: BrowserContextOptions): Promise<Page> {
    const page = await this.open(port, options);
    await page.getByTestId('name').fill(name);
    await page.getByTestId('join').click();
    await page.getByTestId('connection-label').getByText('Online').waitFor();
    return page;
  }

  /** Closes all pages, and forgets what was complained about. */
  async closePages(): Promise<void> {
    for (const context of this.browser.contexts()) await context.close();
    this.complaints.length = 0;
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId('message-input').fill(text);
  await page.getByTestId('message-input').press('Enter');
}

export function hears(page: Page, text: string): Promise<void> {
  return page.getByTestId('messages').getByText(text, { exact: true }).waitFor();
}

/** The rules of accessibility that the page breaks, with where. */
export async function axeViolations(page: Page): Promise<string[]> {
  const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(readFileSync(source, 'utf8'));
  const result = (await page.evaluate('axe.run(document)')) as AxeResult;
  return result.violations.map(({ id, nodes }) => {
    return `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`;
  });
}
