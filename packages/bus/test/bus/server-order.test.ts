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
});
