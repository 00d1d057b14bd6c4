import { once } from 'node:events';
import net from 'node:net';
import {
  type Channel,
  type RejectedError,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ConnectionLimitHandler,
  type ConnectionLimitOptions,
} from '../../src/limit/connection-limit-handler.ts';

let server: Server;
const sockets: net.Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function start(options: ConnectionLimitOptions) {
  const limit = new ConnectionLimitHandler(options);
  let built = 0;
  server = await new ServerBootstrap()
    .options({ logger: silentLogger })
    .handler((listening) => listening.pipeline.addLast(limit))
    .childHandler((channel) => {
      built += 1;
      channel.pipeline.addLast({
        channelActive: (ctx) => void ctx.writeAndFlush(Buffer.from('hi')),
      });
    })
    .bind({ host: '127.0.0.1', port: 0 });
  return { limit, pipelinesBuilt: () => built };
}

/** Connects from an address and returns what comes first, `''` if the connection ends without a word. */
async function greeted(from: string): Promise<{ text: string; socket: net.Socket }> {
  const socket = net.connect({ host: '127.0.0.1', port: server.port, localAddress: from });
  sockets.push(socket);
  const text = await new Promise<string>((resolve) => {
    socket.once('data', (bytes) => resolve(bytes.toString()));
    socket.once('close', () => resolve(''));
    socket.on('error', () => {});
  });
  return { text, socket };
}

describe('ConnectionLimitHandler on sockets', () => {
  it('refuses before the pipeline is built, for each address and in total', async () => {
    const { limit, pipelinesBuilt } = await start({ total: 3, perAddress: 2 });
    const first = await greeted('127.0.0.2');
    expect(first.text).toBe('hi');
    expect((await greeted('127.0.0.2')).text).toBe('hi');
    expect((await greeted('127.0.0.2')).text).toBe('');
    expect((await greeted('127.0.0.3')).text).toBe('hi');
    expect((await greeted('127.0.0.4')).text).toBe('');
    expect(pipelinesBuilt()).toBe(3);
    expect(limit.counters).toEqual({ accepted: 3, refusedTotal: 1, refusedPerAddress: 1 });

    const [child] = server.connections;
    first.socket.resetAndDestroy();
    await child!.closed;
    expect(limit.openOf('127.0.0.2')).toBe(1);
    expect((await greeted('127.0.0.2')).text).toBe('hi');
  });

  it('lets a refused connection say its last word', async () => {
    const errors: RejectedError[] = [];
    const onRefused = (child: Channel, error: RejectedError) => {
      errors.push(error);
      child.pipeline.addLast({
        channelActive(ctx) {
          ctx.write(Buffer.from('ERR:TOO_MANY\n'));
          ctx.channel.end({ reason: 'refused' });
        },
      });
    };
    await start({ total: 1, onRefused });
    await greeted('127.0.0.2');
    const { text, socket } = await greeted('127.0.0.3');
    expect(text).toBe('ERR:TOO_MANY\n');
    if (!socket.destroyed) await once(socket, 'close');
    expect(errors.map(({ code }) => code)).toEqual(['HR_ERR_REJECTED_TOTAL']);
    expect(server.connections.size).toBe(1);
  });
});
