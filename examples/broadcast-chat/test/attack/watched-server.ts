// The chat in a process that watches itself, run by watched-chat.ts. Argument: the settings as JSON. Each message
// from the parent is answered with a report.
import { startChatServer } from '../../src/chat-server.ts';
import { endOnSignal } from '../../src/end-on-signal.ts';
import { settingsSchema } from '../../src/settings/settings.ts';
import { LoopWatch } from './loop-watch.ts';

const settings = settingsSchema.parse({ port: 0, ...JSON.parse(process.argv[2] ?? '{}') });
const chat = await startChatServer({ settings });
endOnSignal((signal) => chat.shutdown({ signal }));
const watch = new LoopWatch();

process.on('message', (question) => {
  if (question === 'reset') watch.reset();
  const report = watch.report();
  globalThis.gc!();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send!({
    ...report,
    port: chat.server.port,
    members: chat.room.members.size,
    connections: chat.server.connections.size,
    heldBytes: heapUsed + external,
    rssBytes: rss,
  });
  // What the collection took is not the loop's.
  watch.reset();
});
// The parent's messages alone do not keep it alive once it was asked to end.
process.channel?.unref();
process.send!('ready');
