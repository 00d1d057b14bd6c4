import { passTime, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ServerOrder } from '../../src/bus/server-order.ts';

describe('the servers of a NATS cluster', () => {
  let clock: VirtualClock;
  let tried: string[];
  let first: number;
  /** How long each server takes to refuse, or -1 for a server that connects. */
  let refuseMs: Record<string, number>;

  beforeEach(() => {
    clock = new VirtualClock();
    tried = [];
    first = 0;
    refuseMs = {};
  });

  const connect = (order: ServerOrder): Promise<string> =>
    order.try({ ms: 6000, now: () => clock.now(), random: () => first }, (server, ms) => {
      tried.push(`${server} ${ms}`);
      const takes = Math.min(ms, refuseMs[server] ?? -1);
      if (takes < 0) return Promise.resolve(server);
      return new Promise((_resolve, reject) => {
        clock.schedule(() => reject(new Error(`${server} refuses`)), takes);
      });
    });

  /** When servers that refuse at once have done so. */
  async function ended(connecting: Promise<string>): Promise<string> {
    connecting.catch(() => {});
    await passTime(clock, 10);
    return connecting;
  }

  it('have a share of the time each, so that a silent one delays the others only for its share', async () => {
    refuseMs = { a: 60_000, b: 60_000 };
    const order = new ServerOrder(['a', 'b', 'c']);
    const connecting = connect(order);
    await passTime(clock, 4000);
    expect(await connecting).toBe('c');
    expect(tried).toEqual(['a 2000', 'b 2000', 'c 2000']);
  });

  it('have the time that earlier ones did not need', async () => {
    refuseMs = { a: 0, b: 10, c: 60_000 };
    const connecting = connect(new ServerOrder(['a', 'b', 'c']));
    connecting.catch(() => {});
    await passTime(clock, 6000);
    await expect(connecting).rejects.toThrow('c refuses');
    expect(tried).toEqual(['a 2000', 'b 3000', 'c 5990']);
  });

  it('are tried beginning with the one after the last, after a failure and after a loss', async () => {
    const order = new ServerOrder(['a', 'b', 'c']);
    first = 0.4;
    expect(await connect(order)).toBe('b');
    expect(await connect(order)).toBe('c');
    refuseMs = { a: 0, b: 0, c: 0 };
    const failing = connect(order);
    failing.catch(() => {});
    await passTime(clock, 1);
    await expect(failing).rejects.toThrow('c refuses');
    refuseMs = {};
    expect(await connect(order)).toBe('a');
  });

  it('come before those that they name, which are forgotten when another list is named', async () => {
    refuseMs = { 'nats://a:1': 0, 'nats://b:1': 0, 'nats://c:1': 0 };
    const order = new ServerOrder(['nats://a:1', 'nats://user:key@b:1']);
    refuseMs['nats://user:key@b:1'] = 0;
    order.learn(['nats://a:1', 'nats://b:1', 'nats://c:1', 'nats://c:1']);
    await expect(ended(connect(order))).rejects.toThrow('nats://c:1 refuses');
    expect(tried).toEqual(['nats://a:1 2000', 'nats://user:key@b:1 3000', 'nats://c:1 6000']);
    order.learn(['nats://d:1']);
    expect(await ended(connect(order))).toBe('nats://d:1');
  });

  it('are as many as they name, and no more than 32', async () => {
    const order = new ServerOrder(['first']);
    const named = Array.from({ length: 40 }, (_, place) => `other ${place}`);
    for (const server of ['first', ...named]) refuseMs[server] = 0;
    order.learn(named);
    await expect(ended(connect(order))).rejects.toThrow('other 31 refuses');
  });
});
