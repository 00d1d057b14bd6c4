import { redisSessionLog } from '@headrace/lasting/redis';
import { createClient, createCluster, createSentinel } from '@redis/client';
import { describe, expect, it } from 'vitest';

const PLACE = { after: undefined, replaces: true };

describe('a log in Redis', () => {
  it('takes a client for one server', () => {
    expect(redisSessionLog({ client: createClient() }).keepMs).toBe(600_000);
    expect(redisSessionLog({ client: { sendCommand: async () => null } }).keepMs).toBe(600_000);
  });

  it.each([
    ['a Redis Cluster', () => createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] })],
    [
      'Sentinel',
      () => createSentinel({ name: 'm', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }),
    ],
  ])('refuses a client of %s with words', (_what, clientOf) => {
    expect(() => redisSessionLog({ client: clientOf() as never })).toThrow(
      /for one server; clients of a Redis Cluster and of Sentinel are not supported/,
    );
  });

  it('says that a server of a Redis Cluster is not supported', async () => {
    const sendCommand = () => Promise.reject(new Error('MOVED 866 10.0.0.7:6379'));
    const log = redisSessionLog({ client: { sendCommand } });
    await expect(log.append('id', Buffer.from('one'), PLACE)).rejects.toThrow(
      'MOVED 866 10.0.0.7:6379: a Redis Cluster is not supported',
    );
  });
});
