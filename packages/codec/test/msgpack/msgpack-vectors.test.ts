import { readFileSync } from 'node:fs';
import { MsgpackCodec, MsgpackExt } from '@headrace/codec/msgpack';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';

type Case = readonly [type: string, value: unknown, forms: readonly string[]];
const { cases } = JSON.parse(
  readFileSync(new URL('../suites/msgpack.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(hex(text.replaceAll('-', '')));

function meantBy(type: string, value: unknown): unknown {
  if (type === 'binary') return bytesOf(value as string);
  if (type === 'bignum') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : BigInt(value as string);
  }
  if (type === 'ext') {
    const [number, data] = value as [number, string];
    return new MsgpackExt(number, bytesOf(data));
  }
  if (type !== 'timestamp') return value;
  const [seconds, nanoseconds] = value as [number, number];
  return nanoseconds === 0 ? new Date(seconds * 1000) : undefined;
}

describe('MsgpackCodec with msgpack-test-suite', () => {
  it.each(cases)('reads every form of a %s: %j', (type, given, forms) => {
    const value = meantBy(type, given);
    for (const form of forms) {
      const channel = new EmbeddedChannel(new MsgpackCodec());
      channel.writeInbound(hex(form));
      const read = channel.readInbound();
      // A time with nanoseconds is no Date.
      if (value === undefined) expect(read).toBeInstanceOf(MsgpackExt);
      else expect(read).toStrictEqual(value);
    }
  });

  it.each(cases)('writes the shortest form of a %s: %j', (type, given, [shortest]) => {
    const value = meantBy(type, given);
    // Messages that a channel does not accept, or that need no codec.
    if (value === null || value instanceof Uint8Array) return;
    const channel = new EmbeddedChannel(new MsgpackCodec());
    if (value === undefined) {
      channel.writeInbound(hex(shortest!));
      channel.writeOutbound(channel.readInbound());
    } else channel.writeOutbound(value);
    const written = channel.readOutbound<Buffer>()!.toString('hex');
    // A fraction is written as a double, so that the codec does not look for a shorter form.
    if (Number.isInteger(value) || typeof value !== 'number') {
      expect(written.length).toBeLessThanOrEqual(shortest!.length);
    }
    expect(outcome(new MsgpackCodec(), hex(written))).toEqual(
      outcome(new MsgpackCodec(), hex(shortest!)),
    );
  });
});
