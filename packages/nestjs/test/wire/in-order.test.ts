import { expect, it } from 'vitest';
import { InOrder } from '../../src/wire/in-order.ts';

it('hands over a value that is there at once after one that takes its time', async () => {
  const order = new InOrder();
  const taken: unknown[] = [];
  const give = (made: unknown): void => {
    if (order.mustWait(made))
      order.later(
        made,
        (value) => taken.push(value),
        () => {},
      );
    else taken.push(made);
  };
  give('first');
  give(new Promise((resolve) => setImmediate(() => resolve('slow'))));
  give('after it');
  expect(taken).toEqual(['first']);
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  give('last');
  expect(taken).toEqual(['first', 'slow', 'after it', 'last']);
});

it('reports what a rejection and a taker throw, and goes on', async () => {
  const order = new InOrder();
  const log: unknown[] = [];
  const failed = (thrown: unknown): unknown => log.push((thrown as Error).message);
  order.later(Promise.reject(new Error('rejected')), () => {}, failed);
  const taker = (): void => {
    throw new Error('thrown');
  };
  order.later(1, taker, failed);
  order.later(2, (value) => log.push(value), failed);
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(['rejected', 'thrown', 2]);
});
