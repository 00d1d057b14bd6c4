import { describe, expect, it } from 'vitest';
import { fn } from '../../src/option/function-option.ts';
import {
  choice,
  flag,
  having,
  number,
  object,
  text,
  time,
  unchecked,
  value,
  whole,
} from '../../src/option/option-kind.ts';
import { describeOptions, describePart, nested } from '../../src/option/option-set.ts';

interface Options {
  readonly readerIdleMs?: number | false;
  readonly maxLength?: number;
}
const OPTIONS = describeOptions('IdleHandler', {
  readerIdleMs: time({ default: false }),
  maxLength: whole({ min: 1, default: 80 }),
});
const resolve = (options: unknown) => () => OPTIONS.resolve(options as Options);

it('adds the defaults to what was given', () => {
  expect(resolve({})()).toEqual({ readerIdleMs: Infinity, maxLength: 80 });
  expect(resolve({ readerIdleMs: 5, maxLength: undefined })()).toEqual({
    readerIdleMs: 5,
    maxLength: 80,
  });
});

it('names an unknown option, its value, and the nearest one', () => {
  expect(resolve({ readerIdleSeconds: 5 })).toThrow(
    'IdleHandler has no option readerIdleSeconds (5); did you mean readerIdleMs?',
  );
  expect(resolve({ maxLenght: 'x' })).toThrow(
    'IdleHandler has no option maxLenght ("x"); did you mean maxLength?',
  );
  expect(resolve({ color: true })).toThrow(
    'IdleHandler has no option color (true); it has readerIdleMs, maxLength',
  );
});

it('refuses a value that is not an options object', () => {
  for (const [given, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'number'],
    [[], 'an array'],
    [() => {}, 'function'],
  ] as const) {
    expect(resolve(given)).toThrow(
      `IdleHandler takes an object with readerIdleMs, maxLength, but got ${shown}`,
    );
  }
});

it('names a wrong value and what is allowed, even after a right one', () => {
  expect(resolve({ maxLength: 8 })()).toMatchObject({ maxLength: 8 });
  expect(resolve({ maxLength: 0 })).toThrow(
    'maxLength is 0, but must be a whole number from 1 to Infinity',
  );
  expect(resolve({ maxLength: 8 })()).toMatchObject({ maxLength: 8 });
});

describe('options like those of the call before', () => {
  it('are not resolved again', () => {
    expect(resolve({ maxLength: 9 })()).toBe(resolve({ maxLength: 9 })());
  });

  it('are none of an array, even after a call without any', () => {
    OPTIONS.part({});
    expect(() => OPTIONS.part([])).toThrow('IdleHandler takes an object');
  });

  it('are resolved again when one is missing, more, or another', () => {
    expect(resolve({ maxLength: 9 })().maxLength).toBe(9);
    expect(resolve({})()).toEqual({ readerIdleMs: Infinity, maxLength: 80 });
    expect(resolve({ readerIdleMs: 9 })()).toEqual({ readerIdleMs: 9, maxLength: 80 });
    expect(resolve({ readerIdleMs: 9, maxLength: 7 })().maxLength).toBe(7);
  });

  it('are read from getters of a class', () => {
    class Settings {
      get maxLength() {
        return 7;
      }
    }
    expect(resolve({})().maxLength).toBe(80);
    expect(resolve(new Settings())().maxLength).toBe(7);
  });

  it('are not kept where they are objects or functions', () => {
    const set = describeOptions('Server', { handle: fn({ answers: 'async', required: true }) });
    const handle = () => 1;
    expect(set.resolve({ handle })).toEqual(set.resolve({ handle }));
    expect(set.resolve({ handle })).not.toBe(set.resolve({ handle }));
  });

  it('are not resolved again where an option that may be an object or a function is not given', () => {
    const set = describeOptions('Server', {
      size: whole({ default: 1 }),
      handle: fn({ answers: 'async' }),
    });
    const resolved = (given: { readonly size?: number; readonly handle?: () => unknown }) =>
      set.resolve(given);
    const plain = resolved({ size: 2 });
    expect(plain).toEqual({ size: 2, handle: undefined });
    expect(resolved({ size: 2 })).toBe(plain);
    const handle = () => 1;
    expect(resolved({ size: 2, handle })).toEqual({ size: 2, handle });
    expect(resolved({ size: 2 })).toEqual(plain);
  });
});

