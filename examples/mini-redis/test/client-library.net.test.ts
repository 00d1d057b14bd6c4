import { once } from 'node:events';
import type { Server } from '@headrace/core';
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMiniRedis } from '../src/mini-redis.ts';

let server: Server;

beforeEach(async () => {
  server = await startMiniRedis({ port: 0 });
});

afterEach(async () => {
  await server.shutdown({ drainTimeoutMs: 1 });
});

describe.each([2, 3] as const)('a real client library, version %d of the protocol', (RESP) => {
  const connect = () =>
    createClient({ RESP, socket: { port: server.port, host: '127.0.0.1' } }).connect();

  it('reads and writes', async () => {
    const client = await connect();
    expect(await client.ping()).toBe('PONG');
    expect(await client.echo('hello')).toBe('hello');
    expect(
      await client.set('k', 'v', { expiration: { type: 'EX', value: 10 }, condition: 'NX' }),
    ).toBe('OK');
    expect(await client.get('k')).toBe('v');
    expect(await client.ttl('k')).toBe(10);
    expect(await client.incr('n')).toBe(1);
    expect(await client.expire('n', 5)).toBe(1);
    expect(await client.mGet(['k', 'n', 'x'])).toEqual(['v', '1', null]);
    expect(await client.del(['k', 'x'])).toBe(1);
    await expect(client.sendCommand(['NOPE'])).rejects.toThrow(/unknown command 'NOPE'/);
    await client.close();
  });

  it('keeps the order of a thousand commands that are on their way together', async () => {
    const client = await connect();
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, at) =>
        at % 2 === 0 ? client.set(`k${at}`, String(at)) : client.get(`k${at - 1}`),
      ),
    );
    expect(answers.filter((_, at) => at % 2 === 1)).toEqual(
      Array.from({ length: 500 }, (_, at) => String(2 * at)),
    );
    await client.close();
  });

  it('keeps a megabyte of any bytes', async () => {
    const client = await connect();
    const value = 'é\r\n'.repeat(250_000);
    await client.set('big', value);
    expect(await client.get('big')).toBe(value);
    await client.close();
  });

  it('publishes and listens', async () => {
    const [listener, speaker] = [await connect(), await connect()];
    const heard: string[] = [];
    const arrival = new Promise<void>((resolve) => {
      const hear = (message: string): void => {
        heard.push(message);
        if (heard.length === 3) resolve();
      };
      void listener.subscribe('news', hear).then(async () => {
        for (const text of ['one', 'two', 'three'])
          expect(await speaker.publish('news', text)).toBe(1);
      });
    });
    await arrival;
    expect(heard).toEqual(['one', 'two', 'three']);
    await listener.unsubscribe('news');
    expect(await speaker.publish('news', 'four')).toBe(0);
    await Promise.all([listener.close(), speaker.close()]);
  });
});

describe('more clients than allowed', () => {
  it('get an error', async () => {
    const small = await startMiniRedis({ port: 0, maxClients: 1 });
    const first = createClient({ socket: { port: small.port } });
    await first.connect();
    const { connect } = await import('node:net');
    const socket = connect(small.port!, '127.0.0.1');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(String(bytes)).toBe('-ERR max number of clients reached\r\n');
    await first.close();
    await small.shutdown({ drainTimeoutMs: 1 });
  });
});
