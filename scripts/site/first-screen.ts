// The first screen as a visitor meets it: what it loads, the pipeline that one types into, and every kind of page by axe.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';

/** Bytes that travel before the visitor has done anything: the page, its type, and the packages that run in it. */
const LARGEST_SCREEN = 300_000;
const WAIT_MS = 20_000;
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };
/** Between the two, where the menu has the least room. */
const BETWEEN = [800, 1000, 1100].map((width) => ({ width, height: 900 }));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** One of each kind. */
const KINDS = [
  '',
  'start',
  'tutorial/1-first-server',
  'contents',
  'guides/framing',
  'concepts/pipeline',
  'recipes/unix-sockets',
  'coming-from/socket-io',
  'handlers/',
  'handlers/IdleStateHandler',
  'api/',
  'api/@headrace/codec/frame',
  'live-pipeline',
  'playground',
  'performance',
  'errors',
  'changelog',
  'architecture',
  'packages/core',
  'examples/broadcast-chat',
  'gallery',
  'a-page-that-is-not-there',
];

export interface Looked {
  readonly problems: readonly string[];
  readonly summary: string;
}

export async function checkBytes(browser: Browser, address: string): Promise<Looked> {
  const page = await browser.newPage({ viewport: PHONE });
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  const packages = page.waitForResponse(/shouting-line\.js$/, { timeout: WAIT_MS });
  await page.goto(address, { waitUntil: 'networkidle' });
  const { ok } = await packages.then(
    (response) => ({ ok: response.ok() }),
    () => ({ ok: false }),
  );
  await page.waitForLoadState('networkidle');
  await page.close();
  const summary = `${Math.round(bytes / 1000)} of ${LARGEST_SCREEN / 1000} kB`;
  const problems = ok ? [] : ['the first screen does not load the packages that run in it'];
  if (bytes >= LARGEST_SCREEN) problems.push(`the first screen loads ${summary}`);
  return { problems, summary };
}

/** A browser draws nothing before such a file of the head has arrived. */
const WAITED_FOR = /<link [^>]*\bstylesheet\b[^>]*>|<script src=[^>]*>/g;
/** What each element of the first screen looks like, in the order of the page. */
const LOOKS = `[...document.querySelectorAll('.VPNavBar *, .VPHome *')]
  .filter((one) => { const { top, bottom } = one.getBoundingClientRect(); return top < innerHeight && bottom > 0; })
  .map((one) => { const { color, backgroundColor, fontSize, fontWeight, display } = getComputedStyle(one);
    return [one.tagName, one.className, color, backgroundColor, fontSize, fontWeight, display].join(' '); })`;

async function looksOf(page: Page, address: string, without: RegExp): Promise<readonly string[]> {
  await page.route(without, (route) => route.abort());
  await page.goto(address, { waitUntil: 'load' });
  const looks = await page.evaluate<readonly string[]>(LOOKS);
  await page.unroute(without);
  return looks;
}

/** The first screen is drawn from the HTML alone: with all styles it looks the same, light and dark, wide and on a phone. */
export async function checkDrawnAtOnce(browser: Browser, address: string): Promise<string[]> {
  const [head = ''] = (await (await fetch(address)).text()).split('</head>', 1);
  const problems = [...head.matchAll(WAITED_FOR)].map(
    ([waitedFor]) => `first screen: it waits for ${waitedFor}`,
  );
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of [PHONE, WIDE]) {
      const page = await browser.newPage({ viewport, colorScheme });
      const alone = await looksOf(page, address, /\.(?:css|js|svg|woff2)$/);
      const whole = await looksOf(page, address, /\.(?:js|woff2)$/);
      await page.close();
      const differs = whole.findIndex((look, index) => look !== alone[index]);
      if (whole.length === 0) problems.push('first screen: there is nothing on it');
      if (differs < 0) continue;
      const found = `"${alone[differs] ?? 'nothing'}" in place of "${whole[differs]}"`;
      problems.push(
        `first screen, ${colorScheme}, ${viewport.width} px: its HTML alone has ${found}`,
      );
    }
  }
  return problems;
}

