// The servers of the examples in a process that says what it holds, for one-connection.figures.heavy.test.ts: first their
// ports, then, for each message of the parent, the bytes that are needed.
import type { AddressInfo, Server as NetServer } from 'node:net';
import { createServer } from 'node:net';
import { lengthPrefixed } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

/** Not imported as the others are: the examples are projects of their own to the compiler. */
const example = (file: string) =>
  import(new URL(`../../examples/${file}.ts`, import.meta.url).href);

const quiet = { isEnabled: () => false, log: () => {} };
const at = { host: '127.0.0.1', port: 0 };

/** A target that takes nothing. */
async function silentTarget(): Promise<{ host: string; port: number }> {
  const server: NetServer = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const STARTS: Readonly<Record<string, () => Promise<number>>> = {
  'chat-showcase': async () => {
    const { settingsSchema } = await example('chat-showcase/src/settings');
    const { startChatServer } = await example('chat-showcase/src/chat-server');
    return (await startChatServer({ settings: settingsSchema.parse({ port: 0 }) })).server.port;
  },
  'mini-redis': async () => {
    const { startMiniRedis } = await example('mini-redis/src/mini-redis');
    return (await startMiniRedis({ port: 0 })).port;
  },
  'long-connection-server': async () => {
    const { LongConnectionServer } = await example(
      'long-connection-server/src/long-connection-server',
    );
    return new LongConnectionServer({ port: 0 }).start();
  },
  'device-gateway': async () => {
    const { DeviceGateway } = await example('device-gateway/src/device-gateway');
    return new DeviceGateway({ authenticate: () => true }).start();
  },
  'lasting-chat': async () => {
    const { startServer } = await example('lasting-chat/src/lasting-server');
    const { openRoom } = await example('lasting-chat/src/room');
    const room = openRoom({ password: 'open sesame' });
    return (await startServer({ room, port: 0, logger: quiet })).port;
  },
  'port-forwarder': async () => {
    const { startForwarder } = await example('port-forwarder/src/port-forwarder');
    return (await startForwarder({ port: 0, to: await silentTarget(), logger: quiet })).port;
  },
  // Calls that never end, as many as the defaults allow.
  calls: async () => {
    const handle = (): Promise<undefined> => new Promise(() => {});
    const server = await new ServerBootstrap()
      .childHandler((channel) =>
        channel.pipeline.addLast(
          ...lengthPrefixed({ maxFrameLength: 65_536 }),
          new ExchangeHandler({ format: binaryExchange(), handle, timeoutMs: 60_000 }),
        ),
      )
      .bind(at);
    return server.port;
  },
};

const ports: Record<string, number> = {};
for (const [name, start] of Object.entries(STARTS)) ports[name] = await start();
process.on('message', () => {
  for (let i = 0; i < 3; i++) globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  process.send!(heapUsed + external);
});
process.send!(ports);
