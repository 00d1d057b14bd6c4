// A chat room on one port: `npm start`, then http://127.0.0.1:18888/, `npm run chat -- NAME` or `nc 127.0.0.1 18888`.
// Settings: a JSON file named as the argument or in SETTINGS_FILE, and variables such as NETTY_TCP_PORT.
import type { HeadraceError } from '@headrace/core';
import { ChatAdmin } from './admin.ts';
import { startChatServer } from './chat-server.ts';
import { loadSettings, type Settings } from './settings.ts';

// A reader of the output may end, as `head` does: the server goes on.
process.stdout.on('error', () => {});
const { argv, env } = process;
let admin: ChatAdmin | undefined;
try {
  const settings = loadSettings({ file: argv[2] ?? env['SETTINGS_FILE'], env });
  if (settings.enable) await run(settings);
  else console.log('not listening: netty.tcp.enable is false');
} catch (error) {
  const { message, details } = error as HeadraceError;
  const cure = details?.['code'] === 'EADDRINUSE' ? '; NETTY_TCP_PORT=0 picks a free one' : '';
  console.error(`broadcast-chat: ${message}${cure}`);
  process.exitCode = 1;
  await admin?.close();
}

async function run(settings: Settings): Promise<void> {
  admin = await ChatAdmin.start(settings);
  const chat = await startChatServer({ settings, metrics: admin?.metrics });
  admin?.opened(chat);
  console.log(chat.listening);
  const signIn = settings.tokens === undefined ? 'AUTH:ann' : 'AUTH:NAME:TOKEN';
  console.log(`in nc, type ${signIn} and Enter within ${settings.authSeconds} s, then any text`);
  if (admin !== undefined) console.log(`admin on port ${admin.port}`);
  endOnSignal((signal) => {
    admin?.drain();
    return chat.shutdown({ signal });
  });
}

/** Runs a shutdown on the first SIGINT or SIGTERM, then exits with 0; a second signal ends the waiting. */
function endOnSignal(shutdown: (signal: AbortSignal) => Promise<void>): void {
  const force = new AbortController();
  let ending: Promise<never> | undefined;
  const onSignal = (): void => {
    if (ending !== undefined) force.abort();
    ending ??= shutdown(force.signal).then(() => process.exit(0));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}
