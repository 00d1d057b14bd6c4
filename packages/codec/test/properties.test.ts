import {
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  lengthPrefixed,
  StreamingStringDecoder,
  VarintFrameDecoder,
  varintPrefixed,
} from '@headrace/codec';
import { DecodeError, type Handler } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LengthFieldWidth } from '../src/frame/length-field.ts';
import { NotingChannel } from './decoder-harness.ts';
import { ALL_POLICIES, DEFAULT_LENGTH, type DecoderTarget } from './decoder-target.ts';
import { targets as frames } from './targets/frames.ts';
import { targets as messages } from './targets/messages.ts';
import { targets as mqtt } from './targets/mqtt.ts';
import { targets as proxyProtocol } from './targets/proxy-protocol.ts';
import { targets as resp } from './targets/resp.ts';
import { targets as stomp } from './targets/stomp.ts';

const targets: readonly DecoderTarget[] = [
  ...frames,
  ...messages,
  ...mqtt,
  ...proxyProtocol,
  ...resp,
  ...stomp,
];

/** Bytes of the target's alphabet, or samples of it joined, some bytes changed. */
function streamFor(target: DecoderTarget): fc.Arbitrary<Buffer> {
  const { alphabet, samples = [], maxLength = DEFAULT_LENGTH, isFramed = false } = target;
  const byte = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...alphabet) }, fc.nat(255));
  const soup = fc.array(byte, { maxLength }).map((bytes) => Buffer.from(bytes));
  if (samples.length === 0) return soup;
  const parts = fc.array(fc.constantFrom(...samples), {
    minLength: 1,
    maxLength: isFramed ? 1 : 4,
  });
  const changes = fc.array(fc.tuple(fc.nat(maxLength), fc.nat(255)), { maxLength: 3 });
  const joined = fc.tuple(parts, changes).map(([whole, changed]) => {
    const bytes = Buffer.concat(whole);
    for (const [at, value] of changed) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });
  return fc.oneof(soup, joined);
}

const sizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 80 });

function cutInto(bytes: Buffer, pieces: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of pieces) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}

/** The channel after these reads; what waits for a later turn after an emitted error gets its time. */
function fed(handler: Handler, chunks: readonly Buffer[]): NotingChannel {
  const channel = new NotingChannel(handler);
  for (const chunk of chunks) {
    if (!channel.isOpen) break;
    channel.feed(chunk);
    while (channel.clock.nextDelay === 1) channel.advance(1);
  }
  channel.finish();
  return channel;
}

/** Frames and errors in order. */
function decoded(
  handler: Handler,
  chunks: readonly Buffer[],
  { isStream = false }: Partial<DecoderTarget> = {},
): string {
  return fed(handler, chunks)
    .noted()
    .join(isStream ? '' : '\n');
}

