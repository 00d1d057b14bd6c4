import { inspect } from 'node:util';
import {
  DecodeError,
  ERROR_CODES,
  type ErrorCode,
  errorCodes,
  HeadraceError,
  isHeadraceError,
  OptionError,
  RejectedError,
} from '@headrace/core';
import { describe, expect, it } from 'vitest';

/** A second copy of the module, with classes of its own. */
const path = '../src/errors.ts?another-copy';
const other: typeof import('../src/errors.ts') = await import(path);

describe('the address of an error', () => {
  it('is that of its code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const { help } = new HeadraceError(code, 'text');
      expect(help).toBe(`https://headrace.github.io/headrace/errors#hr_err_${code.toLowerCase()}`);
    }
  });

  it('is on the page of all codes for a code that is none of ours', () => {
    const error = new HeadraceError('NONE' as ErrorCode, 'text');
    expect(error.help).toBe('https://headrace.github.io/headrace/errors#hr_err_none');
  });

  it('is in the printed error', () => {
    const printed = inspect(new DecodeError('FRAME_TOO_LONG', 'a frame of 9 bytes', { length: 9 }));
    expect(printed).toContain(
      "help: 'https://headrace.github.io/headrace/errors#hr_err_frame_too_long'",
    );
  });
});

describe('the name of an error', () => {
  it('is that of its class in a page whose bundler renamed the class', () => {
    class FirmwareError extends RejectedError {}
    const name = Object.getOwnPropertyDescriptor(DecodeError, 'name')!;
    Object.defineProperty(DecodeError, 'name', { ...name, value: 'U' });
    try {
      expect(new DecodeError('FRAME_TOO_LONG', '').name).toBe('DecodeError');
      expect(new FirmwareError('REJECTED_AUTH', '').name).toBe('FirmwareError');
    } finally {
      Object.defineProperty(DecodeError, 'name', name);
    }
  });
});

describe('a code of another package', () => {
  const CODES = errorCodes('ACME_', 'https://acme.example/errors', {
    TOO_OLD: ['RejectedError', 'the firmware is not supported any more'],
    TORN: ['DecodeError', 'the paper is torn'],
  });

  it('gives an error its prefix, its page and its class', () => {
    const error = new RejectedError(CODES.TOO_OLD, 'firmware 1.2');
    const { code, help } = error;
    expect([code, help]).toEqual(['ACME_TOO_OLD', 'https://acme.example/errors#acme_too_old']);
    expect(error instanceof RejectedError).toBe(true);
  });

  it('is recognized by its entry, and by no other', () => {
    const error: unknown = new RejectedError(CODES.TOO_OLD, 'firmware 1.2');
    expect(isHeadraceError(error, CODES.TOO_OLD)).toBe(true);
    expect(isHeadraceError(error, CODES.TORN)).toBe(false);
    expect(isHeadraceError(error, 'REJECTED_AUTH')).toBe(false);
    expect(isHeadraceError(new other.RejectedError(CODES.TOO_OLD, ''), CODES.TOO_OLD)).toBe(true);
  });

  it('belongs to one class', () => {
    // @ts-expect-error: the code of a DecodeError
    expect(new RejectedError(CODES.TORN, 'text').code).toBe('ACME_TORN');
  });
});

describe('an error of another copy of core', () => {
  class Mine extends DecodeError {}
  class Theirs extends other.DecodeError {}
  const theirs = new other.DecodeError('FRAME_CORRUPT', 'text');

  it('is an instance of the same class here, of the base, and of no other', () => {
    expect(Object.getPrototypeOf(theirs)).not.toBe(DecodeError.prototype);
    expect(theirs instanceof DecodeError).toBe(true);
    expect(theirs instanceof HeadraceError).toBe(true);
    expect(theirs instanceof OptionError).toBe(false);
    expect(new Theirs('FRAME_CORRUPT', 'text') instanceof DecodeError).toBe(true);
  });

  it('is not an instance of a subclass here', () => {
    expect(theirs instanceof Mine).toBe(false);
    expect(new other.HeadraceError('FRAME_CORRUPT', 'text') instanceof Mine).toBe(false);
    expect(new Mine('FRAME_CORRUPT', 'text') instanceof Mine).toBe(true);
    expect(new Mine('FRAME_CORRUPT', 'text') instanceof other.DecodeError).toBe(true);
  });

  it('is an instance of its class also with a code that is unknown here', () => {
    const newer = new other.DecodeError('OF_TOMORROW' as 'FRAME_CORRUPT', 'text');
    expect([newer instanceof DecodeError, newer instanceof OptionError]).toEqual([true, false]);
    expect(new other.HeadraceError('FRAME_CORRUPT', 'text') instanceof DecodeError).toBe(false);
  });

  it.each([undefined, null, 1, 'text', {}, new Error('text'), () => {}])('is not %s', (value) => {
    expect((value as unknown) instanceof HeadraceError).toBe(false);
  });
});
