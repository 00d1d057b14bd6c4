// The editor of a sample, used as a reader uses it: mistakes are told at their line, and a link brings the code along.
import type { Browser, Page } from 'playwright-core';

const WAIT_MS = 20_000;
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

/** Writes a sample with a mistake, one that throws, and one whose link is opened; looks at one that needs Node. */
export async function checkEditor(browser: Browser, address: string): Promise<string[]> {
  const problems: string[] = [];
  const context = await browser.newContext();
  const opened = async (url: string): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(`editor: ${error.message}`));
    await page.goto(url);
    return page;
  };
  const page = await opened(address + PAGE);
  const sample = page.locator('.sample').first();
  const button = (name: string) => sample.locator('button', { hasText: name });
  await button('Edit').click();
  const editor = sample.locator('textarea');
  await editor.fill('const one: number = 1;\nconst two = = 2;\n');
  problems.push(...(await told(page, '.mistake', 'Line 2: SyntaxError')));
  await editor.fill("const one: number = 1;\n\nthrow new RangeError('here');\n");
  await button('Run').click();
  problems.push(...(await told(page, '.output', 'Line 3: RangeError: here')));
  if ((await sample.locator('textarea.faulty').count()) !== 1)
    problems.push('editor: the line that throws is not marked');
  const code = "console.log('…shared <b>');\n";
  await editor.fill(code);
  await button('Link to this').click();
  await page.waitForURL(/#run=0:/, { timeout: WAIT_MS });
  const other = await opened(page.url());
  const brought = other.locator('.sample').first().locator('textarea');
  await brought.waitFor({ timeout: WAIT_MS });
  if ((await brought.inputValue()) !== code)
    problems.push(`editor: the link brings ${await brought.inputValue()}`);
  await other.locator('.sample').first().locator('button', { hasText: 'Run' }).click();
  problems.push(...(await told(other, '.output', '…shared <b>')));
  const link = new URL(page.url()).hash;
  const onNode = await opened(address + ON_NODE_ONLY + link);
  problems.push(...(await told(onNode, '.reason', 'a page has no UDP sockets')));
  const offered = onNode.locator('.sample').first().locator('.tools button, textarea');
  if ((await offered.count()) !== 0)
    problems.push('editor: a sample that needs Node offers to run in a page');
  await context.close();
  return problems;
}