it('says which option is missing, and of which class', () => {
  interface Required {
    readonly port: number;
    readonly handle: () => void;
  }
  const set = describeOptions('Server', {
    port: whole({ required: true, max: 65_535 }),
    handle: fn({ answers: 'async', required: true, purpose: 'answers' }),
  });
  const handle = () => {};
  expect(() => set.resolve({ handle } as unknown as Required)).toThrow(
    'Server: port is undefined, but must be a whole number from 0 to 65535',
  );
  expect(() => set.resolve({ port: 1 } as Required)).toThrow(
    'Server: handle is undefined, but must be a function that answers',
  );
  expect(set.resolve({ port: 1, handle })).toEqual({ port: 1, handle });
});

it('allows the names of other sets, which resolve their own', () => {
  const set = describeOptions('LineHandler', { strict: flag({ default: false }) }, OPTIONS);
  const given = { strict: true, maxLength: 9 };
  expect(set.resolve(given)).toEqual({ strict: true });
  expect(OPTIONS.part(given)).toEqual({ readerIdleMs: Infinity, maxLength: 9 });
  expect(OPTIONS.only(given)).toEqual({ maxLength: 9 });
  OPTIONS.part({});
  for (const wrong of [null, 80])
    expect(() => OPTIONS.part(wrong as never)).toThrow('takes an object with readerIdleMs, ');
  expect(() => set.resolve({ strickt: true } as never)).toThrow('did you mean strict?');
});

it('names the options of an option with it', () => {
  const part = describePart('tls', { alpn: whole() });
  const set = describeOptions('Server', { tls: nested(part) });
  expect(set.resolve({ tls: { alpn: 1 } })).toEqual({ tls: { alpn: 1 } });
  expect(() => set.resolve({ tls: { alpn: -1 } })).toThrow('tls.alpn is -1, but must be a whole');
  expect(() => set.resolve({ tls: { alpm: 1 } } as never)).toThrow('tls has no option alpm (1); ');
});

it.each([
  ['a number', number(), '1', 'the string "1", but must be a number from 0 to Infinity'],
  ['a time', time(), 0, '0, but must be a positive number of milliseconds, or false for off'],
  ['a flag', flag(), 'no', '"no", but must be true or false'],
  ['a choice', choice(['a', 'b']), 'c', `"c", but must be 'a' or 'b'`],
  ['a function', fn({ answers: 'async' }), 1, '1, but must be a function'],
  ['a text', text('a name'), 1, '1, but must be a name'],
  ['an object', object('a Clock'), null, 'null, but must be a Clock'],
  ['an interface', having('add', 'a group'), {}, 'an object, but must be a group'],
  ['a value', value('even', (one) => Number(one) % 2 === 0), 3, '3, but must be even'],
])('%s is checked', (_kind, kind, given, error) => {
  const set = describeOptions('it', { option: kind });
  expect(() => set.resolve({ option: given } as never)).toThrow(`option is ${error}`);
  expect(set.resolve({} as never)).toEqual({ option: undefined });
});

it('takes any value where the check is elsewhere', () => {
  expect(describeOptions('it', { option: unchecked() }).resolve({ option: 1 })).toEqual({
    option: 1,
  });
});

it('refuses an option that has no meaning in this place, and says what to do', () => {
  const all = describeOptions('all', { size: whole({ default: 1 }), width: whole({ default: 2 }) });
  const some = all.without({ width: 'put width elsewhere' });
  const more = describeOptions('more', { depth: whole({ default: 3 }) }, some);
  expect(some.resolve({ size: 5 })).toEqual({ size: 5 });
  expect(() => some.checkNames({ width: 5 })).toThrow(
    'all has no option width (5); put width elsewhere',
  );
  expect(() => more.checkNames({ width: 5 })).toThrow('put width elsewhere');
  expect(() => more.checkNames({ size: 5, depth: 5 })).not.toThrow();
  expect(() => all.checkNames({ width: 5 })).not.toThrow();
});
