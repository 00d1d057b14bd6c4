// A chat room on one port: `npm start`, then http://127.0.0.1:18888/, `npm run chat -- NAME` or `nc 127.0.0.1 18888`.
// Settings: a JSON file named as the argument or in SETTINGS_FILE, and variables such as NETTY_TCP_PORT.
import { startChatServer } from './chat-server.ts';
import { endOnSignal } from './end-on-signal.ts';
import { loadSettings } from './settings/load-settings.ts';

try {
  const { argv, env } = process;
  const settings = loadSettings({ file: argv[2] ?? env['SETTINGS_FILE'], env });
  if (settings.enable) {
    const chat = await startChatServer({ settings });
    console.log(chat.listening);
    endOnSignal((signal) => chat.shutdown({ signal }));
  } else console.log('not listening: netty.tcp.enable is false');
} catch (error) {
  console.error(`broadcast-chat: ${(error as Error).message}`);
  process.exitCode = 1;
}