/** Enter, before any script of the page has come: what was typed stays, and the page too. */
async function earlyEnterProblems(browser: Browser, address: string): Promise<string[]> {
  const page = await browser.newPage({ viewport: PHONE });
  await page.route(/\/assets\/.*\.js$/, (route) => route.abort());
  await page.goto(address, { waitUntil: 'load' });
  await page.evaluate('window.isSamePage = true');
  const field = page.locator('.type-it input');
  await field.fill('hel');
  await field.press('Enter');
  await page.waitForLoadState('networkidle');
  const isSame = await page.evaluate<boolean>('window.isSamePage === true');
  const typed = await field.inputValue();
  await page.close();
  if (isSame && typed === 'hel') return [];
  return [`first screen: Enter before the scripts loads the page anew, and leaves "${typed}"`];
}

async function framesOf(page: Page): Promise<string> {
  return (await page.locator('.type-it .frame').allTextContents()).join(',');
}

/** Code of the home page that a phone shows only in part. */
export async function checkUncut(browser: Browser, address: string): Promise<string[]> {
  const page = await browser.newPage({ viewport: PHONE });
  await page.goto(address, { waitUntil: 'load' });
  const cut = await page.$$eval('.front pre', (all) =>
    all
      .filter((one) => one.scrollWidth > one.clientWidth)
      .map((one) => `${one.scrollWidth} px of code in ${one.clientWidth}: ${one.textContent}`),
  );
  await page.close();
  return cut.map((text) => `first screen, ${PHONE.width} px: ${text.slice(0, 80)}`);
}

/** Types `hel`: no frame. Types `lo` and Enter: the frame `hello`, and its answer. */
export async function checkTyping(browser: Browser, address: string): Promise<string[]> {
  const page = await browser.newPage({ viewport: PHONE });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`first screen: ${error.message}`));
  const says = page.locator('.type-it .says');
  const shows = async (text: string, doing: string): Promise<void> => {
    try {
      await says.filter({ hasText: text }).waitFor({ timeout: WAIT_MS });
    } catch {
      problems.push(
        `first screen: ${doing} shows "${await says.textContent()}" instead of "${text}"`,
      );
    }
  };
  // The packages come when `hel` has been typed: it waits for them, and arrives once.
  const held: Array<() => void> = [];
  let isTyped = false;
  await page.route(/shouting-line\.js$/, async (route) => {
    if (!isTyped) await new Promise<void>((resolve) => held.push(resolve));
    await route.continue();
  });
  await page.goto(address, { waitUntil: 'load' });
  const field = page.locator('.type-it input');
  if ((await field.count()) === 0) return [...problems, 'first screen: nothing to type into'];
  problems.push(...(await earlyEnterProblems(browser, address)));
  await field.pressSequentially('hel');
  isTyped = true;
  for (const release of held) release();
  await shows('No frame yet: the decoder holds “hel”', 'hel');
  const early = await framesOf(page);
  if (early !== '') problems.push(`first screen: hel makes the frame ${early}`);
  await field.pressSequentially('lo');
  await shows('No frame yet: the decoder holds “hello”', 'lo');
  await field.press('Enter');
  await shows('A frame: “hello”. The handler answers “HELLO”.', 'Enter');
  const frames = await framesOf(page);
  if (frames !== 'hello') problems.push(`first screen: Enter makes the frames ${frames}`);
  await field.pressSequentially('more than twenty bytes of it');
  await field.press('Enter');
  await shows('HR_ERR_FRAME_TOO_LONG', 'a long line');
  await page.locator('.type-it button', { hasText: 'New connection' }).click();
  await page.locator('.type-it button', { hasText: 'hel' }).click();
  await shows('No frame yet: the decoder holds “hel”', 'the button hel');
  await page.close();
  return problems;
}

