import { expect, it } from 'vitest';
import { rollingRestarts } from './rolling-restarts.ts';

it('a client with calls under way goes through two rolling restarts, and nothing is lost or comes twice', async () => {
  const { answered, notices, resumed } = await rollingRestarts(3, 2);
  expect([resumed > 0, answered > 0, notices > 0]).toEqual([true, true, true]);
});
