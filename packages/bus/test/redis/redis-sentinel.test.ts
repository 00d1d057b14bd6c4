import { passTime, VirtualClock } from '@headrace/core/testing';
import type { RedisClientOptions } from '@redis/client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BusHost } from '../../src/bus/bus.ts';
import { ServerOrder } from '../../src/bus/server-order.ts';
import type { RedisClient } from '../../src/redis/redis-client.ts';
import { masterUrl } from '../../src/redis/redis-sentinel.ts';

/** The answer of a Sentinel, or what it does in place of one. */
type Answer = readonly string[] | null | 'refuses' | 'is silent';

describe('the address of a master', () => {
  let clock: VirtualClock;
  let answers: Record<string, Answer>;
  let asked: string[];
  let destroyed: string[];
  /** What each Sentinel says of the others. */
  let others: readonly (readonly string[])[] | Error;

  beforeEach(() => {
    others = [];
    clock = new VirtualClock();
    answers = {};
    asked = [];
    destroyed = [];
  });

  const create = ({ url = '', username, socket }: RedisClientOptions): RedisClient => {
    const answer = answers[url];
    return {
      on: () => {},
      connect: async () => {
        if (answer === 'refuses') throw new Error(`${url} refuses`);
      },
      sendCommand: (command: readonly string[]) => {
        if (command[1] === 'SENTINELS') {
          return others instanceof Error ? Promise.reject(others) : Promise.resolve(others);
        }
        asked.push(`${url} ${command.join(' ')} ${username} ${socket?.tls}`);
        return answer === 'is silent' ? new Promise(() => {}) : Promise.resolve(answer);
      },
      destroy: () => void destroyed.push(url),
    } as never;
  };
  const ask = (url: string, sentinels = new ServerOrder(Object.keys(answers))) => {
    const host = { clock, random: () => 0 } as unknown as BusHost;
    const client = { url, username: 'node', socket: { tls: true } } as const;
    const question = { create, client: client as never, sentinels, ms: 3000 };
    return masterUrl(question, host, new AbortController().signal);
  };

  it('is what a Sentinel answers, with the rest of the URL', async () => {
    answers = { 'redis://watch:key@a:26379': ['10.0.0.7', '6380'] };
    expect(await ask('rediss://user:p%40ss@my_Master/3')).toBe(
      'rediss://user:p%40ss@10.0.0.7:6380/3',
    );
    // With its own credentials, and the certificates of all.
    expect(asked).toEqual([
      'redis://watch:key@a:26379 SENTINEL GET-MASTER-ADDR-BY-NAME my_Master undefined true',
    ]);
    expect(destroyed).toEqual(['redis://watch:key@a:26379']);
  });

  it('may be one of IPv6', async () => {
    answers = { 'redis://a': ['::1', '6379'] };
    expect(await ask('redis://mymaster')).toBe('redis://[::1]:6379');
  });

  it('is asked for at the next one when a Sentinel refuses, is silent for its share, or does not know it', async () => {
    answers = {
      'redis://a': 'refuses',
      'redis://b': 'is silent',
      'redis://c': null,
      'redis://d': ['10.0.0.8', '6379'],
    };
    const asking = ask('redis://mymaster');
    await passTime(clock, 1000);
    expect(await asking).toBe('redis://10.0.0.8:6379');
    expect(destroyed).toEqual(['redis://a', 'redis://b', 'redis://c', 'redis://d']);
  });

  it('says what the last one said when none knows it', async () => {
    answers = { 'redis://a': 'refuses', 'redis://user:secret@b:7000': null };
    await expect(ask('redis://mymaster')).rejects.toThrow(
      /^the Sentinel b:7000 knows no master with the name mymaster$/,
    );
  });

  it('is asked for at the Sentinels that a Sentinel has named, with its credentials', async () => {
    const order = new ServerOrder(['redis://watch:key@a:26379']);
    others = [
      ['name', 'x', 'ip', '10.0.0.2', 'port', '26380', 'flags', 'sentinel'],
      ['ip', '::1', 'port', '7'],
    ];
    answers = { 'redis://watch:key@a:26379': ['10.0.0.7', '6380'] };
    await ask('redis://mymaster', order);
    answers = {
      'redis://watch:key@a:26379': 'refuses',
      'redis://watch:key@10.0.0.2:26380': 'refuses',
      'redis://watch:key@[::1]:7': ['10.0.0.8', '6380'],
    };
    expect(await ask('redis://mymaster', order)).toBe('redis://10.0.0.8:6380');
  });

  it('is known from a Sentinel that does not name the others', async () => {
    others = new Error('NOPERM');
    answers = { 'redis://a': ['10.0.0.7', '6380'] };
    expect(await ask('redis://mymaster')).toBe('redis://10.0.0.7:6380');
  });
});
