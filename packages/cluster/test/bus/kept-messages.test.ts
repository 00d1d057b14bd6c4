import { expect, it } from 'vitest';
import { KeptMessages } from '../../src/bus/kept-messages.ts';

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
