// The page with the live pipeline, and the button that runs a sample, used as a reader uses them.
import type { Browser, Page } from 'playwright-core';

const WAIT_MS = 20_000;

/** Presses a button of the live pipeline, and looks for a text among the steps. */
async function pressed(page: Page, button: string, shows: string): Promise<string[]> {
  await page.locator('.live button', { hasText: button }).first().click();
  const step = page.locator('.live .log section').first().getByText(shows).first();
  try {
    await step.waitFor({ timeout: WAIT_MS });
    return [];
  } catch {
    const log = await page.locator('.live .log').textContent();
    return [`live pipeline: "${button}" does not show "${shows}": ${log}`];
  }
}

export async function checkLivePipeline(browser: Browser, address: string): Promise<string[]> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`live pipeline: ${error.message}`));
  await page.goto(`${address}live-pipeline`);
  await page.locator('.live select').waitFor({ timeout: WAIT_MS });
  problems.push(...(await pressed(page, 'two lines in one read', 'text  "TWO"')));
  problems.push(...(await pressed(page, 'too long', 'HR_ERR_FRAME_TOO_LONG')));
  await page.locator('.live select').selectOption('idle');
  for (const _ of [1, 2]) await page.locator('.live button', { hasText: '+10 s' }).click();
  problems.push(...(await pressed(page, '+10 s', 'IdleStateEvent')));
  const state = await page.locator('.live .state').textContent();
  if (state?.includes('closed') !== true)
    problems.push(`live pipeline: the idle one is not closed: ${state}`);
  const sample = page.locator('.sample').first();
  await sample.locator('button', { hasText: 'Run' }).click();
  try {
    await sample
      .locator('.output', { hasText: 'HR_ERR_FRAME_TOO_LONG' })
      .waitFor({ timeout: WAIT_MS });
  } catch {
    problems.push(
      `the first sample of the page printed ${await sample.locator('.output').textContent()}`,
    );
  }
  await page.close();
  return problems;
}
