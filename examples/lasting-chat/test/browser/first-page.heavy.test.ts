// The first page of docs/guides/pages.md, as it stands there, and its server, in real browsers.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../../packages/core/test/fixture/free-port.ts';
import { blocksIn } from '../../../../scripts/sample-blocks.ts';
import { bundlePage } from '../../src/page/bundle.ts';
import { CHROMIUM, FIREFOX } from './browsers.ts';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const guide = 'docs/guides/pages.md';
const blocks = blocksIn(guide, readFileSync(join(root, guide), 'utf8'));

/** The block of code with this file's name. */
function fromGuide(name: string): string {
  const [found, ...others] = blocks.filter(({ info }) => info.endsWith(`[${name}]`));
  if (found === undefined || others.length > 0) throw new Error(`not one ${name} in ${guide}`);
  return found.code;
}

const linesOf = (code: string): number =>
  code.split('\n').filter((line) => line.trim() !== '').length;

it('is shorter than 30 lines', () => {
  expect(linesOf(fromGuide('index.html')) + linesOf(fromGuide('page.js'))).toBeLessThan(30);
});

/** The server's process. */
class GuideServer {
  private readonly process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.process = process;
  }

  static async start(folder: string, port: number): Promise<GuideServer> {
    const flags = ['--conditions=@headrace/source', '--import', join(root, 'scripts/register.mjs')];
    const started = spawn(process.execPath, [...flags, 'server.ts'], {
      cwd: folder,
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(started.stdout)) {
      if (line.startsWith('open ')) return new GuideServer(started);
    }
    throw new Error('the server of the guide has ended before it listened');
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}

describe.each([CHROMIUM, FIREFOX])('$name', (known) => {
  describe.runIf(known.isThere)(known.suite('the first page of the guide'), () => {
    let folder: string;
    let browser: DrivenBrowser;
    let port: number;
    let server: GuideServer;
    let pages: DrivenPage[];

    beforeAll(async () => {
      // Below the example, whose packages the programs import.
      folder = mkdtempSync(join(root, 'examples/lasting-chat/test/guide-'));
      for (const name of ['index.html', 'page.js', 'server.ts']) {
        writeFileSync(join(folder, name), fromGuide(name));
      }
      writeFileSync(join(folder, 'bundle.js'), await bundlePage(join(folder, 'page.js')));
      browser = await known.launch();
    });
    afterAll(async () => {
      rmSync(folder, { recursive: true });
      await browser.close();
    });
    beforeEach(async () => {
      pages = [];
      port = await freePort();
      server = await GuideServer.start(folder, port);
    });
    afterEach(async () => {
      for (const page of pages) await page.close();
      await server.end('SIGKILL');
    });

    async function enter(name: string, secret: string, room = 'lobby'): Promise<DrivenPage> {
      const page = await browser.newPage();
      pages.push(page);
      await page.goto(`http://127.0.0.1:${port}/`);
      const fields = JSON.stringify({ name, secret, room });
      await page.evaluate(`(() => {
        const [form] = document.forms;
        for (const [name, value] of Object.entries(${fields})) form[name].value = value;
        form.requestSubmit();
        globalThis.wasNotReloaded = true;
      })()`);
      return page;
    }
    const say = (page: DrivenPage, text: string) =>
      page.evaluate(`(() => {
        const [, form] = document.forms;
        form.text.value = ${JSON.stringify(text)};
        form.requestSubmit();
      })()`);
    const shown = (selector: string) => (page: DrivenPage) =>
      page.evaluate(`document.querySelector('${selector}').textContent`);
    const heard = shown('pre');
    const state = shown('output');
    const eventually = (look: (page: DrivenPage) => Promise<unknown>, page: DrivenPage) =>
      expect.poll(() => look(page), { timeout: 20_000 });

    it('signs in, joins a room, says and hears, and no other room does', async () => {
      const [ann, bob] = [await enter('ann', 'sesame'), await enter('bob', 'mellon')];
      const other = await enter('ann', 'sesame', 'garden');
      for (const page of pages) await eventually(state, page).toBe('online');
      await say(ann, 'hello <b>bob</b>');
      await eventually(heard, bob).toBe('ann: hello <b>bob</b>\n');
      await say(bob, 'hello ann');
      await eventually(heard, ann).toBe('ann: hello <b>bob</b>\nbob: hello ann\n');
      await say(other, 'alone');
      await eventually(heard, other).toBe('ann: alone\n');
      expect(await heard(bob)).toBe('ann: hello <b>bob</b>\nbob: hello ann\n');
    });

    it('reports a wrong secret, and does not try again', async () => {
      const eve = await enter('ann', 'guess');
      await eventually(heard, eve).toBe('the server: wrong name or secret\n');
      await eventually(state, eve).toBe('closed');
    });

    it.each(['SIGTERM', 'SIGKILL'] as const)(
      'comes back to a server that was ended by %s, is signed in, and both hear again',
      { timeout: 60_000 },
      async (signal) => {
        const [ann, bob] = [await enter('ann', 'sesame'), await enter('bob', 'mellon')];
        await say(ann, 'one');
        await eventually(heard, ann).toBe('ann: one\n');
        await say(bob, 'two');
        for (const page of pages) await eventually(heard, page).toMatch(/bob: two\n$/);
        await server.end(signal);
        for (const page of pages) await eventually(state, page).not.toBe('online');
        await say(ann, 'said without a server');
        server = await GuideServer.start(folder, port);
        await eventually(heard, ann).toMatch(/ann: said without a server\n$/);
        await eventually(state, bob).toBe('online');
        await say(bob, 'three');
        for (const page of pages) await eventually(heard, page).toMatch(/bob: three\n$/);
        await say(ann, 'four');
        for (const page of pages) {
          await eventually(heard, page).toMatch(/bob: three\nann: four\n$/);
          expect(await page.evaluate('globalThis.wasNotReloaded')).toBe(true);
        }
      },
    );
  });
});
