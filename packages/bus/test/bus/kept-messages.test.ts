import { expect, it } from 'vitest';
import { KeptMessages } from '../../src/bus/kept-messages.ts';

it('keeps no more than its size, subjects included, and drops the oldest for the newest', () => {
  const dropped: string[] = [];
  const kept = new KeptMessages({ maxBytes: 100, maxAgeMs: 1000 }, ({ subject }, why) =>
    dropped.push(`${subject} ${why}`),
  );
  for (const subject of ['a', 'b', 'c', 'd']) kept.add(subject, Buffer.alloc(32), 0);
  expect([dropped, kept.bytes]).toEqual([['a full'], 99]);
  kept.add('e', Buffer.alloc(99), 0);
  expect([dropped, kept.bytes]).toEqual([['a full', 'b full', 'c full', 'd full'], 100]);
  expect([kept.shift()?.subject, kept.isEmpty]).toEqual(['e', true]);
});

it('refuses a message larger than everything that may be kept, and drops no other for it', () => {
  const dropped: string[] = [];
  const kept = new KeptMessages({ maxBytes: 100, maxAgeMs: 1000 }, ({ subject }, why) =>
    dropped.push(`${subject} ${why}`),
  );
  expect(kept.add('a', Buffer.alloc(50), 0)).toBe(true);
  expect(kept.add('b', Buffer.alloc(100), 0)).toBe(false);
  expect([dropped, kept.bytes]).toEqual([[], 51]);
  kept.add('c', Buffer.alloc(60), 0);
  expect(dropped).toEqual(['a full']);
  kept.expire(1001);
  expect([dropped, kept.isEmpty, kept.bytes]).toEqual([['a full', 'c old'], true, 0]);
});