interface Violation {
  readonly id: string;
  readonly nodes: ReadonlyArray<{ readonly html: string }>;
}

/** What axe finds on a page as it is. */
export async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<readonly Violation[]>(
    'axe.run().then(({ violations }) => violations)',
  );
  return found.map(
    ({ id, nodes }) => `${id}, ${nodes.length} times: ${nodes[0]?.html.slice(0, 160)}`,
  );
}

/** What needs scrolling sideways, or lies beyond the edge, in a window of this size. */
async function sidewaysProblems(page: Page, size: typeof PHONE): Promise<string[]> {
  await page.setViewportSize(size);
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  const cut = await page.evaluate<readonly string[]>(
    `[...document.querySelectorAll('.VPNavBar :is(a, button)')]
      .filter((one) => one.getClientRects().length > 0 && one.getBoundingClientRect().right > innerWidth)
      .map((one) => one.getAttribute('aria-label') ?? one.textContent.trim())`,
  );
  const problems = cut.map((name) => `at ${size.width} px the menu's ${name} is cut off`);
  if (width > size.width) problems.push(`is ${width} px wide in a window of ${size.width}`);
  return problems;
}

/** Something that opens over the page: how it is opened, and what is there then. */
interface Opened {
  readonly name: string;
  readonly sizes: ReadonlyArray<typeof PHONE>;
  readonly open: (page: Page) => Promise<void>;
  readonly shows: string;
}

const OPENED: readonly Opened[] = [
  {
    name: 'menu',
    sizes: [PHONE, ...BETWEEN],
    open: (page) => page.locator('.VPNavBarHamburger').click({ timeout: WAIT_MS }),
    shows: '.VPNavScreen a[href$="/handlers/"]',
  },
  {
    name: 'search',
    sizes: [WIDE, PHONE],
    async open(page) {
      await page.locator('.VPNavBarSearch button').first().click({ timeout: WAIT_MS });
      await page.locator('.VPLocalSearchBox input').fill('shutdown', { timeout: WAIT_MS });
    },
    shows: '.VPLocalSearchBox a.result',
  },
];

async function openedProblems(page: Page, address: string): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, sizes, open, shows } of OPENED) {
    for (const size of sizes) {
      await page.setViewportSize(size);
      await page.goto(`${address}start`, { waitUntil: 'networkidle' });
      const seen = await open(page)
        .then(() => page.locator(shows).first().waitFor({ timeout: WAIT_MS }))
        .then(
          () => violationsOn(page),
          (error: Error) => [`does not open: ${error.message.split('\n', 1)[0]}`],
        );
      problems.push(...seen.map((one) => `the ${name} at ${size.width} px: ${one}`));
    }
  }
  return problems;
}

/** Each kind of page, light and dark, wide and on a phone: no violation of axe's, nothing to scroll sideways. */
export async function checkKinds(browser: Browser, address: string): Promise<Looked> {
  const problems: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    for (const kind of KINDS) {
      await page.setViewportSize(WIDE);
      await page.goto(address + kind, { waitUntil: 'networkidle' });
      const seen = [...(await violationsOn(page))];
      if (colorScheme === 'light') {
        for (const size of BETWEEN) seen.push(...(await sidewaysProblems(page, size)));
      }
      seen.push(...(await sidewaysProblems(page, PHONE)));
      seen.push(...(await violationsOn(page)).map((one) => `phone, ${one}`));
      problems.push(...seen.map((one) => `/${kind}, ${colorScheme}: ${one}`));
    }
    const opened = await openedProblems(page, address);
    problems.push(...opened.map((one) => `${colorScheme}: ${one}`));
    await context.close();
  }
  const widths = [WIDE, ...BETWEEN, PHONE].map(({ width }) => width).join(', ');
  return {
    problems,
    summary: `${KINDS.length} kinds of pages, the menu and the search, light and dark, ${widths} px`,
  };
}
