import { JsonCodec } from '@headrace/codec';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  codecsOf,
  hostileText,
  inputOf,
  type Pair,
  writtenAndRead,
} from '../../core/test/fixture/written-and-read.ts';
import { NestTcpFrameDecoder } from '../src/wire/nest-tcp-frame-decoder.ts';
import { NestTcpFrameEncoder } from '../src/wire/nest-tcp-frame-encoder.ts';

const pair: Pair = {
  covers: [NestTcpFrameDecoder, NestTcpFrameEncoder],
  writer: () => [new NestTcpFrameEncoder(200), new JsonCodec()],
  reader: () => [new NestTcpFrameDecoder({ maxFrameLength: 200 }), new JsonCodec()],
  messages: fc.dictionary(hostileText, hostileText, { maxKeys: 3, noNullPrototype: true }),
};

it("reads what it writes as Nest's packets, or refuses it, for every codec of the package", () => {
  fc.assert(
    fc.property(inputOf(pair), ([messages, sizes]) => {
      const { expected, got } = writtenAndRead(pair, messages, sizes);
      expect(got).toEqual(expected);
    }),
  );
  const covered = pair.covers.map(({ name }) => name).sort();
  expect(codecsOf(new URL('../src/', import.meta.url))).toEqual(covered);
});
