import { HeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  encodeResp,
  RespAttributed,
  RespBigNumber,
  RespCodec,
  RespDecoder,
  RespDouble,
  RespError,
  RespMap,
  RespNull,
  RespPush,
  RespSet,
  RespSimple,
  type RespValue,
  RespVerbatim,
} from '@headrace/resp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const line = fc.string({ maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ''));
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value));

const value: fc.Arbitrary<RespValue> = fc.letrec<{
  any: RespValue;
  leaf: RespValue;
  items: RespValue[];
}>((tie) => ({
  leaf: fc.oneof<fc.Arbitrary<RespValue>[]>(
    bytes,
    line.map((text) => (text === 'OK' ? RespSimple.OK : new RespSimple(text))),
    fc.string({ maxLength: 12 }).map((text) => new RespError(text)),
    bytes.map((text) => new RespError(text)),
    fc.maxSafeInteger(),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((big) => (Number.isSafeInteger(Number(big)) ? Number(big) : big)),
    fc.bigInt().map((big) => new RespBigNumber(big)),
    fc.double().map((number) => new RespDouble(number)),
    fc.boolean(),
    fc.constant(RespNull.STRING),
    bytes.map((data) => new RespVerbatim('txt', data)),
  ),
  items: fc.array(tie('any'), { maxLength: 4, depthIdentifier: 'resp' }),
  any: fc.oneof(
    { depthIdentifier: 'resp', maxDepth: 3 },
    tie('leaf'),
    tie('items'),
    tie('items').map((items) => new RespSet(items)),
    tie('items').map((items) => new RespMap([...items, ...items])),
    fc
      .tuple(tie('items'), tie('leaf'))
      .map(([items, one]) => new RespAttributed(new RespMap([...items, ...items]), one)),
  ),
})).any;
const message: fc.Arbitrary<RespValue> = fc.oneof(
  { weight: 9, arbitrary: value },
  { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }).map((items) => new RespPush(items)) },
);

const soup = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...'*$+-:%~>|;.?_#,(=!0123\r\n\r\n"\' a\\') },
      fc.string({ maxLength: 1 }),
    ),
    { maxLength: 80 },
  )
  .map((chars) => Buffer.from(chars.join(''), 'latin1'));
/** Pieces that belong together, so that random input goes deep. */
const pieces = fc
  .array(
    fc.constantFrom(
      '*2\r\n',
      '*?\r\n',
      '%1\r\n',
      '|1\r\n',
      '|0\r\n',
      '>1\r\n',
      '$1\r\na\r\n',
      '$?\r\n',
      ';1\r\na\r\n',
      ';0\r\n',
      '.\r\n',
      ':1\r\n',
      '+a\r\n',
      '$-1\r\n',
      '*-1\r\n',
      '*0\r\n',
      '_\r\n',
      'ping "a b"\r\n',
      '\r\n',
      '=5\r\ntxt:a\r\n',
      '$9\r\n',
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join('')));
const encoded = fc
  .array(message, { maxLength: 4 })
  .map((all) => Buffer.concat(all.map((one) => encodeResp(one, 3))));
const stream = fc.oneof(soup, pieces, encoded);
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 80 });

function decoded(
  chunks: readonly Buffer[],
  inlineCommands: boolean,
  maxMessageBytes: number,
): unknown[] {
  const limits = {
    maxBulkBytes: 12,
    maxElements: 5,
    maxDepth: 4,
    maxLineBytes: 20,
    maxMessageBytes,
  };
  const seen: unknown[] = [];
  const channel = new EmbeddedChannel(new RespDecoder({ ...limits, inlineCommands }), {
    channelRead: (_ctx, one: RespValue) => void seen.push(one),
    exceptionCaught: (_ctx, error) => {
      expect(error).toBeInstanceOf(HeadraceError);
      expect((error as HeadraceError).code).not.toBe('HR_ERR_DECODER_FAILED');
      const { code, details } = error as HeadraceError;
      seen.push([code, details['redis'], details['limit']]);
    },
  });
  for (const chunk of chunks) if (channel.isOpen) channel.writeInbound(chunk);
  channel.finish();
  return seen;
}

function cut(whole: Buffer, sizesOf: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizesOf) {
    chunks.push(whole.subarray(at, at + size));
    at += size;
  }
  return [...chunks, whole.subarray(at)].filter(({ length }) => length > 0);
}

describe('RESP, by properties', () => {
  it.each([true, false])(
    'gives the same messages and errors in any cut, inline commands %s',
    (inline) => {
      fc.assert(
        fc.property(stream, sizes, fc.integer({ min: 16, max: 1200 }), (whole, sizesOf, most) => {
          const expected = decoded([whole], inline, most);
          expect(decoded(cut(whole, sizesOf), inline, most)).toEqual(expected);
          const single = Array.from(whole, (byte) => Buffer.of(byte));
          expect(decoded(single, inline, most)).toEqual(expected);
        }),
        { numRuns: 300 },
      );
    },
  );

  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), sizes, (messages, sizesOf) => {
        const channel = new EmbeddedChannel(new RespCodec({ protocol: 3 }));
        for (const one of messages) channel.writeOutbound(one);
        const written: Buffer[] = [];
        for (let part = channel.readOutbound<Buffer>(); part !== undefined; ) {
          written.push(part);
          part = channel.readOutbound<Buffer>();
        }
        for (const chunk of cut(Buffer.concat(written), sizesOf)) channel.writeInbound(chunk);
        for (const one of messages) expect(channel.readInbound()).toEqual(one);
        expect(channel.readInbound()).toBeUndefined();
      }),
    );
  });
});
