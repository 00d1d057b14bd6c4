import { expect, it } from 'vitest';
import { NumberLines } from '../../src/envelope/number-line.ts';

it('takes each number of a node once, and counts what is missing before it', () => {
  const lines = new NumberLines();
  expect(lines.arrived('a', 7)).toEqual({ isNew: true, missed: 0 });
  expect(lines.arrived('a', 7)).toEqual({ isNew: false });
  expect(lines.arrived('a', 6)).toEqual({ isNew: false });
  expect(lines.arrived('a', 10)).toEqual({ isNew: true, missed: 2 });
  expect(lines.arrived('b', 1)).toEqual({ isNew: true, missed: 0 });
  lines.forget('a');
  expect(lines.arrived('a', 1)).toEqual({ isNew: true, missed: 0 });
});

it('is silenced by no forged number, not even the first of a node', () => {
  const lines = new NumberLines();
  const forged = 2 ** 48 - 1;
  lines.arrived('a', 1);
  expect(lines.arrived('a', forged)).toEqual({ isNew: false });
  expect(lines.arrived('a', 2)).toEqual({ isNew: true, missed: 0 });
  lines.arrived('b', forged);
  expect(lines.arrived('b', 5)).toEqual({ isNew: false });
  expect(lines.arrived('b', 6)).toEqual({ isNew: true, missed: 1 });
  expect(lines.arrived('b', 7)).toEqual({ isNew: true, missed: 0 });
});

it('goes on far away with the second number there, also where others are missing between the two', () => {
  const lines = new NumberLines();
  const far = 2 ** 24 + 100;
  lines.arrived('a', 5);
  expect(lines.arrived('a', far)).toEqual({ isNew: false });
  expect(lines.arrived('a', far)).toEqual({ isNew: false });
  expect(lines.arrived('a', far + 3)).toEqual({ isNew: true, missed: 3 });
  expect(lines.arrived('a', far + 7)).toEqual({ isNew: true, missed: 3 });
});

it('trusts no two forged numbers that are far from each other, and none below the first', () => {
  const lines = new NumberLines();
  const forged = 2 ** 48 - 1;
  lines.arrived('a', 5);
  for (const number of [forged, 2 ** 40, 2 ** 40 - 1, forged]) {
    expect(lines.arrived('a', number)).toEqual({ isNew: false });
  }
  expect(lines.arrived('a', 6)).toEqual({ isNew: true, missed: 0 });
});
