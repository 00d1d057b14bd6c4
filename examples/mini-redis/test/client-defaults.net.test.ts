import type { Server } from '@headrace/core';
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMiniRedis } from '../src/mini-redis.ts';

let server: Server;

beforeEach(async () => {
  server = await startMiniRedis({ port: 0 });
});

afterEach(async () => {
  await server.shutdown({ drainTimeoutMs: 1 });
});

describe('a client library that is given nothing but the address connects and works', () => {
  it('ioredis', async () => {
    const redis = new Redis(server.port!, '127.0.0.1');
    const errors: unknown[] = [];
    redis.on('error', (error) => {
      errors.push(error);
      redis.disconnect();
    });
    try {
      expect(await redis.set('k', 'v')).toBe('OK');
      expect(await redis.get('k')).toBe('v');
      const listener = redis.duplicate();
      const heard = new Promise((resolve) => {
        listener.once('message', (name, text) => resolve([name, text]));
      });
      await listener.subscribe('news');
      await redis.publish('news', 'one');
      expect(await heard).toEqual(['news', 'one']);
      await listener.quit();
      await redis.quit();
      expect(errors).toEqual([]);
    } finally {
      redis.disconnect();
    }
  });

  it('node-redis', async () => {
    const errors: unknown[] = [];
    const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
    client.on('error', (error) => errors.push(error));
    await client.connect();
    expect(await client.set('k', 'v')).toBe('OK');
    expect(await client.get('k')).toBe('v');
    await client.close();
    expect(errors).toEqual([]);
  });
});
