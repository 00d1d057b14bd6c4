import { expect, it } from 'vitest';
import { DurableOutcome } from '../../src/log/durable-outcome.ts';

it('takes what the future of a channel takes', async () => {
  const seen: unknown[] = [];
  const stored = new DurableOutcome(0);
  stored.onSettled((error) => seen.push(error));
  stored.settle({ epoch: 'e', offset: 1 });
  expect(seen).toEqual([]);
  await stored.finally(() => seen.push('finally'));
  expect(seen).toEqual([undefined, 'finally']);

  const failed = new DurableOutcome(0);
  const cause = new Error('the bus is down');
  failed.onSettled((error) => seen.push(error));
  failed.fail(cause);
  expect(await failed.catch((error: unknown) => error)).toBe(cause);
  expect(seen.at(-1)).toBe(cause);
});
