import {
  ContentLengthFrameDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  FlagFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  StreamingStringDecoder,
  VarintFrameDecoder,
} from '@headrace/codec';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';

const LENGTHS = bytesOf('\0\0\0\0\x01\x02\x03\x04\x08\x0c\x0d\x7f\x80\xff');
const LINES = bytesOf('aaab\r\r\n');
const LOW = 3;
const LIMIT = 12;

const lengthFields: DecoderTarget[] = ([1, 2, 3, 4, 8] as const).flatMap((lengthFieldLength) =>
  [true, false].map((failFast) => ({
    name: `LengthFieldFrameDecoder, ${lengthFieldLength} bytes, failFast ${failFast}`,
    alphabet: LENGTHS,
    limit: LIMIT,
    make: (frameErrorPolicy) =>
      new LengthFieldFrameDecoder({
        maxFrameLength: LIMIT,
        lengthFieldLength,
        failFast,
        frameErrorPolicy,
        frameTimeoutMs: false,
      }),
  })),
);

const adjusted: DecoderTarget[] = (['big', 'little'] as const).map((byteOrder) => ({
  name: `LengthFieldFrameDecoder, all parameters, ${byteOrder}`,
  alphabet: LENGTHS,
  limit: LIMIT,
  make: (frameErrorPolicy) =>
    new LengthFieldFrameDecoder({
      maxFrameLength: LIMIT,
      lengthFieldOffset: 1,
      lengthFieldLength: 2,
      lengthAdjustment: -2,
      initialBytesToStrip: 4,
      byteOrder,
      failFast: byteOrder === 'big',
      frameErrorPolicy,
      frameTimeoutMs: false,
    }),
}));

const lines: DecoderTarget[] = [true, false].flatMap((failFast) => [
  {
    name: `LineFrameDecoder, failFast ${failFast}`,
    alphabet: LINES,
    limit: LOW + 1,
    make: (frameErrorPolicy) =>
      new LineFrameDecoder({ maxLength: LOW, failFast, frameErrorPolicy, frameTimeoutMs: false }),
  },
  {
    name: `LineFrameDecoder, CRLF, failFast ${failFast}`,
    alphabet: LINES,
    limit: LOW + 1,
    make: (frameErrorPolicy) =>
      new LineFrameDecoder({
        maxLength: LOW,
        failFast,
        ending: 'crlf',
        stripDelimiter: false,
        frameErrorPolicy,
        frameTimeoutMs: false,
      }),
  },
  {
    name: `DelimiterFrameDecoder, failFast ${failFast}`,
    alphabet: bytesOf('aaaa;;--|'),
    limit: LOW + 2,
    make: (frameErrorPolicy) =>
      new DelimiterFrameDecoder({
        delimiters: ['--|', ';;', '|;'],
        maxFrameLength: LOW,
        failFast,
        frameErrorPolicy,
        frameTimeoutMs: false,
      }),
  },
  {
    name: `DelimiterFrameDecoder, lines, failFast ${failFast}`,
    alphabet: LINES,
    limit: LOW + 1,
    make: (frameErrorPolicy) =>
      new DelimiterFrameDecoder({
        delimiters: ['\n', '\r\n'],
        maxFrameLength: LOW,
        failFast,
        frameErrorPolicy,
        frameTimeoutMs: false,
      }),
  },
]);

const flags: DecoderTarget[] = [
  { name: 'FlagFrameDecoder', transposition: 0x20, alphabet: bytesOf('aaa~~}}^]') },
  {
    name: 'FlagFrameDecoder, pairs',
    transposition: [
      [0x7e, 2],
      [0x7d, 1],
    ] as const,
    alphabet: bytesOf('aaa~~}}\x01\x02'),
  },
].map(({ name, transposition, alphabet }) => ({
  name,
  alphabet,
  limit: 2 * LOW + 1,
  make: (frameErrorPolicy) =>
    new FlagFrameDecoder({
      maxFrameLength: LOW,
      transposition,
      frameErrorPolicy,
      frameTimeoutMs: false,
    }),
}));

const json: DecoderTarget[] = [true, false].map((streamArrayElements) => ({
  name: `JsonObjectDecoder, streamArrayElements ${streamArrayElements}`,
  alphabet: bytesOf('{}[][]{}"",, \\1x'),
  samples: [bytesOf('{"a":[1,"}"]}'), bytesOf('[1,{"\\"":2}, 3 ]'), bytesOf(' {} ')],
  // With emit all that has arrived is dropped with a too long object, as Netty does.
  cutFree: ['close', 'skip'],
  limit: LIMIT,
  make: (frameErrorPolicy) =>
    new JsonObjectDecoder({
      maxObjectLength: LIMIT,
      streamArrayElements,
      frameErrorPolicy,
      frameTimeoutMs: false,
    }),
}));

export const targets: DecoderTarget[] = [
  ...lengthFields,
  ...adjusted,
  ...lines,
  ...json,
  ...flags,
  {
    name: 'FixedLengthFrameDecoder',
    alphabet: bytesOf('ab'),
    limit: 5,
    make: (frameErrorPolicy) =>
      new FixedLengthFrameDecoder({ frameLength: 5, frameErrorPolicy, frameTimeoutMs: false }),
  },
  {
    name: 'VarintFrameDecoder',
    alphabet: bytesOf('\0\0\x01\x02\x03\x0c\x0d\x80\x81\xff'),
    limit: LIMIT + 5,
    make: (frameErrorPolicy) =>
      new VarintFrameDecoder({ maxFrameLength: LIMIT, frameErrorPolicy, frameTimeoutMs: false }),
  },
  {
    name: 'ContentLengthFrameDecoder',
    alphabet: bytesOf('Content-Length: 0123\r\n\r\n\r\n\n:aX'),
    samples: [
      bytesOf('Content-Length: 0\r\n\r\n'),
      bytesOf('Content-Length: 3\r\n\r\nabc'),
      bytesOf('Content-Length: 13\r\n\r\nabcabcabcabca'),
      bytesOf('X:a\r\ncontent-length:2\r\n\r\nab'),
      bytesOf('Content-Length: x\r\n\r\n'),
    ],
    maxLength: 128,
    limit: LIMIT + 40,
    make: (frameErrorPolicy) =>
      new ContentLengthFrameDecoder({
        maxFrameLength: LIMIT,
        maxHeaderLength: 40,
        frameErrorPolicy,
        frameTimeoutMs: false,
      }),
  },
  {
    name: 'StreamingStringDecoder',
    alphabet: bytesOf('a\x80\xbf\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xff'),
    samples: [Buffer.from('aé€😀')],
    policies: ['close'],
    isStream: true,
    make: () => new StreamingStringDecoder(),
  },
];
