import { Buffer } from 'node:buffer';
import { type Context, EncodeError, type Handler } from '@headrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codecsOf, hostileBytes, hostileText } from '../../core/test/fixture/written-and-read.ts';
import { WebSocketBinaryCodec, WebSocketJsonCodec, WebSocketTextCodec } from '../src/index.ts';
import { framesIn, member } from './socket/member.ts';

/** A codec of both ends, or none, and messages that are written, also ones that are refused. */
interface WebSocketPair {
  readonly covers?: { readonly name: string };
  readonly codec: () => Handler[];
  readonly messages: fc.Arbitrary<unknown>;
}

const PAIRS: readonly WebSocketPair[] = [
  { codec: () => [], messages: fc.oneof(hostileText, hostileBytes) },
  {
    covers: WebSocketTextCodec,
    codec: () => [new WebSocketTextCodec()],
    messages: hostileText,
  },
  {
    covers: WebSocketBinaryCodec,
    codec: () => [new WebSocketBinaryCodec()],
    messages: hostileBytes,
  },
  {
    covers: WebSocketJsonCodec,
    codec: () => [new WebSocketJsonCodec()],
    messages: fc.dictionary(hostileText, fc.oneof(hostileText, fc.integer(), fc.boolean()), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
];

/** Writes the messages at one end, and returns those that were not refused, and what the other end reads in any cut. */
function writtenAndRead(
  codec: () => Handler[],
  isClient: boolean,
  messages: readonly unknown[],
  sizes: readonly number[],
): { readonly written: unknown[]; readonly read: unknown[] } {
  const read: unknown[] = [];
  const recorder = { channelRead: (_ctx: Context, message: unknown) => void read.push(message) };
  const writer = member({ isClient, handlers: codec() });
  const reader = member({ isClient: !isClient, handlers: [...codec(), recorder] });
  const written = messages.filter((message) => {
    const future = writer.channel.writeAndFlush(message as string);
    if (future.isSuccess) return true;
    expect(future.error).toBeInstanceOf(EncodeError);
    return false;
  });
  const bytes = Buffer.concat(framesIn(writer));
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (sizes[i] ?? bytes.length);
    reader.parent.writeInbound(Buffer.from(bytes.subarray(at, next)));
    at = next;
  }
  expect(reader.parent.isOpen).toBe(true);
  return { written, read };
}

describe('what one end of a WebSocket writes', () => {
  const ends = PAIRS.flatMap((pair) =>
    [false, true].map((isClient) => {
      const name = `${pair.covers?.name ?? 'no codec'}, ${isClient ? 'client' : 'server'}`;
      return [name, pair, isClient] as const;
    }),
  );
  const sizes = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }),
    fc.constant(new Array<number>(400).fill(1)),
  );

  it.each(ends)('is read as the same messages, or refused: %s', (_name, pair, isClient) => {
    const messages = fc.array(pair.messages, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(messages, sizes, (given, cuts) => {
        const { written, read } = writtenAndRead(pair.codec, isClient, given, cuts);
        expect(read).toEqual(written);
      }),
      { numRuns: 40 },
    );
  });

  it('is refused if it is a text without a UTF-8, and the next text is sent', () => {
    const { written, read } = writtenAndRead(() => [], false, ['a\ud83d', '\ude00', 'ok'], []);
    expect([written, read]).toEqual([['ok'], ['ok']]);
  });

  it('is proved for every codec of the package', () => {
    const covered = PAIRS.flatMap(({ covers }) => covers?.name ?? []);
    expect(codecsOf(new URL('../src/', import.meta.url))).toEqual(covered.sort());
  });
});
