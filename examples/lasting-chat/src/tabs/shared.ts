// The shared worker: one connection to the server, whatever number of tabs is open.
import { fixed, RequestClient } from '@headrace/client';
import { isHeadraceError } from '@headrace/core';
import { Buffer } from '@headrace/core/buffer';
import { ExchangeHandler, refusal } from '@headrace/rpc';
import { TabServer } from '@headrace/tabs';
import { WebSocketBootstrap } from '@headrace/websocket';
import { calls } from './calls.ts';

const nothing = Buffer.alloc(0);

// First of all: the event of the first tab does not wait.
const server = new TabServer({
  // A call of a tab is one of the worker's; it ends when the tab leaves.
  pipeline: calls(async (request, { signal }) => {
    try {
      return await client.request(request, { signal });
    } catch (error) {
      if (!isHeadraceError(error, 'REQUEST_REFUSED')) throw error;
      throw refusal(Number(error.details['code']), String(error.details['text']));
    }
  }),
}).listen();

const client = new RequestClient({
  client: {
    bootstrap: new WebSocketBootstrap().handler(
      calls((notice) => {
        for (const tab of server.tabs) tab.pipeline.get(ExchangeHandler)?.notify(notice);
        return nothing;
      }),
    ),
    addresses: ['/ws'],
    retry: fixed(300),
  },
});
void client.start();
