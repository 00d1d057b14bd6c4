import { describe, expect, it } from 'vitest';
import { checkNumber, checkTime } from '../../src/option/option-check.ts';

describe('checked options', () => {
  it('says that a number from the environment is a string', () => {
    expect(() => checkNumber('port', '80' as never, { max: 65_535, integer: true })).toThrow(
      'port is the string "80", but must be a whole number from 0 to 65535',
    );
    expect(() => checkTime('timeoutMs', '1s' as never)).toThrow(
      'timeoutMs is the string "1s", but',
    );
  });

  it('says in words that a number must be above zero', () => {
    const min = Number.MIN_VALUE;
    expect(() => checkNumber('rate', 0, { min })).toThrow(
      /^rate is 0, but must be a number from above 0 to Infinity$/,
    );
    expect(() => checkNumber('rate', 0, { min, max: 9 })).toThrow(
      /^rate is 0, but must be a number from above 0 to 9$/,
    );
    expect(checkNumber('rate', 1e-9, { min })).toBe(1e-9);
  });

  it('shows anything else as it is', () => {
    expect(() => checkNumber('port', -1)).toThrow('port is -1, but must be a number from 0');
    expect(() => checkNumber('port', undefined as never)).toThrow('port is undefined, but');
  });
});
