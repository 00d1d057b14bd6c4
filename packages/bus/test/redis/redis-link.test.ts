import { EventEmitter } from 'node:events';
import type { RedisClient } from '@headrace/bus/redis';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { redisStores } from '../../../store/test/fixture/engines.ts';
import { RedisLink } from '../../src/redis/redis-link.ts';
import { refusalOf } from '../../src/redis/redis-role.ts';

const MASTER = '# Server\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\n';

/** A connection to a server that answers INFO. */
class FakeClient extends EventEmitter {
  info = MASTER;
  asked = 0;
  isDestroyed = false;
  refusal: string | undefined = undefined;

  async sendCommand(command: readonly unknown[]): Promise<unknown> {
    if (command[0] === 'EVALSHA') throw new Error(this.refusal);
    this.asked += 1;
    return this.info;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

describe('a link to Redis', () => {
  let clock: VirtualClock;
  let publisher: FakeClient;
  let subscriber: FakeClient;
  let link: RedisLink;
  let losses: (string | undefined)[];

  beforeEach(() => {
    clock = new VirtualClock();
    publisher = new FakeClient();
    subscriber = new FakeClient();
    losses = [];
    link = new RedisLink(
      {
        publisher: publisher as unknown as RedisClient,
        subscriber: subscriber as unknown as RedisClient,
        peer: { RESP_TYPES: {} } as never,
        runId: 'run',
        logger: { log: () => {} },
        clock,
      },
      { received: () => {}, lost: (cause) => losses.push(cause?.message) },
    );
  });

  it('ends when its server has become a replica', async () => {
    await passTime(clock, 5000);
    expect([publisher.asked, losses]).toEqual([5, []]);
    publisher.info = '# Replication\r\nrole:slave\r\nmaster_host:10.0.0.7\r\n';
    await passTime(clock, 1000);
    expect(losses).toEqual(['this server is a replica: the address must lead to the master']);
    expect([publisher.isDestroyed, subscriber.isDestroyed, clock.nextDelay]).toEqual([
      true,
      true,
      -1,
    ]);
  });

  it('ends when its server stores nothing because it is a replica', async () => {
    const log = redisStores().openLog!(link);
    await log.open('hr.papp.d.proom', { messages: 10, ageMs: 1000 });
    publisher.refusal = "READONLY You can't write against a read only replica.";
    await expect(log.append('hr.papp.d.proom', 'a', Buffer.from('a'))).rejects.toThrow('READONLY');
    expect(losses).toEqual([publisher.refusal]);
  });

  it('asks no more after its end', async () => {
    await link.close(false);
    await passTime(clock, 5000);
    expect([publisher.asked, clock.nextDelay]).toEqual([0, -1]);
  });
});

describe('a server of Redis', () => {
  it.each([
    [MASTER, undefined],
    ['', undefined],
    [MASTER.replace('master', 'slave'), /replica/],
    [MASTER.replace('standalone', 'cluster'), /Redis Cluster, which redisBus does not support/],
    ['# Server\r\nredis_mode:sentinel\r\n', /Sentinel/],
  ])('that says %j is refused: %s', (info, refusal) => {
    const answer = refusalOf(info);
    if (refusal === undefined) expect(answer).toBe(undefined);
    else expect(answer).toMatch(refusal);
  });
});
