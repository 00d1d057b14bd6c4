// The program of a worker, a dedicated or a service worker: the client of a page, which its pages ask through a port.
import { fixed, RequestClient } from '@headrace/client';
import { Buffer } from '@headrace/core/buffer';
import { WebSocketBootstrap } from '@headrace/websocket';
import { calls } from '../../src/tabs/calls.ts';

interface Asked {
  readonly data: string;
  readonly ports: readonly { postMessage(answer: string): void }[];
}

declare function addEventListener(type: 'message', listener: (event: Asked) => void): void;

const heard: string[] = [];
const client = new RequestClient({
  client: {
    bootstrap: new WebSocketBootstrap().handler(
      calls((notice) => {
        heard.push(String(notice));
        return Buffer.alloc(0);
      }),
    ),
    addresses: ['/ws'],
    retry: fixed(300),
  },
});

async function answer({ data, ports: [port] }: Asked): Promise<void> {
  try {
    const said = await client.request(Buffer.from(data));
    port?.postMessage([String(said), ...heard].join(', '));
  } catch (error) {
    port?.postMessage(String(error));
  }
}

// A service worker has its listeners before the first event, or hears none.
addEventListener('message', (event) => void answer(event));
void client.start();
