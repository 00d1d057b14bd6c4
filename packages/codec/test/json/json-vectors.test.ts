import { readFileSync } from 'node:fs';
import { JsonCodec, JsonDecoder, jsonLines } from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';

const { cases } = JSON.parse(
  readFileSync(new URL('../suites/json-parsing.json', import.meta.url), 'utf8'),
) as { readonly cases: Readonly<Record<string, string>> };
const named = (start: string): [string, Buffer][] =>
  Object.entries(cases)
    .filter(([name]) => name.startsWith(start))
    .map(([name, bytes]) => [name, Buffer.from(bytes, 'hex')]);

function readBy(handler: Handler, bytes: Buffer): unknown {
  const channel = new EmbeddedChannel(handler);
  channel.writeInbound(bytes);
  return channel.readInbound();
}

const NOT_UTF8 =
  /UTF-?8_invalid|UTF8_surrogate|invalid_utf-8|iso_latin_1|lone_utf8|not_in_unicode|overlong|truncated-utf-8|UTF-16LE_with_BOM|utf16/;
const MARK = /BOM_empty_object/;

describe('JSON with the cases of JSONTestSuite', () => {
  it.each(named('y_'))('reads %s', (_name, bytes) => {
    const value: unknown = JSON.parse(bytes.toString());
    expect(readBy(new JsonCodec(), bytes)).toStrictEqual(value);
    expect(readBy(new JsonDecoder(), bytes)).toStrictEqual(value);
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(...jsonLines());
    if (value === null) return; // A channel accepts no null.
    channel.writeOutbound(value);
    channel.writeInbound(channel.readOutbound());
    // JavaScript writes a negative zero as 0.
    expect(channel.readInbound()).toStrictEqual(JSON.parse(JSON.stringify(value)));
  });

  it.each(named('n_'))('refuses %s', (_name, bytes) => {
    const [result, ...more] = outcome(new JsonCodec(), bytes);
    expect(result).toMatch(/^!HR_ERR_(MESSAGE_INVALID|TEXT_NOT_UTF8)$/);
    expect(more).toEqual([]);
  });

  it('refuses endless brackets', () => {
    for (const part of ['[', '[{"":']) {
      const bytes = Buffer.from(part.repeat(50_000));
      expect(outcome(new JsonCodec(), bytes)).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    }
  });

  // The standard leaves these to the reader. What JavaScript makes of them is in docs/internals/values-of-codecs.md.
  it.each(named('i_').filter(([name]) => NOT_UTF8.test(name)))(
    'refuses %s, which is not UTF-8',
    (_name, bytes) => {
      const [result] = outcome(new JsonCodec(), bytes);
      expect(result).toMatch(/^!HR_ERR_(TEXT_NOT_UTF8|MESSAGE_INVALID)$/);
    },
  );

  it.each(named('i_').filter(([name]) => MARK.test(name)))('refuses %s', (_name, bytes) => {
    expect(outcome(new JsonCodec(), bytes)).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it.each(named('i_').filter(([name]) => !NOT_UTF8.test(name) && !MARK.test(name)))(
    'reads %s as JavaScript does',
    (_name, bytes) => {
      expect(readBy(new JsonCodec(), bytes)).toStrictEqual(JSON.parse(bytes.toString()));
    },
  );
});
