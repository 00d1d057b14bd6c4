import * as own from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { verifyFrameTimeout } from '@headrace/core/testing';
import * as mqtt from '@headrace/mqtt';
import * as resp from '@headrace/resp';
import * as stomp from '@headrace/stomp';
import { describe, expect, it } from 'vitest';

const codec = { ...own, ...mqtt, ...resp, ...stomp };

const {
  ByteToMessageDecoder,
  ContentLengthFrameDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  FlagFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  MqttDecoder,
  ProxyProtocolDecoder,
  RespCodec,
  RespDecoder,
  StompDecoder,
  VarintFrameDecoder,
} = codec;

const skip = 'skip' as const;
const LENGTH = { maxFrameLength: 100, lengthFieldLength: 2 } as const;
const RESP = [
  '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
  '$-1\r\n',
  '%1\r\n+a\r\n:1\r\n',
  '|1\r\n+ttl\r\n:1\r\n+OK\r\n',
  '$?\r\n;2\r\nab\r\n;0\r\n',
  'PING\r\n',
];

/** The frames of each decoder: those that it passes on, and those that `skip` leaves out. */
const decoders: [string, () => Handler, (string | Buffer)[]][] = [
  ['LengthFieldFrameDecoder', () => new LengthFieldFrameDecoder(LENGTH), ['\0\x03abc', '\0\0']],
  [
    'LengthFieldFrameDecoder',
    () => new LengthFieldFrameDecoder({ ...LENGTH, maxFrameLength: 4, frameErrorPolicy: skip }),
    ['\0\x07abcdefg'],
  ],
  ['VarintFrameDecoder', () => new VarintFrameDecoder({ maxFrameLength: 300 }), ['\x03abc', '\0']],
  [
    'VarintFrameDecoder',
    () => new VarintFrameDecoder({ maxFrameLength: 2, frameErrorPolicy: skip }),
    ['\x03abc'],
  ],
  ['FixedLengthFrameDecoder', () => new FixedLengthFrameDecoder({ frameLength: 4 }), ['abcd']],
  ['FlagFrameDecoder', () => new FlagFrameDecoder({ maxFrameLength: 9 }), ['abc~', 'a}^b~']],
  [
    'FlagFrameDecoder',
    () => new FlagFrameDecoder({ maxFrameLength: 2, frameErrorPolicy: skip }),
    ['abcdef~'],
  ],
  ['LineFrameDecoder', () => new LineFrameDecoder({ maxLength: 9 }), ['abc\r\n', '\n']],
  [
    'LineFrameDecoder',
    () => new LineFrameDecoder({ maxLength: 3, frameErrorPolicy: skip }),
    ['abcdef\n'],
  ],
  [
    'DelimiterFrameDecoder',
    () => new DelimiterFrameDecoder({ delimiters: ['<>'], maxFrameLength: 9 }),
    ['abc<>', '<>'],
  ],
  [
    'DelimiterFrameDecoder',
    () =>
      new DelimiterFrameDecoder({
        delimiters: ['<>'],
        maxFrameLength: 2,
        frameErrorPolicy: skip,
      }),
    ['abcdef<>'],
  ],
  [
    'JsonObjectDecoder',
    () => new JsonObjectDecoder({ maxObjectLength: 40 }),
    ['{"a":[1,"}"]}', '[[]]'],
  ],
  [
    'JsonObjectDecoder',
    () => new JsonObjectDecoder({ maxObjectLength: 4, frameErrorPolicy: skip }),
    ['{"a":[1,"}"]}'],
  ],
  [
    'ContentLengthFrameDecoder',
    () => new ContentLengthFrameDecoder({ maxFrameLength: 9 }),
    ['Content-Length: 3\r\n\r\nabc', 'Content-Length: 0\r\n\r\n'],
  ],
  [
    'ContentLengthFrameDecoder',
    () => new ContentLengthFrameDecoder({ maxFrameLength: 2, frameErrorPolicy: skip }),
    ['Content-Length: 3\r\n\r\nabc'],
  ],
  [
    'MqttDecoder',
    () => new MqttDecoder(),
    [Buffer.from('3006000161686921', 'hex'), Buffer.from('c000', 'hex')],
  ],
  [
    'MqttDecoder',
    () => new MqttDecoder({ maxPacketBytes: 3, frameErrorPolicy: skip }),
    [Buffer.from('3006000161686921', 'hex')],
  ],
  ['RespDecoder', () => new RespDecoder({ inlineCommands: true }), RESP],
  ['RespCodec', () => new RespCodec({ inlineCommands: true }), RESP],
  [
    'StompDecoder',
    () => new StompDecoder(),
    ['SEND\ndestination:/a\ncontent-length:3\n\nabc\0', 'CONNECT\n\nbody\0'],
  ],
  [
    'ProxyProtocolDecoder',
    () => new ProxyProtocolDecoder({ trusted: 'any' }),
    [
      'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
      Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c000020200010002', 'hex'),
    ],
  ],
];

describe('a frame that has begun', () => {
  it.each(decoders)('has a time limit from its first byte on: %s', (_name, make, frames) => {
    verifyFrameTimeout(frames, make);
  });

  it('is tested for every decoder of bytes', () => {
    const exported = Object.entries(codec as unknown as Record<string, unknown>)
      .filter(
        ([, one]) => typeof one === 'function' && one.prototype instanceof ByteToMessageDecoder,
      )
      .map(([name]) => name);
    expect([...new Set(decoders.map(([name]) => name))].sort()).toEqual(exported.sort());
  });
});
