// The playground as a reader uses it: a client meets its server, and a simulation draws what it found, bit by bit as on
// Node, and follows its machines through their awaits.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import type { Browser, Locator, Page } from 'playwright-core';
import { violationsOn } from './first-screen.ts';

const WAIT_MS = 60_000;
const PHONE = { width: 390, height: 844 };
/** Its first sample draws this picture on Node. */
const GUIDE = { page: 'guides/prove-it-by-simulation', picture: 'prove-it-by-simulation.svg' };

/** A machine that calls what its seed does not decide, after awaits in each kind of function. */
const FORBIDDEN = `import { Simulation } from '@headrace/simulation';
const pause = async () => await Promise.resolve();
class Clock {
  async read(_first: string, _second: string) {
    await pause();
    if (arguments.length === 2) return Date.now();
  }
}
const sim = new Simulation({ seed: 1 });
sim.host('a', async function () {
  await pause();
  await new Clock().read('a', 'b');
});
await sim.run({ untilMs: 1 });
`;
/** Code of a machine that one of the packages calls after an await of its own: the check of an answer. */
const CALLED_BACK = `import { call, clientOf, defineService } from '@headrace/rpc';
import { Simulation } from '@headrace/simulation';
const schema = (read: () => unknown) =>
  ({ '~standard': { version: 1, vendor: 'own', validate: () => ({ value: read() }) } }) as const;
const times = defineService('times', { now: call(schema(() => 1), schema(() => Date.now())) });
const sim = new Simulation({ seed: 1 });
sim.host('a', () => {
  clientOf(times, { request: async () => 1 } as never).now(1).catch(() => {});
});
await sim.run({ untilMs: 1 });
`;
/** Code of a link that tells the page to lead to a script. */
const HOSTILE = `self.postMessage({ do: 'fail', text: 'led astray', help: 'javascript:globalThis.ran = 1' });
`;
/** A page runs no script that it was not built with. */
const SCRIPTS = `(async () => {
  const ways = ['<a href="javascript:globalThis.ran = 1">x</a>', '<img src="data:," onerror="globalThis.ran = 1">'];
  for (const way of ways) document.body.insertAdjacentHTML('beforeend', way);
  document.body.lastElementChild.previousElementSibling.click();
  document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.ran = 1' }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  return 'ran' in globalThis;
})()`;
const FOUND = 'SimulationError: host a called Date.now(), which the seed does not decide';

const button = (sample: Locator, name: string): Locator =>
  sample.locator('button', { hasText: name });

async function told(sample: Locator, text: string): Promise<string[]> {
  const output = sample.locator('.output');
  try {
    await output.filter({ hasText: text }).waitFor({ timeout: WAIT_MS });
    return [];
  } catch {
    return [`playground: no "${text}" in: ${(await output.allTextContents()).join()}`];
  }
}

/** The text of the first picture that a sample drew, once the browser has shown it. */
async function pictureIn(sample: Locator): Promise<string | undefined> {
  const picture = sample.locator('.output img').first();
  try {
    await picture.waitFor({ timeout: WAIT_MS });
  } catch {
    return undefined;
  }
  const address = (await picture.getAttribute('src')) ?? '';
  const width = await picture.evaluate(async (image) => {
    const { decode, naturalWidth } = image as unknown as {
      decode(): Promise<void>;
      naturalWidth: number;
    };
    await decode.call(image);
    return naturalWidth;
  });
  const [, svg] = /^data:image\/svg\+xml,(.*)$/.exec(address) ?? [];
  return svg === undefined || width === 0 ? undefined : decodeURIComponent(svg);
}

async function widthProblems(page: Page): Promise<string[]> {
  const isWide = await page.evaluate<boolean>(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
  return isWide ? ['playground: the page scrolls sideways with a picture on a phone'] : [];
}

/** What a link of a stranger can do: its code in the worker, and its length. */
async function linkProblems(page: Page, address: string): Promise<string[]> {
  const open = async (code: string): Promise<Locator> => {
    await page.goto('about:blank');
    const packed = deflateRawSync(code).toString('base64url').replace(/=+$/, '');
    await page.goto(`${address}playground#run=0:${packed}`);
    return page.locator('.sample').first();
  };
  const sample = await open(HOSTILE);
  await sample.locator('.cm-content').waitFor({ timeout: WAIT_MS });
  await button(sample, 'Run').click();
  const problems = await told(sample, 'led astray');
  if ((await sample.locator('.output a').count()) > 0)
    problems.push('playground: a link from the worker leads to a script');
  if (await page.evaluate<boolean>(SCRIPTS))
    problems.push('playground: the page runs a script that it was not built with');
  const long = await open('x'.repeat(10_000_000));
  await button(long, 'Edit').waitFor({ timeout: WAIT_MS });
  return problems;
}

export async function checkPlayground(
  root: string,
  browser: Browser,
  address: string,
): Promise<string[]> {
  const problems: string[] = [];
  const page = await browser.newPage({ viewport: PHONE, reducedMotion: 'reduce' });
  page.on('pageerror', (error) => problems.push(`playground: ${error.message}`));
  await page.goto(`${address}playground`);
  const [client, simulation] = await page.locator('.sample').all();
  if (client === undefined || simulation === undefined) return ['playground: two samples are gone'];
  await button(client, 'Run').click();
  problems.push(...(await told(client, 'ann sees ann: still here')));
  await button(simulation, 'Run').click();
  problems.push(...(await told(simulation, 'stored 6 twice')));
  if ((await pictureIn(simulation))?.includes('stored 6 twice') !== true)
    problems.push('playground: the simulation draws no picture of its failure');
  problems.push(...(await violationsOn(page)).map((one) => `playground: axe, ${one}`));
  problems.push(...(await widthProblems(page)));
  await button(simulation, 'Edit').click();
  for (const code of [FORBIDDEN, CALLED_BACK]) {
    await simulation.locator('.cm-content').fill(code);
    await button(simulation, 'Run').click();
    problems.push(...(await told(simulation, FOUND)));
  }
  problems.push(...(await linkProblems(page, address)));
  await page.goto(address + GUIDE.page);
  const guide = page.locator('.sample').first();
  await button(guide, 'Run').click();
  const ofNode = readFileSync(join(root, 'docs', 'guides', GUIDE.picture), 'utf8');
  if ((await pictureIn(guide)) !== ofNode)
    problems.push(`playground: a page draws another picture than Node: ${GUIDE.picture}`);
  await page.close();
  return problems;
}
