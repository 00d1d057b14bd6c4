// A tab: the client that another page has over a WebSocket, over the shared worker.
import { fixed, RequestClient } from '@headrace/client';
import { Buffer } from '@headrace/core/buffer';
import { OwnConnectionEvent, SharedWorkerBootstrap, type SharedWorkerLike } from '@headrace/tabs';
import { calls } from './calls.ts';

declare const SharedWorker: new (url: string, name: string) => SharedWorkerLike;

const heard: string[] = [];
const events: string[] = [];
const build = calls((notice) => {
  heard.push(String(notice));
  return Buffer.alloc(0);
});

const client = new RequestClient({
  client: {
    bootstrap: new SharedWorkerBootstrap().options({ otherwise: '/ws' }).handler((channel) => {
      build(channel);
      channel.pipeline.addLast({
        userEventTriggered(ctx, event) {
          if (event instanceof OwnConnectionEvent) events.push('a connection of its own');
          ctx.fireUserEventTriggered(event);
        },
      });
    }),
    // Another version of the program is another worker: a tab that was open before keeps the old one.
    addresses: [() => new SharedWorker('/shared.js', 'calls-1')],
    retry: fixed(300),
  },
});
for (const one of client.clients) one.on('state', ({ name }) => events.push(name));
void client.start();

/** For the console of the browser. */
Object.assign(globalThis, {
  heard,
  events,
  call: async (text: string) => String(await client.request(Buffer.from(text))),
  close: () => client.close(),
});
