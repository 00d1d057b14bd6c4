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
import { RespDecoder } from '@headrace/resp';
import { describe, expect, it } from 'vitest';
import { figure } from '../../../core/test/fixture/figure.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = 3;
/** The long frame is 16 times the short one: a byte of it costs 16 times as much where time is quadratic. */
const TIMES = 16;
const ALLOWED = 4;
const unlimited = { maxFrameLength: 100 * MIB, frameTimeoutMs: false } as const;

interface Framing {
  readonly name: string;
  readonly make: (length: number) => Handler;
  /** One message around a body. */
  readonly frame: (body: string) => Buffer;
}

function lengthOf(body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return length;
}

/** The length in 7 bits a byte, with zeros up to four bytes. */
function varintOf(body: string): Buffer {
  const { length } = body;
  return Buffer.of(length | 0x80, (length >> 7) | 0x80, (length >> 14) | 0x80, length >> 21);
}

const framings: readonly Framing[] = [
  {
    name: 'ContentLengthFrameDecoder',
    make: () => new ContentLengthFrameDecoder(unlimited),
    frame: (body) => Buffer.from(`Content-Length: ${body.length}\r\n\r\n${body}`),
  },
  {
    name: 'ContentLengthFrameDecoder, a long header',
    make: () => new ContentLengthFrameDecoder({ ...unlimited, maxHeaderLength: 100 * MIB }),
    frame: (body) => Buffer.from(`X: ${body}\r\nContent-Length: 1\r\n\r\nx`),
  },
  {
    name: 'LengthFieldFrameDecoder',
    make: () => new LengthFieldFrameDecoder({ ...unlimited, lengthFieldLength: 4 }),
    frame: (body) => Buffer.concat([lengthOf(body), Buffer.from(body)]),
  },
  {
    name: 'VarintFrameDecoder',
    make: () => new VarintFrameDecoder(unlimited),
    frame: (body) => Buffer.concat([varintOf(body), Buffer.from(body)]),
  },
  {
    name: 'FixedLengthFrameDecoder',
    make: (frameLength) => new FixedLengthFrameDecoder({ frameLength, frameTimeoutMs: false }),
    frame: (body) => Buffer.from(body),
  },
  {
    name: 'FlagFrameDecoder',
    make: () => new FlagFrameDecoder(unlimited),
    frame: (body) => Buffer.from(`~${body}~`),
  },
  {
    name: 'LineFrameDecoder',
    make: () => new LineFrameDecoder({ maxLength: 100 * MIB, frameTimeoutMs: false }),
    frame: (body) => Buffer.from(`${body}\n`),
  },
  {
    name: 'DelimiterFrameDecoder',
    make: () => new DelimiterFrameDecoder({ ...unlimited, delimiters: ['||', '\0'] }),
    frame: (body) => Buffer.from(`${body}||`),
  },
  {
    name: 'JsonObjectDecoder',
    make: () => new JsonObjectDecoder({ maxObjectLength: 100 * MIB, frameTimeoutMs: false }),
    frame: (body) => Buffer.from(`{"${body}":1}`),
  },
  {
    name: 'RespDecoder',
    make: () =>
      new RespDecoder({
        maxBulkBytes: 100 * MIB,
        maxMessageBytes: 100 * MIB,
        frameTimeoutMs: false,
      }),
    frame: (body) => Buffer.from(`$${body.length}\r\n${body}\r\n`),
  },
];

function readsOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  // Own memory for each, as a transport gives it.
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
  }
  return chunks;
}

/** CPU nanoseconds of this process for each byte, the best of some rounds: others on the machine do not count. */
function costOf({ make, frame }: Framing, length: number, readSize: number): number {
  const chunks = readsOf(frame('a'.repeat(length)), readSize);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const channel = new EmbeddedChannel(make(length));
    globalThis.gc?.();
    const before = process.cpuUsage();
    for (const chunk of chunks) channel.writeInbound(chunk);
    const { user, system } = process.cpuUsage(before);
    expect(channel.readInbound()).toBeDefined();
    best = Math.min(best, ((user + system) * 1000) / length);
  }
  return best;
}

describe.each(framings)('$name', (framing) => {
  it.each([
    ['one byte', 1, 16 * KIB],
    ['1 KiB', KIB, MIB / 2],
  ] as const)(
    'costs the same for each byte of a long frame in reads of %s',
    async (reads, size, length) => {
      // Compiles what is measured.
      costOf(framing, length, size);
      await figure(`${framing.name}, reads of ${reads}: long by short`, { below: ALLOWED }, () => {
        const short = costOf(framing, length, size);
        return costOf(framing, TIMES * length, size) / short;
      });
    },
  );
});