describe.each(targets)('$name', (target) => {
  const {
    policies = ALL_POLICIES,
    cutFree = policies,
    isFramed = false,
    limit,
    oneIn = 1,
  } = target;
  const limits = limit === undefined ? [] : [limit];

  it.each(isFramed ? [] : cutFree)(
    'gives the same frames and errors in any cut, with %s',
    (policy) => {
      fc.assert(
        fc.property(streamFor(target), sizes, (bytes, pieces) => {
          const whole = decoded(target.make(policy), [bytes], target);
          expect(decoded(target.make(policy), cutInto(bytes, pieces), target)).toEqual(whole);
          const singles = Array.from(bytes, (byte) => Buffer.of(byte));
          expect(decoded(target.make(policy), singles, target)).toEqual(whole);
        }),
        { numRuns: Math.ceil(300 / oneIn) },
      );
    },
  );

  it('throws nothing but errors about the input', () => {
    fc.assert(
      fc.property(streamFor(target), fc.constantFrom(...policies), (bytes, policy) => {
        for (const error of fed(target.make(policy), [bytes]).errors) {
          expect(error).toBeInstanceOf(DecodeError);
          expect(error).not.toMatchObject({ code: 'HR_ERR_DECODER_FAILED' });
        }
      }),
      { numRuns: Math.ceil(200 / oneIn) },
    );
  });

  it.each(limits)('holds no more than %i bytes between reads', (limit) => {
    fc.assert(
      fc.property(streamFor(target), sizes, (bytes, pieces) => {
        const decoder = target.make('skip');
        const channel = new NotingChannel(decoder);
        for (const chunk of cutInto(bytes, pieces)) channel.feed(chunk);
        channel.noted();
        channel.pipeline.removeIfExists(decoder);
        expect(channel.noted().join('').length).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 200 },
    );
  });
});

const bodies: fc.Arbitrary<Uint8Array[]> = fc.array(fc.uint8Array({ maxLength: 300 }), {
  minLength: 1,
  maxLength: 20,
});

/** What is written to these handlers comes back from them, in any cut. */
function expectIdentity(
  make: () => readonly Handler[],
  messages: readonly Uint8Array[],
  pieces: readonly number[],
): void {
  const out = new EmbeddedChannel(...make());
  out.writeOutbound(...messages);
  const encoded: Buffer[] = [];
  for (let one = out.readOutbound<Buffer>(); one !== undefined; ) {
    encoded.push(one);
    one = out.readOutbound<Buffer>();
  }
  const back = new EmbeddedChannel(...make());
  for (const chunk of cutInto(Buffer.concat(encoded), pieces)) back.writeInbound(chunk);
  for (const message of messages) {
    expect(Buffer.compare(back.readInbound<Buffer>() ?? Buffer.from('none'), message)).toBe(0);
  }
}

describe('what was encoded', () => {
  it('comes back from length fields of every width and byte order', () => {
    const config = fc.record({
      bytes: fc.constantFrom<LengthFieldWidth>(2, 3, 4, 8),
      byteOrder: fc.constantFrom<'big' | 'little'>('big', 'little'),
    });
    fc.assert(
      fc.property(bodies, sizes, config, (messages, pieces, { bytes, byteOrder }) => {
        const make = (): Handler[] => lengthPrefixed({ maxFrameLength: 300, bytes, byteOrder });
        expectIdentity(make, messages, pieces);
      }),
    );
  });

  it('comes back from length fields with adjustments that match', () => {
    fc.assert(
      fc.property(bodies, sizes, fc.integer({ min: -20, max: 20 }), (messages, pieces, by) => {
        const make = (): Handler[] => [
          new LengthFieldFrameDecoder({
            maxFrameLength: 400,
            lengthFieldLength: 4,
            lengthAdjustment: -by - 4,
            initialBytesToStrip: 4,
          }),
          new LengthFieldPrepender({
            lengthFieldLength: 4,
            lengthAdjustment: by,
            lengthIncludesLengthFieldLength: true,
          }),
        ];
        const long = messages.map((message) => Buffer.concat([message, Buffer.alloc(20)]));
        expectIdentity(make, long, pieces);
      }),
    );
  });

  it('comes back from varint lengths', () => {
    fc.assert(
      fc.property(bodies, sizes, (messages, pieces) => {
        expectIdentity(() => varintPrefixed({ maxFrameLength: 300 }), messages, pieces);
      }),
    );
  });
});

describe('verifyDecoder', () => {
  it('accepts the decoders that ship', () => {
    const hi = Buffer.from('hi');
    verifyDecoder(
      [
        { bytes: 'hi\n', messages: [hi] },
        { bytes: '\r\nhi\r\n', messages: [Buffer.alloc(0), hi] },
      ],
      () => new LineFrameDecoder(),
    );
    verifyDecoder(
      [
        { bytes: '\x02hi', messages: [hi] },
        { bytes: '\0\x01h', messages: [Buffer.alloc(0), Buffer.from('h')] },
      ],
      () => new VarintFrameDecoder({ maxFrameLength: 10 }),
    );
    verifyDecoder(
      [
        { bytes: '{"a":"}"} ', messages: [Buffer.from('{"a":"}"}')] },
        { bytes: '[1]', messages: [Buffer.from('[1]')] },
      ],
      () => new JsonObjectDecoder(),
    );
  });
});

describe('StreamingStringDecoder', () => {
  it('gives the same text in any cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), sizes, (text, pieces) => {
        const chunks = cutInto(Buffer.from(text), pieces);
        expect(decoded(new StreamingStringDecoder(), chunks, { isStream: true })).toBe(
          Buffer.from(text).toString('latin1') === '' ? '' : text,
        );
      }),
    );
  });
});
