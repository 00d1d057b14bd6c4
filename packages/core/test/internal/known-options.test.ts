import { expect, it } from 'vitest';
import { checkOptions, type KnownOptions } from '../../src/internal/known-options.ts';

interface Options {
  readonly readerIdleMs?: number;
  readonly maxLength?: number;
}
const KNOWN: KnownOptions<Options> = { readerIdleMs: true, maxLength: true };
const check = (options: unknown) => () => checkOptions('IdleHandler', options as Options, KNOWN);

it('accepts what is known', () => {
  expect(check({})).not.toThrow();
  expect(check({ readerIdleMs: 5, maxLength: undefined })).not.toThrow();
});

it('names an unknown option, its value, and the nearest one', () => {
  expect(check({ readerIdleSeconds: 5 })).toThrow(
    'IdleHandler has no option readerIdleSeconds (5); did you mean readerIdleMs?',
  );
  expect(check({ maxLenght: 'x' })).toThrow(
    'IdleHandler has no option maxLenght ("x"); did you mean maxLength?',
  );
  expect(check({ colour: true })).toThrow(
    'IdleHandler has no option colour (true); it has readerIdleMs, maxLength',
  );
});

it('refuses what is no options object', () => {
  for (const [value, text] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'number'],
    [[], 'an array'],
    [() => {}, 'function'],
  ] as const) {
    expect(check(value)).toThrow(
      `IdleHandler takes an object with readerIdleMs, maxLength, but got ${text}`,
    );
  }
});
