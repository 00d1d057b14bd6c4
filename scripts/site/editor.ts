// The editor of a sample, used as a reader uses it: the compiler tells mistakes at their line and proposes names, a link
// brings the code along, and without the compiler a sample still runs.
import type { Browser, Locator, Page } from 'playwright-core';
import { violationsOn } from './first-screen.ts';

/** TypeScript and all declarations are loaded within it. */
const WAIT_MS = 60_000;
const PAGE = 'live-pipeline';
/** Its first sample needs a socket for datagrams. */
const ON_NODE_ONLY = 'guides/datagrams';

async function told(page: Page, where: string, text: string): Promise<string[]> {
  const place = page.locator('.sample').first().locator(where);
  try {
    await place.filter({ hasText: text }).waitFor({ timeout: WAIT_MS });
    return [];
  } catch {
    return [`editor: ${where} does not tell "${text}": ${await place.allTextContents()}`];
  }
}

/** The code in an editor. */
async function codeIn(editor: Locator): Promise<string> {
  return (await editor.locator('.cm-line').allTextContents()).join('\n');
}

/** Wider than the editor. */
const WIDE = `// ${'wide '.repeat(40)}\n`;
const CHAIN = "import { EmbeddedChannel } from 'headrace/testing';\nnew EmbeddedChannel().pipeline";

/** Mistakes, words with their colors, and the names that may follow a dot. */
async function compilerProblems(page: Page, sample: Locator): Promise<string[]> {
  const editor = sample.locator('.cm-content');
  await editor.fill('const port: string = 5;\n');
  const problems = await told(
    page,
    '.mistake',
    "Line 1: Type 'number' is not assignable to type 'string'.",
  );
  const marked = await sample.locator('.cm-lintRange-error').allTextContents();
  if (marked.join() !== 'port') problems.push(`editor: it marks "${marked.join()}", not "port"`);
  const [keyword, plain] = await page.evaluate<string[]>(
    "['.cm-line .c1', 'body'].map((one) => getComputedStyle(document.querySelector(one) ?? document.body).color)",
  );
  if (keyword === plain) problems.push('editor: a keyword has no color of its own');
  await editor.fill(WIDE + CHAIN);
  await editor.press('Control+End');
  await editor.pressSequentially('.');
  const proposed = sample.locator('.cm-tooltip-autocomplete li', { hasText: /^addLast$/ });
  try {
    await proposed.waitFor({ timeout: WAIT_MS });
    problems.push(...(await violationsOn(page)).map((one) => `editor: axe, ${one}`));
  } catch {
    problems.push(`editor: "pipeline." does not propose addLast: ${await codeIn(editor)}`);
  }
  await editor.press('Escape');
  return problems;
}

/** Writes samples with mistakes, one that throws, and one whose link is opened; looks at one that needs Node. */
export async function checkEditor(browser: Browser, address: string): Promise<string[]> {
  const problems: string[] = [];
  const requests: string[] = [];
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  const opened = async (url: string, isWithTypes = true): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(`editor: ${error.message}`));
    page.on('request', (request) => requests.push(request.url()));
    if (!isWithTypes) await page.route(/\.packed$/, (route) => route.abort());
    await page.goto(url);
    return page;
  };
  const page = await opened(address + PAGE);
  await page.waitForLoadState('networkidle');
  const loaded = requests.filter((url) => /editor\.js|\.packed$/.test(url));
  if (loaded.length > 0) problems.push(`editor: ${loaded} is loaded before one is opened`);
  const sample = page.locator('.sample').first();
  const button = (name: string) => sample.locator('button', { hasText: name });
  await button('Edit').click();
  const editor = sample.locator('.cm-content');
  await editor.fill('const one: number = 1;\nconst two = = 2;\n');
  problems.push(...(await told(page, '.mistake', 'Line 2: Expression expected.')));
  problems.push(...(await compilerProblems(page, sample)));
  await editor.fill("const one: number = 1;\n\nthrow new RangeError('here');\n");
  await button('Run').click();
  problems.push(...(await told(page, '.output', 'Line 3: RangeError: here')));
  const faulty = (await sample.locator('.cm-line .faulty').allTextContents()).join('');
  if (faulty !== "throw new RangeError('here');")
    problems.push(`editor: the line that throws is not marked, but "${faulty}"`);
  const code = "console.log('…shared <b>');\n";
  await editor.fill(code);
  await button('Link to this').click();
  await page.waitForURL(/#run=0:/, { timeout: WAIT_MS });
  // Here the compiler does not arrive.
  const other = await opened(page.url(), false);
  const brought = other.locator('.sample').first().locator('.cm-content');
  await brought.waitFor({ timeout: WAIT_MS });
  if ((await codeIn(brought)) !== code)
    problems.push(`editor: the link brings ${await codeIn(brought)}`);
  await other.locator('.sample').first().locator('button', { hasText: 'Run' }).click();
  problems.push(...(await told(other, '.output', '…shared <b>')));
  const link = new URL(page.url()).hash;
  const onNode = await opened(address + ON_NODE_ONLY + link);
  problems.push(...(await told(onNode, '.reason', 'a page has no UDP sockets')));
  const offered = onNode.locator('.sample').first().locator('.tools button, .cm-editor');
  if ((await offered.count()) !== 0)
    problems.push('editor: a sample that needs Node offers to run in a page');
  await context.close();
  return problems;
}
