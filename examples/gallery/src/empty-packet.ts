// The server sends an empty frame after 10 s of quiet, and the client sends the same back: who does not is gone.
import { createInterface } from 'node:readline';
import { ReconnectingClient } from '@headrace/client';
import { lengthPrefixed, StringCodec } from '@headrace/codec';
import { Bootstrap, handler, ServerBootstrap } from '@headrace/core';
import {
  ConnectionLimitHandler,
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  HeartbeatMissedEvent,
  type HeartbeatOptions,
  HeartbeatReceivedEvent,
  IdleCloseHandler,
  IdleStateHandler,
  messageHeartbeat,
} from '@headrace/handlers';
import { endsBySignal, listening, type Role, type System, shown } from './start.ts';

const MAX_FRAME = { maxFrameLength: 1024 };

/** An empty frame, or one that carries data after a byte of 0; the answer is the same frame. */
const formatOf = (data?: () => string) =>
  messageHeartbeat<Buffer>({
    ping: () => Buffer.from(data === undefined ? '' : `\0${data()}`),
    isPing: (frame) => frame.length === 0 || frame[0] === 0,
    pong: (ping) => ping,
  });

const withTime = formatOf(() => new Date().toISOString());

const printer = (name: string) =>
  handler<{ reads: string; passesOn: never }>({
    channelRead: (_ctx, text) => console.log(`${name}: ${shown(text)}`),
    userEventTriggered(ctx, event) {
      if (event instanceof HeartbeatReceivedEvent) {
        console.log(`${name}: heartbeat ${shown(String(event.message).slice(1))}`.trim());
      } else if (event instanceof HeartbeatMissedEvent) {
        console.log(`${name}: ${event.missed} missed`);
      } else ctx.fireUserEventTriggered(event);
    },
  });

/** Without `rules` for heartbeats it is left to TCP keepalive to find who is gone. */
export function buildServer(rules?: HeartbeatOptions<Buffer>): ServerBootstrap {
  const limit = new ConnectionLimitHandler({ perAddress: 10 });
  let clients = 0;
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(limit))
    .childOptions(rules === undefined ? { keepAliveInitialDelayMs: 5000 } : {})
    .childHandler((channel) => {
      const name = `client ${++clients}`;
      console.log(`${name} is there`);
      channel.onClosed(({ closeInfo }) => console.log(`${name} is gone: ${closeInfo?.reason}`));
      channel.pipeline.addLast(
        ...lengthPrefixed(MAX_FRAME),
        new HeartbeatHandler({ format: formatOf(), ...rules }),
        new StringCodec(),
        new IdleStateHandler({ allIdleMs: 120_000 }),
        new IdleCloseHandler({ state: 'all' }),
        printer(name),
      );
    });
}

/** It only answers; a server that is silent for so long is gone. */
export const buildClient = (silenceMs: number) =>
  new Bootstrap().handler(({ pipeline }) => {
    const heartbeat = new HeartbeatHandler({ format: formatOf(), silenceMs });
    pipeline.addLast(...lengthPrefixed(MAX_FRAME), heartbeat, new StringCodec(), printer('server'));
  });

function serving(rules?: HeartbeatOptions<Buffer>): Role {
  return async ({ host, port }) => {
    const server = await buildServer(rules).bind({ host, port });
    listening(server, host);
    for await (const line of createInterface(process.stdin)) server.connections.writeAndFlush(line);
  };
}

export const system: System = {
  what: 'heartbeats as echoes of empty frames: who is stopped or cut off is found in time',
  defaults: { port: 9001, intervalMs: 10_000 },
  roles: {
    server: serving(HEARTBEAT_PRESETS.relaxed),
    strict: serving({ ...HEARTBEAT_PRESETS.strict, format: withTime }),
    keepalive: serving(),
    async client({ host, port, intervalMs }) {
      const bootstrap = buildClient(3 * intervalMs);
      const client = new ReconnectingClient({ bootstrap, addresses: [{ host, port }] });
      void client.start();
      endsBySignal(() => client.close());
      for await (const line of createInterface(process.stdin)) client.writeAndFlush(line);
    },
  },
  whole: ['server', 'client'],
  peers: { server: 'empty-packet.c', echo: 'empty-packet.c', deaf: 'empty-packet.c' },
};
