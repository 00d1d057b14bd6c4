// A state group on a mesh whose processes are killed, stopped and ended: each time the one that orders the changes.
import { expect, it, onTestFinished } from 'vitest';
import { KilledStates } from './killed-states.ts';

const SEED = 7;

it('a state on a mesh loses no acknowledged change when its nodes are killed, stand still and leave', async () => {
  const states = await KilledStates.start(SEED);
  onTestFinished(() => states.close());
  await states.kill();
  await states.standStill();
  await states.end();
  const { shared, ...map } = await states.maps();
  const wrong = [...states.keys].filter(([key, { acknowledged, asked }]) => {
    const [value] = map[key] ?? [0];
    return value < acknowledged || value > asked;
  });
  expect(wrong).toEqual([]);
  expect(states.keys.size).toBeGreaterThan(0);
  const { added, unknown } = states;
  const [sum] = shared!;
  expect(sum).toBeGreaterThanOrEqual(added);
  expect(sum).toBeLessThanOrEqual(added + unknown);
});
