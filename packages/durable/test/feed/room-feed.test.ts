import { VirtualClock } from '@headrace/core/testing';
import type { LogEntry, LogPage, StateEntry, StatePage } from '@headrace/store';
import { expect, it } from 'vitest';
import type { FeedOrder } from '../../src/feed/feed-order.ts';
import { type FeedRoom, RoomFeed } from '../../src/feed/room-feed.ts';
import { EntryOrder } from '../../src/log/entry-order.ts';
import { StateOrder } from '../../src/state/state-order.ts';

type Read<Page> = { readonly after: number; resolve(page: Page): void };

/** A feed whose reads the test answers. */
function feedOf<E extends LogEntry, Page>(order: FeedOrder<E, Page>) {
  const reads: Read<Page>[] = [];
  const delivered: number[] = [];
  const bus = { state: 'up', on: () => {}, off: () => {}, settled: () => Promise.resolve() };
  const host = { clock: new VirtualClock(), random: () => 0 };
  const room = {
    wire: { bus, host },
    isLeft: false,
    read: (after: number) => new Promise<Page>((resolve) => reads.push({ after, resolve })),
    follow: () => ({ close: () => {} }),
  };
  const feed = new RoomFeed<E, Page>(room as unknown as FeedRoom<E, Page>, order, 0, {
    isOurs: () => true,
    deliver: ({ position }) => delivered.push(position.offset),
    skipped: () => {},
    moved: () => {},
    isBusy: () => false,
    freshnessChanged: () => {},
    onceFree: () => {},
  });
  /** Answers the only read. Returns the offset after which it reads. */
  const answer = async (page: Page): Promise<number> => {
    await Promise.resolve();
    expect(reads.length).toBe(1);
    const { after, resolve } = reads.pop()!;
    resolve(page);
    await new Promise(setImmediate);
    return after;
  };
  feed.start();
  const catchesUp = () => {
    let isCaughtUp = false;
    void feed.caughtUp().then(() => {
      isCaughtUp = true;
    });
    return () => isCaughtUp;
  };
  return { feed, delivered, answer, catchesUp };
}

const entry = (epoch: string, offset: number): StateEntry => ({
  ...{ id: `i${offset}`, key: `k${offset}`, bytes: Buffer.alloc(0) },
  ...{ position: { epoch, offset }, previous: offset - 1, isRemoval: false, ageMs: 0 },
});

it('has caught up with another state when all of it is delivered, and not when it is noticed', async () => {
  const { delivered, answer, catchesUp } = feedOf<StateEntry, StatePage>(new StateOrder());
  const page = (epoch: string, offsets: number[], last: number): StatePage => ({
    ...{ epoch, last, floor: 0, end: offsets.at(-1) ?? last },
    entries: offsets.map((offset) => entry(epoch, offset)),
  });
  await answer(page('a', [1, 2], 2));
  const isCaughtUp = catchesUp();
  expect(await answer(page('b', [], 4))).toBe(2);
  expect(isCaughtUp()).toBe(false);
  expect(await answer(page('b', [1, 2], 4))).toBe(0);
  expect([isCaughtUp(), delivered]).toEqual([false, [1, 2, 1, 2]]);
  expect(await answer(page('b', [3, 4], 4))).toBe(2);
  expect([isCaughtUp(), delivered]).toEqual([true, [1, 2, 1, 2, 3, 4]]);
});

it('has caught up with a log when all of its pages are delivered', async () => {
  const { delivered, answer, catchesUp } = feedOf<LogEntry, LogPage>(new EntryOrder());
  const page = (offsets: number[], last: number): LogPage => ({
    ...{ epoch: 'a', first: 1, last },
    entries: offsets.map((offset) => entry('a', offset)),
  });
  await answer(page([], 2));
  const isCaughtUp = catchesUp();
  await answer(page([3, 4], 6));
  expect([isCaughtUp(), delivered]).toEqual([false, [3, 4]]);
  await answer(page([5, 6], 6));
  expect([isCaughtUp(), delivered]).toEqual([true, [3, 4, 5, 6]]);
});
