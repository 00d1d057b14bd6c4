import { DelimiterFrameDecoder } from '@headrace/codec';
import { OptionError } from '@headrace/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DelimiterFrameDecoderOptions } from '../../src/frame/delimiter-frame-decoder.ts';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const decoder = (options: Partial<DelimiterFrameDecoderOptions> = {}): DelimiterFrameDecoder =>
  new DelimiterFrameDecoder({ delimiters: [';'], maxFrameLength: 5, ...options });

afterEach(() => {
  vi.restoreAllMocks();
});

describe('DelimiterFrameDecoder', () => {
  it('strips the delimiter by default and keeps it if wanted', () => {
    expect(outcome(decoder(), 'a;;b', 'c;')).toEqual(['a', '', 'bc']);
    expect(outcome(decoder({ stripDelimiter: false }), 'a;;')).toEqual(['a;', ';']);
  });

  it('takes the delimiter that gives the shortest frame', () => {
    expect(outcome(decoder({ delimiters: ['||', ';'] }), 'a||b;c||')).toEqual(['a', 'b', 'c']);
    expect(outcome(decoder({ delimiters: [';', '||'] }), 'a|;b||')).toEqual(['a|', 'b']);
  });

  it('finds a delimiter in any cut', () => {
    const stream = 'ab--c-d---';
    const whole = outcome(decoder({ delimiters: ['--'] }), stream);
    expect(whole).toEqual(['ab', 'c-d']);
    expect(outcome(decoder({ delimiters: ['--'] }), ...stream)).toEqual(whole);
  });

  it('reports a long frame once: at once with failFast, else at its end', () => {
    for (const failFast of [true, false]) {
      const channel = new NotingChannel(decoder({ failFast, frameErrorPolicy: 'emit' }));
      channel.feed('123456').feed('78');
      expect(channel.noted()).toEqual(failFast ? ['!HR_ERR_FRAME_TOO_LONG'] : []);
      channel.feed('9;a;');
      channel.advance(1);
      expect(channel.noted()).toEqual(failFast ? ['a'] : ['!HR_ERR_FRAME_TOO_LONG', 'a']);
    }
  });

  it('a frame at the limit is fine when its delimiter is cut in the middle', () => {
    expect(outcome(decoder({ delimiters: ['--'] }), '12345-', '-')).toEqual(['12345']);
  });

  it('sees the end of a long frame when its delimiter is cut in the middle', () => {
    const options = { delimiters: ['--'], frameErrorPolicy: 'skip' } as const;
    expect(outcome(decoder(options), '1234567-', '-ab--')).toEqual(['ab']);
  });

  it('CRLF and LF together behave like lines', () => {
    const lines = decoder({ delimiters: ['\r\n', '\n'], frameErrorPolicy: 'emit' });
    expect(outcome(lines, 'ab\r\nc\n123456\nd\r', '\n')).toEqual([
      'ab',
      'c',
      '!HR_ERR_FRAME_TOO_LONG',
      'd',
    ]);
  });

  it('a rare delimiter does not make the frequent one slow', () => {
    const { indexOf } = Buffer.prototype;
    let searched = 0;
    vi.spyOn(Buffer.prototype, 'indexOf').mockImplementation(function (this: Buffer, ...given) {
      if (given[0] instanceof Uint8Array) searched += this.length;
      return indexOf.apply(this, given);
    });
    const channel = new NotingChannel(decoder({ delimiters: ['ZZZ', ';'] }));
    channel.feed('a;'.repeat(20_000));
    expect(channel.noted()).toHaveLength(20_000);
    // All bytes once, and the last two again for each frame, for they may begin a ZZZ.
    expect(searched).toBeGreaterThanOrEqual(40_000);
    expect(searched).toBeLessThanOrEqual(40_000 + 20_000 * 2);
  });

  it('refuses no delimiter, an empty one, and no limit', () => {
    expect(() => decoder({ delimiters: [] })).toThrow(OptionError);
    expect(() => decoder({ delimiters: [';', ''] })).toThrow(OptionError);
    expect(() => decoder({ maxFrameLength: 0 })).toThrow(OptionError);
  });
});
