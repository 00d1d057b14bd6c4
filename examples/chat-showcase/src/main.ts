// A chat room on one port: `npm start`, then http://127.0.0.1:18888/, `npm run chat -- NAME` or `nc 127.0.0.1 18888`.
// Settings: a JSON file named as the argument or in SETTINGS_FILE, and variables such as NETTY_TCP_PORT.
// PAGE_FOLDER may name a folder with a page of your own.
import type { HeadraceError } from '@headrace/core';
import { ChatAdmin } from './admin/chat-admin.ts';
import { startChatServer } from './chat-server.ts';
import { endOnSignal } from './end-on-signal.ts';
import { readPageFiles } from './http/page-files.ts';
import { loadSettings } from './settings/load-settings.ts';

// A reader of the output may end, as `head` does: the server goes on.
process.stdout.on('error', () => {});
let admin: ChatAdmin | undefined;
try {
  const { argv, env } = process;
  const settings = loadSettings({ file: argv[2] ?? env['SETTINGS_FILE'], env });
  if (!settings.enable) console.log('not listening: netty.tcp.enable is false');
  else if (settings.workerThreads > 1) {
    const { runWorkerChat } = await import('./cluster/run-worker-chat.ts');
    await runWorkerChat(settings, env['PAGE_FOLDER']);
  } else {
    const files = readPageFiles(env['PAGE_FOLDER']);
    admin = await ChatAdmin.start(settings);
    const chat = await startChatServer({ settings, files, metrics: admin?.metrics });
    admin?.opened(chat);
    console.log(chat.listening);
    if (admin !== undefined) console.log(`admin on port ${admin.port}`);
    endOnSignal((signal) => {
      admin?.drain();
      return chat.shutdown({ signal });
    });
  }
} catch (error) {
  const { message, details } = error as HeadraceError;
  const cure = details?.['code'] === 'EADDRINUSE' ? '; NETTY_TCP_PORT=0 picks a free one' : '';
  console.error(`broadcast-chat: ${message}${cure}`);
  process.exitCode = 1;
  await admin?.close();
}
