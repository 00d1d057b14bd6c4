// A seed takes about 5 ms of one core.
import { expect, it } from 'vitest';
import { FIRST_SEED } from '../../../core/test/fixture/first-seed.ts';
import { EngineAtRandom } from './engine-at-random.ts';

it('loses and doubles no message while the connection lives, over 10,000 networks that fail', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 10_000; seed++) {
    expect(() => new EngineAtRandom(seed).run(), `seed ${seed}`).not.toThrow();
  }
});
