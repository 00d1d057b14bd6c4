// Substreams in a page in real Chromium.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { YamuxHandler } from '@headrace/yamux';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';
import { browserGlobals, forBrowsers } from '../../../../scripts/for-browsers.mjs';
import { HttpEndpoint } from '../../src/index.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);

if (!hasChromium && process.env['CI'] === 'true') {
  throw new Error(`no Chromium at ${executablePath}: set CHROMIUM_PATH`);
}

async function scriptOfPage(): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL('fixture/page.ts', import.meta.url)),
    platform: 'browser',
    plugins: [forBrowsers()],
    transform: { inject: browserGlobals() },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  return output[0].code;
}

it.skipIf(!hasChromium)('a page opens substreams, and so does its server', async () => {
  const text = `<!doctype html><script type="module">${await scriptOfPage()}</script>`;
  const endpoint = new HttpEndpoint({
    request: (_request, response) => response.end(text),
    webSocket: (channel) => {
      const yamux = new YamuxHandler({
        role: 'server',
        childHandler: (substream) => void substream.pipeline.addLast(new EchoHandler()),
      });
      return channel.pipeline.addLast(yamux, {
        channelActive(ctx) {
          void yamux.open(() => {}).then((one) => one.writeAndFlush(Buffer.from('welcome')));
          ctx.fireChannelActive();
        },
      });
    },
  });
  const server = await new ServerBootstrap()
    .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/`);
    const texts = ['a ä', 'b'.repeat(600), 'c'];
    const talk = (given: readonly string[]) =>
      (globalThis as unknown as { talk(texts: readonly string[]): Promise<string[]> }).talk(given);
    expect(await page.evaluate(talk, texts)).toEqual([...texts, 'welcome']);
  } finally {
    await browser.close();
    await server.close();
  }
});
