import { expect, it } from 'vitest';
import { checkedData } from '../../src/server/plain-data.ts';

it('takes what is the same after its way through JSON', () => {
  const data = { name: 'ann', rooms: [1, true, null, { a: [] }], left: undefined };
  expect(checkedData('it', data)).toBe(data);
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
});

it.each([
  ['a hole', { rooms: Object.assign(new Array(3), { 0: 1, 2: 3 }) }],
  ['undefined', { rooms: [1, undefined, 3] }],
])('refuses a list with %s, which would be null in the other process', (_what, data) => {
  expect(() => checkedData('it', data)).toThrow('it.rooms.1 is not plain data');
});
