import type { RedisClient } from '@headrace/bus/redis';
import { describe, expect, it } from 'vitest';
import { RedisLogLink } from '../../src/redis/redis-log-link.ts';

describe('RedisLogLink', () => {
  it('opens a stream when the server that read its files has done so', async () => {
    let isLoading = true;
    const asked: unknown[] = [];
    const sendCommand = async (command: readonly unknown[]) => {
      asked.push(command[0]);
      if (isLoading) throw new Error('LOADING Redis is loading the dataset in memory');
    };
    const link = new RedisLogLink({
      client: { sendCommand } as unknown as RedisClient,
      types: {} as never,
      runId: 'run',
      subscribe: () => () => {},
      warn: () => {},
      lose: () => {},
    });
    const limits = { messages: 10, ageMs: 1000 };
    await expect(link.open('hr.papp.d.proom', limits)).rejects.toThrow('LOADING');
    isLoading = false;
    await link.open('hr.papp.d.proom', limits);
    await link.open('hr.papp.d.pother', limits);
    expect(asked).toEqual(['SCRIPT', 'SCRIPT', 'SCRIPT', 'SCRIPT']);
  });
});
