import { SeededRandom } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { Latency } from '../../src/network/latency.ts';
import { NetworkPath } from '../../src/network/network-path.ts';

it('is slow for as long as one of several faults lasts', () => {
  const time = { now: 0, plan: () => {} };
  const path = new NetworkPath(
    time as never,
    new SeededRandom(1, 'path'),
    new Latency({ minMs: 1 }),
    1000,
  );
  const arrival = () => path.send(1, 0, { arrived() {}, lost() {} });
  const first = path.slow(new Latency({ minMs: 100 }));
  const second = path.slow(new Latency({ minMs: 30 }));
  expect(arrival()).toBe(131);
  first();
  expect(arrival()).toBe(31);
  second();
  expect(arrival()).toBe(1);
  path.slow(new Latency({ minMs: 100 }));
  path.speedUp();
  expect(arrival()).toBe(1);
});
