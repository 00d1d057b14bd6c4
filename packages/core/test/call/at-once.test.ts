import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { atOnce } from '../../src/call/at-once.ts';

it('returns a value that is not a promise', () => {
  const message = { text: 'hello' };
  expect(atOnce('reply', message)).toBe(message);
  expect([atOnce('reply', undefined), atOnce('reply', null), atOnce('reply', '')]).toEqual([
    undefined,
    null,
    '',
  ]);
});

it('refuses a promise, and its rejection is not unhandled', async () => {
  const text = 'reply returned a promise, but must return its answer at once';
  expect(() => atOnce('reply', Promise.resolve(1))).toThrow(new TypeError(text));
  expect(() => atOnce('reply', Promise.reject(new Error('late')))).toThrow(new TypeError(text));
  await turn();
});
