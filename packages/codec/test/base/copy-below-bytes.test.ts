import {
  ContentLengthFrameDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  FlagFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  VarintFrameDecoder,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { MqttDecoder, type MqttPublish } from '@headrace/mqtt';
import { RespDecoder } from '@headrace/resp';
import { StompDecoder, type StompFrame } from '@headrace/stomp';
import { describe, expect, it } from 'vitest';

/** As much as a read's share of memory may have. */
const SLAB = Buffer.alloc(68 * 1024);

interface Case {
  readonly make: (copyBelowBytes: number | false | undefined) => Handler;
  /** One message. */
  readonly bytes: string;
  readonly bytesOf?: (message: never) => Uint8Array;
}

const options = (copyBelowBytes: number | false | undefined): object =>
  copyBelowBytes === undefined ? {} : { copyBelowBytes };

const CASES: Readonly<Record<string, Case>> = {
  DelimiterFrameDecoder: {
    make: (below) =>
      new DelimiterFrameDecoder({ delimiters: [';'], maxFrameLength: 99, ...options(below) }),
    bytes: 'hello;',
  },
  FixedLengthFrameDecoder: {
    make: (below) => new FixedLengthFrameDecoder({ frameLength: 5, ...options(below) }),
    bytes: 'hello',
  },
  FlagFrameDecoder: {
    make: (below) => new FlagFrameDecoder({ maxFrameLength: 99, ...options(below) }),
    bytes: '~hello~',
  },
  JsonObjectDecoder: { make: (below) => new JsonObjectDecoder(options(below)), bytes: '["hi"]' },
  ContentLengthFrameDecoder: {
    make: (below) => new ContentLengthFrameDecoder({ maxFrameLength: 99, ...options(below) }),
    bytes: 'Content-Length: 5\r\n\r\nhello',
  },
  LengthFieldFrameDecoder: {
    make: (below) =>
      new LengthFieldFrameDecoder({ maxFrameLength: 99, lengthFieldLength: 1, ...options(below) }),
    bytes: '\x05hello',
  },
  LineFrameDecoder: { make: (below) => new LineFrameDecoder(options(below)), bytes: 'hello\r\n' },
  MqttDecoder: {
    make: (below) => new MqttDecoder(options(below)),
    bytes: '\x30\x08\0\x01ahello',
    bytesOf: (message: MqttPublish) => message.payload,
  },
  RespDecoder: { make: (below) => new RespDecoder(options(below)), bytes: '$5\r\nhello\r\n' },
  'RespDecoder, an array': {
    make: (below) => new RespDecoder(options(below)),
    bytes: '*1\r\n$5\r\nhello\r\n',
    bytesOf: ([first]: [Uint8Array]) => first,
  },
  StompDecoder: {
    make: (below) => new StompDecoder(options(below)),
    bytes: 'SEND\n\nhello\0',
    bytesOf: (message: StompFrame) => message.body,
  },
  VarintFrameDecoder: {
    make: (below) => new VarintFrameDecoder({ maxFrameLength: 99, ...options(below) }),
    bytes: '\x05hello',
  },
};

/** The memory that a message keeps alive, and its text, when it came in a part of a slab. */
function kept(one: Case, copyBelowBytes?: number | false): readonly [number, string] {
  const channel = new EmbeddedChannel(one.make(copyBelowBytes));
  const { length } = Buffer.from(one.bytes, 'latin1');
  SLAB.write(one.bytes, 1000, 'latin1');
  channel.writeInbound(SLAB.subarray(1000, 1000 + length));
  const message = channel.readInbound();
  const bytes = one.bytesOf === undefined ? (message as Uint8Array) : one.bytesOf(message as never);
  SLAB.fill(0);
  return [bytes.buffer.byteLength, Buffer.from(bytes).toString()];
}

describe('copyBelowBytes', () => {
  it.each(Object.entries(CASES))('%s copies what is smaller, and only that', (_name, one) => {
    for (const off of [undefined, false] as const) {
      expect(kept(one, off)[0]).toBe(SLAB.length);
    }
    expect(kept(one, 2)[0]).toBe(SLAB.length);
    const [memory, text] = kept(one, 100);
    expect(memory).toBeLessThan(20);
    expect(text).toMatch(/hello|\["hi"\]/);
    expect(kept(one, Number.POSITIVE_INFINITY)[0]).toBe(memory);
  });

  it('holds for a message that comes in parts', () => {
    const channel = new EmbeddedChannel(new LineFrameDecoder({ copyBelowBytes: 100 }));
    for (const byte of Buffer.from('hello\n')) channel.writeInbound(Buffer.of(byte));
    const line = channel.readInbound<Buffer>()!;
    expect([line.buffer.byteLength, String(line)]).toEqual([5, 'hello']);
  });

  it('changes to fresh decoders, and refuses invalid calls', () => {
    const line = new LineFrameDecoder({ copyBelowBytes: 100 }).fresh();
    expect(kept({ make: () => line, bytes: 'hello\n' })[0]).toBe(5);
    expect(() => new LineFrameDecoder({ copyBelowBytes: 0 })).toThrow(/copyBelowBytes is 0/);
    expect(() => new RespDecoder({ copyBelowBytes: -1 })).toThrow(/copyBelowBytes is -1/);
  });
});
