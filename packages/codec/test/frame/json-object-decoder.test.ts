import { JsonObjectDecoder } from '@headrace/codec';
import { OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import type { JsonObjectDecoderOptions } from '../../src/frame/json-object-decoder.ts';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const decoder = (options: JsonObjectDecoderOptions = {}): JsonObjectDecoder =>
  new JsonObjectDecoder(options);

describe('JsonObjectDecoder', () => {
  it('counts braces outside strings only', () => {
    const tricky = String.raw`{"a":"}]{[","b\"}":"\\","c":[{}]}`;
    expect(outcome(decoder(), `${tricky}[${tricky}]`)).toEqual([tricky, `[${tricky}]`]);
  });

  it('several objects in one read, one in several, white space between', () => {
    const stream = '  {"a":1}\n\t[2]{"b":{}} ';
    const frames = ['{"a":1}', '[2]', '{"b":{}}'];
    expect(outcome(decoder(), stream)).toEqual(frames);
    expect(outcome(decoder(), ...stream)).toEqual(frames);
  });

  it('anything else is corrupt, and all input after it is dropped, whatever the policy', () => {
    for (const frameErrorPolicy of ['close', 'emit'] as const) {
      const stream = ['{"a":1}x', '{"b":1}'];
      expect(outcome(decoder({ frameErrorPolicy }), ...stream)).toEqual([
        '{"a":1}',
        '!HR_ERR_FRAME_CORRUPT',
      ]);
    }
    expect(outcome(decoder({ frameErrorPolicy: 'skip' }), '{}x{}', '{}')).toEqual(['{}']);
  });

  it('the limit is for each object, not for what came together', () => {
    const options = { maxObjectLength: 7 };
    expect(outcome(decoder(options), '{"a":1}'.repeat(20))).toHaveLength(20);
    expect(outcome(decoder(options), '{"a":12}')).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    expect(outcome(decoder(options), '{"a":1', '23')).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });

  it('with skip exactly the long object is left out, in any cut', () => {
    const stream = '{"a":1}{"b":{"}":12}}{"c":1}[1,2,3,4]{}';
    const options = { maxObjectLength: 7, frameErrorPolicy: 'skip' } as const;
    expect(outcome(decoder(options), stream)).toEqual(['{"a":1}', '{"c":1}', '{}']);
    expect(outcome(decoder(options), ...stream)).toEqual(['{"a":1}', '{"c":1}', '{}']);
  });

  it.each([10, 11, 12, 13])(
    'emit drops everything that has arrived with an object of %d bytes',
    (length) => {
      const long = `{"k":"${'a'.repeat(length - 8)}"}`;
      const options = { maxObjectLength: 10, frameErrorPolicy: 'emit' } as const;
      const isTooLong = length > 10;
      expect(outcome(decoder(options), `${long}{"a":1}`, '{}')).toEqual(
        isTooLong ? ['!HR_ERR_FRAME_TOO_LONG', '{}'] : [long, '{"a":1}', '{}'],
      );
      const streamed = { ...options, streamArrayElements: true };
      expect(outcome(decoder(streamed), `[${long}]{"a":1}`, '{}')).toEqual(
        isTooLong ? ['!HR_ERR_FRAME_TOO_LONG', '{}'] : [long, '{"a":1}', '{}'],
      );
    },
  );

  it('streams the elements of a top-level array', () => {
    const options = { streamArrayElements: true };
    const stream = '[ {"a":[1,2]} , [3,4],5 ,"x,y" ]{"b":1}';
    const frames = ['{"a":[1,2]}', '[3,4]', '5', '"x,y"', '{"b":1}'];
    expect(outcome(decoder(options), stream)).toEqual(frames);
    expect(outcome(decoder(options), ...stream)).toEqual(frames);
  });

  it('with skip a long element is left out', () => {
    const options = {
      streamArrayElements: true,
      maxObjectLength: 3,
      frameErrorPolicy: 'skip',
    } as const;
    expect(outcome(decoder(options), '[123,12345,"a"]')).toEqual(['123', '"a"']);
    expect(outcome(decoder(options), ...'[123,12345,"a"]')).toEqual(['123', '"a"']);
  });

  it('an object that never ends has its deadline', () => {
    const channel = new NotingChannel(decoder({ frameTimeoutMs: 100 }));
    channel.feed('{"a":');
    channel.advance(100);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
  });

  it('refuses an invalid limit', () => {
    expect(() => decoder({ maxObjectLength: 0 })).toThrow(OptionError);
  });
});
