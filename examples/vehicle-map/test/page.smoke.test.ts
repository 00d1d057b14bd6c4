// The page in a real Chromium.
import { createSocket } from 'node:dgram';
import { silentLogger } from '@headrace/core';
import { hasChromium, PageBrowser, suiteName } from 'headrace-example-chat-showcase/testing';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { bundlePage } from '../../../scripts/bundle-page.mjs';
import { startMap } from '../src/map-server.ts';

/** The number of points of a vehicle's color on the map. */
const countPoints = (page: Page): Promise<number> =>
  page.evaluate(`{
    const { width, height } = document.querySelector('canvas');
    const { data } = document.querySelector('canvas').getContext('2d').getImageData(0, 0, width, height);
    data.filter((part, at) => at % 4 === 3 && part > 0).length;
  }`);

describe.runIf(hasChromium)(suiteName('the page of the map'), () => {
  it('is as wide as a phone', async () => {
    await using map = await startMap({
      vehiclePort: 0,
      pagePort: 0,
      program: () => bundlePage(new URL('../src/page.ts', import.meta.url)),
      logger: silentLogger,
    });
    const browser = await PageBrowser.launch();
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true };
    const page = await browser.open(map.pages.port, phone);
    try {
      await page.getByText('0 over UDP (yellow): ready').waitFor();
      expect(await page.evaluate('innerWidth')).toBe(390);
      expect(await page.evaluate("document.querySelector('canvas').width")).toBe(390);
    } finally {
      await browser.closePages();
      await browser.close();
    }
  });

  it('draws the vehicles, and comes back after a lost connection', async () => {
    await using map = await startMap({
      vehiclePort: 0,
      pagePort: 0,
      program: () => bundlePage(new URL('../src/page.ts', import.meta.url)),
      silentMs: 600_000,
      logger: silentLogger,
    });
    const browser = await PageBrowser.launch();
    const socket = createSocket('udp4');
    const says = (text: string) => page.getByText(text).waitFor();
    const report = (id: string, x: number) => {
      socket.send(JSON.stringify({ id, x, y: 0.5 }), map.datagrams.port, '127.0.0.1');
    };
    const page = await browser.open(map.pages.port);
    try {
      await says('0 vehicles over TCP (blue), 0 over UDP (yellow): ready');
      expect(await countPoints(page)).toBe(0);
      report('bike', 0.5);
      await says('0 vehicles over TCP (blue), 1 over UDP (yellow): ready');
      await expect.poll(() => countPoints(page)).toBeGreaterThan(0);
      await page.context().setOffline(true);
      for (const connection of map.pages.connections) connection.abort();
      await says('1 over UDP (yellow): stale');
      await page.context().setOffline(false);
      await says('1 over UDP (yellow): ready');
      expect(browser.complaints.filter((line) => !line.includes('ERR_INTERNET'))).toEqual([]);
    } finally {
      socket.close();
      await browser.closePages();
      await browser.close();
    }
  });
});
