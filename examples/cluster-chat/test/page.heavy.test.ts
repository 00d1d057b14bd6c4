// The page over three nodes, in a real browser: its node is killed, and it comes back with what was said.
import {
  hasChromium,
  hears,
  PageBrowser,
  say,
  suiteName,
} from 'headrace-example-chat-showcase/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { endNodes, startNodes } from './chat-nodes.ts';

afterAll(endNodes);

describe.skipIf(!hasChromium)(suiteName('the page on three nodes'), () => {
  it('chats over nodes, and comes back by itself when its node is killed', {
    timeout: 120_000,
  }, async () => {
    const chat = startNodes();
    const port = await chat.port();
    const pids = await chat.nodes(3);
    const browser = await PageBrowser.launch();
    try {
      const ann = await browser.signIn(port, 'ann');
      const bob = await browser.signIn(port, 'bob');
      await say(ann, 'hello from ann');
      await hears(bob, 'hello from ann');
      await say(bob, 'hello from bob');
      await hears(ann, 'hello from bob');
      for (const pid of pids) {
        process.kill(pid, 'SIGKILL');
        await chat.says(
          new RegExp(`(?:^node \\d: process \\d+\\n[^]*?){${4 + pids.indexOf(pid)}}`, 'm'),
        );
        await say(ann, `after ${pid}`);
        await hears(bob, `after ${pid}`);
        await hears(ann, `after ${pid}`);
      }
      const texts = await bob.getByTestId('messages').textContent();
      for (const pid of pids) expect(texts!.split(`after ${pid}`)).toHaveLength(2);
      const folder = process.env['SCREENSHOTS'];
      if (folder !== undefined) await bob.screenshot({ path: `${folder}/bob.png` });
    } finally {
      await browser.close();
    }
  });
});
