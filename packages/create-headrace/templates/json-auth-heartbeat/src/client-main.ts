// npm run client -- ann: says what you type, prints what others say. Ctrl+D leaves.
import { createInterface } from 'node:readline';
import { connectClient } from './client.ts';
import type { FromClient } from './messages.ts';
import { run } from './run.ts';
import { portSetting, textSetting } from './settings.ts';

const user = process.argv[2] ?? 'ann';

await run(async () => {
  const lines = createInterface({ input: process.stdin });
  const channel = await connectClient(textSetting('HOST', '127.0.0.1'), portSetting('PORT', 9000), {
    refused: (why) => console.error(`refused: ${why}`),
    said: (from, text) => console.log(`${from}: ${text}`),
    welcome: (name) => {
      console.log(`signed in as ${name}; type, and Enter sends`);
      lines.on('line', (text) => send({ type: 'say', text }));
      lines.on('close', () => void channel.end());
    },
  });
  const send = (message: FromClient) => void channel.writeAndFlush(message);
  channel.onClosed(() => {
    console.log(`the connection is closed: ${channel.closeInfo?.reason}`);
    process.exit();
  });
  send({ type: 'login', user, token: textSetting('TOKEN', 'secret') });
  return { shutdown: async () => void (await channel.end()) };
});
