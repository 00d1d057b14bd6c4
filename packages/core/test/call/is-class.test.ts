import { expect, it } from 'vitest';
import { isClass } from '../../src/call/is-class.ts';

it('knows classes from what can be called', () => {
  for (const one of [class {}, class Named {}, Map]) expect(isClass(one)).toBe(true);
  for (const other of [() => {}, function named() {}, async () => {}, { call() {} }.call, 5, {}]) {
    expect(isClass(other)).toBe(false);
  }
});
