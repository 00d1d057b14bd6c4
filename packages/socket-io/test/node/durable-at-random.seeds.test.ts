// A seed takes about 70 ms of one core.
import { expect, it } from 'vitest';
import { FIRST_SEED } from '../../../core/test/fixture/first-seed.ts';
import { playOnNodes } from '../fixture/nodes-at-random.ts';

const SEEDS = 1000;

it(`over ${SEEDS} runs no event is lost or doubled`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    for (const { client, expected } of await playOnNodes(seed)) {
      expect(client.events, `seed ${seed}`).toEqual(expected);
    }
  }
});
