import { Buffer } from 'node:buffer';
import { VirtualClock } from '@headrace/core/testing';
import type { LogEntry, LogPage, LogPosition } from '@headrace/store';
import { expect, it } from 'vitest';
import { RoomFeed } from '../../src/feed/room-feed.ts';
import { DurableOutcome } from '../../src/log/durable-outcome.ts';
import { EntryOrder } from '../../src/log/entry-order.ts';
import { LogWrites } from '../../src/log/log-writes.ts';

/** What one node writes to a log that stores everything at one place, and reads from pages that the test gives. */
async function writesTo(stored: LogPosition) {
  const clock = new VirtualClock();
  const pass = async (ms: number) => {
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const bus = { on: () => {}, off: () => {}, state: 'up', settled: async () => {} };
  const pages: LogPage[] = [{ epoch: 'old', entries: [], first: 1, last: 5 }];
  const room = {
    wire: { bus, host: { clock, random: () => 0 } },
    follow: () => ({ close: () => {} }),
    read: async () => pages[0]!,
    append: async () => stored,
  } as never;
  const delivered: (readonly [id: string, isOwn: boolean])[] = [];
  const feed = new RoomFeed(room, new EntryOrder(), 0, {
    isOurs: () => true,
    deliver: ({ id }) => {
      const own = writes.pendingWrite(id);
      delivered.push([id, own !== undefined]);
      if (own !== undefined) writes.delivered(own, undefined);
    },
    skipped: () => {},
    moved: () => writes.passed(feed.at!),
    isBusy: () => false,
    freshnessChanged: () => {},
    onceFree: () => {},
  });
  const writes = new LogWrites(room, feed, () => {});
  feed.start();
  await pass(0);
  const outcome = writes.write('a', Buffer.from('a'), new DurableOutcome(1), () => true);
  await pass(0);
  expect([outcome.isSuccess, outcome.isBegun, writes.size]).toEqual([true, false, 1]);
  return { pages, pass, outcome, delivered, writes };
}

it('LogWrites knows its own message that is the first of a log which is new here', async () => {
  const position = { epoch: 'new', offset: 1 };
  const { pages, pass, outcome, delivered } = await writesTo(position);
  const entry: LogEntry = { position, previous: 0, id: 'a', bytes: Buffer.from('a') };
  pages[0] = { epoch: 'new', entries: [entry], first: 1, last: 1 };
  await pass(1000);
  expect([delivered, outcome.isBegun]).toEqual([[['a', true]], true]);
});

it('LogWrites does not wait for a message of a log that is not there any more', async () => {
  const { pass, outcome, delivered, writes } = await writesTo({ epoch: 'older', offset: 7 });
  await pass(1000);
  expect([delivered, outcome.isBegun, writes.size]).toEqual([[], true, 0]);
});

it('LogWrites counts a message that is written again and again under its id, while it is on its way', async () => {
  const { writes } = await writesTo({ epoch: 'older', offset: 7 });
  const again = () => writes.write('a', Buffer.from('a'), new DurableOutcome(1), undefined);
  for (let i = 1; i < 16_384; i++) expect(again().isSettled).toBe(true);
  const refused = again();
  await expect(refused).rejects.toThrow('16384 messages of 1 bytes wait for the log');
  expect([writes.size, writes.failed]).toEqual([1, 1]);
});
