import {
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  type FrameErrorPolicy,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  type LengthFieldWidth,
  LineFrameDecoder,
  lengthPrefixed,
  StreamingStringDecoder,
  VarintFrameDecoder,
  varintPrefixed,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotingChannel } from './decoder-harness.ts';

interface Target {
  readonly name: string;
  /** The most that may be held between reads, delimiters and headers included. */
  readonly limit: number;
  /** Bytes that make this decoder do something, more often than random ones would. */
  readonly alphabet: string;
  readonly make: (onFrameError: FrameErrorPolicy) => Handler;
}

const LIMIT = 12;
/** Low, so that many frames are just at it. */
const LOW = 3;

const targets: Target[] = [
  ...([1, 2, 3, 4, 8] as const).map((lengthFieldLength) => ({
    name: `LengthFieldFrameDecoder, ${lengthFieldLength} bytes`,
    limit: LIMIT,
    alphabet: '\0\0\0\0\x01\x02\x03\x04\x07\x0c\x0d\x7f\x80\xff',
    make: (onFrameError: FrameErrorPolicy): Handler =>
      new LengthFieldFrameDecoder({ maxFrameLength: LIMIT, lengthFieldLength, onFrameError }),
  })),
  {
    name: 'LengthFieldFrameDecoder, every parameter',
    limit: LIMIT,
    alphabet: '\0\0\x01\x02\x03\x04\x05\x06\x07\x0c\xff',
    make: (onFrameError) =>
      new LengthFieldFrameDecoder({
        maxFrameLength: LIMIT,
        lengthFieldOffset: 1,
        lengthFieldLength: 2,
        lengthAdjustment: -2,
        initialBytesToStrip: 4,
        byteOrder: 'little',
        failFast: false,
        onFrameError,
      }),
  },
  ...[true, false].map((failFast) => ({
    name: `LineFrameDecoder, failFast ${failFast}`,
    limit: LOW + 1,
    alphabet: 'aaab\r\r\n',
    make: (onFrameError: FrameErrorPolicy): Handler =>
      new LineFrameDecoder({ maxLength: LOW, failFast, onFrameError }),
  })),
  {
    name: 'LineFrameDecoder, CRLF only',
    limit: LOW + 1,
    alphabet: 'aaa\r\r\n\n',
    make: (onFrameError) =>
      new LineFrameDecoder({
        maxLength: LOW,
        ending: 'crlf',
        stripDelimiter: false,
        onFrameError,
      }),
  },
  ...[true, false].map((failFast) => ({
    name: `DelimiterFrameDecoder, failFast ${failFast}`,
    limit: LOW + 2,
    alphabet: 'aaaa;;--|',
    make: (onFrameError: FrameErrorPolicy): Handler =>
      new DelimiterFrameDecoder({
        delimiters: ['--|', ';;', '|;'],
        maxFrameLength: LOW,
        failFast,
        onFrameError,
      }),
  })),
  {
    name: 'DelimiterFrameDecoder, lines',
    limit: LOW + 1,
    alphabet: 'aaab\r\r\n',
    make: (onFrameError) =>
      new DelimiterFrameDecoder({
        delimiters: ['\r\n', '\n'],
        maxFrameLength: LOW,
        onFrameError,
      }),
  },
  {
    name: 'FixedLengthFrameDecoder',
    limit: LIMIT,
    alphabet: 'ab',
    make: (onFrameError) => new FixedLengthFrameDecoder({ frameLength: LIMIT, onFrameError }),
  },
  {
    name: 'VarintFrameDecoder',
    limit: LIMIT + 5,
    alphabet: '\0\0\x01\x02\x03\x0c\x0d\x80\x81\xff',
    make: (onFrameError) => new VarintFrameDecoder({ maxFrameLength: LIMIT, onFrameError }),
  },
  ...[true, false].map((streamArrayElements) => ({
    name: `JsonObjectDecoder, streamArrayElements ${streamArrayElements}`,
    limit: LIMIT,
    alphabet: '{}[][]{}"",, \\1x',
    make: (onFrameError: FrameErrorPolicy): Handler =>
      new JsonObjectDecoder({ maxObjectLength: LIMIT, streamArrayElements, onFrameError }),
  })),
];

function streamFor(target: Target): fc.Arbitrary<Buffer> {
  const byte = fc.constantFrom(...target.alphabet).map((char) => char.charCodeAt(0));
  return fc
    .array(fc.oneof({ weight: 9, arbitrary: byte }, fc.nat(255)), { maxLength: 80 })
    .map((bytes) => Buffer.from(bytes));
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

/** Frames and errors in order; what waits behind an emitted error gets the time that it waits for. */
function decoded(handler: Handler, chunks: readonly Buffer[]): string[] {
  const channel = new NotingChannel(handler);
  for (const chunk of chunks) {
    if (!channel.isOpen) break;
    channel.feed(chunk);
    while (channel.clock.nextDelay === 1) channel.advance(1);
  }
  channel.finish();
  return channel.noted();
}

describe.each(targets)('$name', (target) => {
  const policies: FrameErrorPolicy[] = target.name.startsWith('Json')
    ? ['close', 'skip']
    : ['close', 'skip', 'emit'];

  it.each(policies)('gives the same frames and errors in any cut, with %s', (policy) => {
    fc.assert(
      fc.property(streamFor(target), sizes, (bytes, pieces) => {
        const whole = decoded(target.make(policy), [bytes]);
        expect(decoded(target.make(policy), cutInto(bytes, pieces))).toEqual(whole);
        const singles = Array.from(bytes, (byte) => Buffer.of(byte));
        expect(decoded(target.make(policy), singles)).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('throws nothing but errors about the input', () => {
    const allowed = ['!HR_ERR_FRAME_TOO_LONG', '!HR_ERR_FRAME_CORRUPT'];
    fc.assert(
      fc.property(
        streamFor(target),
        fc.constantFrom<FrameErrorPolicy>('close', 'skip', 'emit'),
        (bytes, policy) => {
          const errors = decoded(target.make(policy), [bytes]).filter((entry) =>
            entry.startsWith('!HR_'),
          );
          expect(errors.filter((error) => !allowed.includes(error))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('holds no more than its limit between reads', () => {
    fc.assert(
      fc.property(streamFor(target), sizes, (bytes, pieces) => {
        const decoder = target.make('skip');
        const channel = new NotingChannel(decoder);
        for (const chunk of cutInto(bytes, pieces)) channel.feed(chunk);
        channel.noted();
        channel.pipeline.removeIfExists(decoder);
        const held = channel.noted().join('').length;
        expect(held).toBeLessThanOrEqual(target.limit);
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
  it('S165 accepts the decoders that ship', () => {
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
        expect(decoded(new StreamingStringDecoder(), chunks).join('')).toBe(
          Buffer.from(text).toString('latin1') === '' ? '' : text,
        );
      }),
    );
  });
});
