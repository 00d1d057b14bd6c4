import { LineFrameDecoder } from '@headrace/codec';
import { describe, expect, it } from 'vitest';
import type { LineFrameDecoderOptions } from '../../src/frame/line-frame-decoder.ts';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const decoder = (options: LineFrameDecoderOptions = {}): LineFrameDecoder =>
  new LineFrameDecoder({ maxLength: 5, ...options });

describe('LineFrameDecoder', () => {
  it('splits on LF and CRLF', () => {
    expect(outcome(decoder(), 'ab\r\nc\n')).toEqual(['ab', 'c']);
  });

  it('keeps the exact end of the line if wanted', () => {
    expect(outcome(decoder({ stripDelimiter: false }), 'ab\r\nc\n')).toEqual(['ab\r\n', 'c\n']);
  });

  it('a CR and a LF of two reads are one end', () => {
    expect(outcome(decoder(), 'ab\r', '\nc\n')).toEqual(['ab', 'c']);
  });

  it('an empty line is an empty frame', () => {
    expect(outcome(decoder(), '\n\r\n\n')).toEqual(['', '', '']);
  });

  it('a CR within a line is part of it', () => {
    expect(outcome(decoder(), 'a\rb\r\r\n')).toEqual(['a\rb\r']);
  });

  it('a too long line that is whole is reported and the next one decoded in the same read', () => {
    const channel = new NotingChannel(decoder({ frameErrorPolicy: 'emit' }));
    channel.feed('123456\nab\n');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG', 'ab']);
  });

  it('reports an unfinished long line at once with failFast, else at its end; once', () => {
    for (const failFast of [true, false]) {
      const channel = new NotingChannel(decoder({ failFast, frameErrorPolicy: 'emit' }));
      channel.feed('123456');
      expect(channel.noted()).toEqual(failFast ? ['!HR_ERR_FRAME_TOO_LONG'] : []);
      channel.feed('7').feed('8\r').feed('\nab\n');
      const late = failFast ? [] : ['!HR_ERR_FRAME_TOO_LONG'];
      expect(channel.noted()).toEqual([...late, 'ab']);
    }
  });

  it('the limit is for the line without its end, even when the end comes in two reads', () => {
    expect(outcome(decoder(), '12345\r', '\n')).toEqual(['12345']);
    expect(outcome(decoder(), '12345\r\n')).toEqual(['12345']);
    expect(outcome(decoder(), '12345\r', 'x')).toEqual([]);
    const channel = new NotingChannel(decoder({ failFast: true }));
    channel.feed('12345\r');
    expect(channel.noted()).toEqual([]);
    channel.feed('x');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });

  it('with ending crlf a bare LF is part of the line', () => {
    const strict = decoder({ ending: 'crlf', maxLength: 10 });
    expect(outcome(strict, 'a\nb\r', '\nc\n', 'd\r\n')).toEqual(['a\nb', 'c\nd']);
  });

  it('closes after a long line by default, and nothing after it is decoded', () => {
    expect(outcome(decoder(), 'ab\n123456\ncd\n', 'ef\n')).toEqual([
      'ab',
      '!HR_ERR_FRAME_TOO_LONG',
    ]);
  });

  it('searches every byte once, however long the line', () => {
    const chunk = Buffer.alloc(1024, 0x61);
    const channel = new NotingChannel(new LineFrameDecoder({ maxLength: 2 ** 24 }));
    for (let i = 0; i < 4096; i++) channel.writeInbound(chunk);
    channel.feed('\n');
    expect(channel.noted()[0]).toHaveLength(2 ** 22);
  });
});
