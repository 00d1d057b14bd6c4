import { expect, it } from 'vitest';
import { shareOfTurn, waitForTurn } from '../../src/channel/turn-share.ts';
import type { Clock } from '../../src/contract.ts';
import { systemClock } from '../../src/internal/system-clock.ts';

it('connections that are busy in the same turn share the time of two', () => {
  const tasks: (() => void)[] = [];
  const clock: Clock = { ...systemClock, execute: (task) => void tasks.push(task) };
  let released = 0;
  const release = (): void => {
    released += 1;
  };
  const shares: number[] = [];
  for (let i = 0; i < 8; i++) {
    shares.push(shareOfTurn(2));
    waitForTurn(clock, release);
  }
  expect(shares).toEqual([2, 2, 2, 4 / 3, 1, 4 / 5, 4 / 6, 4 / 7]);
  expect(shareOfTurn(2)).toBe(0.5);
  expect(released).toBe(0);

  for (const task of tasks) task();
  expect(released).toBe(8);
  expect(shareOfTurn(2)).toBe(2);
});
