// The page in a real Chromium.
import { hasChromium, PageBrowser, suiteName } from 'headrace-example-chat-showcase/testing';
import { describe, expect, it } from 'vitest';
import { pageFiles } from '../src/page-files.ts';
import { heardBy, runChat } from './running-chat.ts';

describe.runIf(hasChromium)(suiteName('the page of the chat'), () => {
  it('talks, and has what it missed after a lost connection', async () => {
    await using chat = await runChat(pageFiles());
    const ann = chat.connect('ann');
    const toAnn = heardBy(ann);
    await ann.emitWithAck('join', 'garden');
    const browser = await PageBrowser.launch();
    try {
      const page = await browser.open(chat.server.port);
      const says = (text: string) => page.getByText(text, { exact: true }).waitFor();
      await page.getByLabel('Name').fill('page');
      await page.getByText('Join', { exact: true }).click();
      await says('in the garden, with 1 others');
      await page.getByLabel('Text').fill('hello');
      await page.getByText('Say', { exact: true }).click();
      await says('you: hello (heard by 1)');
      await expect.poll(() => toAnn).toEqual(['page: hello']);
      await page.context().setOffline(true);
      for (const connection of chat.server.connections) connection.abort();
      await page.getByText('not connected:').waitFor();
      await expect.poll(() => ann.connected && ann.recovered).toBe(true);
      await ann.emitWithAck('say', 'missed');
      await page.context().setOffline(false);
      await says('back in the garden');
      await says('ann: missed');
      expect(browser.complaints.filter((line) => !line.includes('ERR_INTERNET'))).toEqual([]);
    } finally {
      await browser.closePages();
      await browser.close();
    }
  });
});
