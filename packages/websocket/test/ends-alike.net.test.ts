// The contracts of core that hold for channels of messages, over both ends of a WebSocket.
import { type Channel, type Handler, ServerBootstrap, silentLogger } from '@headrace/core';
import {
  describeEarlyWrites,
  describeEnds,
  describeLastAnswers,
  type End,
} from '@headrace/core/testing';
import { HttpEndpoint, WebSocketBootstrap, type WebSocketCompression } from '@headrace/websocket';
import { describe, expect, it } from 'vitest';

const runner = { describe, it, expect };

/** The options of an end. A WebSocket has no ends of halves, so it takes no `allowHalfOpen`. */
function optionsOf({ options: { allowHalfOpen: _, ...options } }: End) {
  return options;
}

/** A server and one client of it. */
async function connected(server: End, client: End, compression: WebSocketCompression = false) {
  let accept: (channel: Channel) => void = () => {};
  const accepted = new Promise<Channel>((resolve) => {
    accept = resolve;
  });
  const endpoint = new HttpEndpoint({
    compression,
    webSocketOptions: optionsOf(server),
    webSocket: (channel) => {
      accept(channel as Channel);
      channel.pipeline.addLast(server.handler);
    },
  });
  const listening = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  const opened = await new WebSocketBootstrap()
    .options({ logger: silentLogger, compression, ...optionsOf(client) })
    .handler(({ pipeline }) => void pipeline.addLast(client.handler))
    .connect(`ws://127.0.0.1:${listening.port}/ws`);
  return {
    ofServer: await accepted,
    ofClient: opened as Channel,
    close: () => listening.close(),
  };
}

describeEarlyWrites(runner, {
  name: 'WebSocket, server and client',
  open: (near: Handler, far: Handler) =>
    connected({ options: {}, handler: far }, { options: {}, handler: near }),
});

describeEnds(runner, {
  name: 'WebSocket, server and client',
  open: async (near, far) => {
    const { ofServer, ofClient, close } = await connected(far, near);
    return { near: ofClient, far: ofServer, close };
  },
});

for (const [how, compression] of [
  ['plain', false],
  ['compressed', { thresholdBytes: 1 }],
  ['compressed, windows kept', { thresholdBytes: 1, keepContext: true }],
] as const) {
  describeLastAnswers(runner, {
    name: `a WebSocket's server, ${how}`,
    open: async (near, far) => {
      const { ofServer, ofClient, close } = await connected(far, near, compression);
      return { near: ofClient, far: ofServer, close };
    },
  });
  describeLastAnswers(runner, {
    name: `a WebSocket's client, ${how}`,
    open: async (near, far) => {
      const { ofServer, ofClient, close } = await connected(near, far, compression);
      return { near: ofServer, far: ofClient, close };
    },
  });
}
