import { expect, it } from 'vitest';
import { rollingRestarts } from './rolling-restarts.ts';

it('a client with calls under way goes through two rolling restarts, and nothing is lost or comes twice', async () => {
  const { answered, notices, resumed } = await rollingRestarts(3, 2);
  expect([resumed >= 6, answered >= 6, notices >= 6]).toEqual([true, true, true]);
});
