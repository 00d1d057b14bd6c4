// The chat in a process that watches itself, run by watched-chat.ts. Argument: the settings as JSON. Each question
// of the parent is answered with a report, about the loop or about the memory.
import { startChatServer } from '../../src/chat-server.ts';
import { endOnSignal } from '../../src/end-on-signal.ts';
import { settingsSchema } from '../../src/settings/settings.ts';
import { LoopWatch } from './loop-watch.ts';

const settings = settingsSchema.parse({ port: 0, ...JSON.parse(process.argv[2] ?? '{}') });
const chat = await startChatServer({ settings });
endOnSignal((signal) => chat.shutdown({ signal }));
const watch = new LoopWatch();

process.on('message', (question) => {
  if (question === 'loop') process.send!(watch.report());
  else {
    globalThis.gc!();
    const { heapUsed, external } = process.memoryUsage();
    process.send!({ port: chat.server.port, heldBytes: heapUsed + external });
  }
  // What the collection took is not the loop's.
  watch.reset();
});
// The parent's messages alone do not keep it alive once it was asked to end.
process.channel?.unref();
process.send!('ready');
