import {
  encodeProxyHeader,
  PROXY_HEADER,
  type ProxyHeader,
  ProxyProtocolDecoder,
  ProxyProtocolEvent,
  type ProxyTlv,
  proxyHeader,
  proxyTlv,
} from '@headrace/codec';
import { type Address, type Context, HeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProxyRefusal } from '../../src/proxy-protocol/proxy-header-reader.ts';

const port = fc.nat({ max: 65_535 });
const v4: fc.Arbitrary<Address> = fc
  .tuple(fc.ipV4(), port)
  .map(([host, number]) => ({ host, port: number, family: 'IPv4' }));
const v6: fc.Arbitrary<Address> = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(16), port)
  .map(([bytes, zeros, number]) => {
    bytes.fill(0, 0, zeros);
    const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at]! << 8) | bytes[2 * at + 1]!);
    const text = groups.map((group) => group.toString(16)).join(':');
    return { host: text, port: number, family: 'IPv6' };
  });
const path: fc.Arbitrary<Address> = fc
  .stringMatching(/^[ -~]{0,108}$/)
  .map((text) => ({ path: text }));

const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value));
const text = fc
  .constantFrom('alpn', 'authority', 'netns', 'ssl-cn', 'ssl-version')
  .chain((name) =>
    fc.string({ maxLength: 20 }).map((value) => proxyTlv.text(name as 'alpn', value)),
  );
const plainTlv: fc.Arbitrary<ProxyTlv> = fc.oneof(
  text,
  bytes.map((value) => proxyTlv.uniqueId(value)),
  fc.nat(9).map((length) => proxyTlv.noop(length)),
  bytes.map((value) => proxyTlv.other(0xe3, value)),
);
const tlv: fc.Arbitrary<ProxyTlv> = fc.oneof(
  plainTlv,
  fc.record({ tlvs: fc.array(plainTlv, { maxLength: 3 }), verify: fc.nat() }).map(proxyTlv.ssl),
  fc.constant(undefined).map(() => proxyTlv.crc32c()),
);
const tlvs = fc
  .array(tlv, { maxLength: 5 })
  .map((all) =>
    all.filter(
      (one, at) => one.name !== 'crc32c' || all.findIndex(({ name }) => name === 'crc32c') === at,
    ),
  );
const header: fc.Arbitrary<ProxyHeader> = fc.oneof(
  fc.tuple(v4, v4).map(([from, to]) => proxyHeader(from, to, { version: 1 })),
  fc.tuple(v6, v6).map(([from, to]) => proxyHeader(from, to, { version: 1 })),
  fc.tuple(v4, v4, tlvs).map(([from, to, all]) => proxyHeader(from, to, { tlvs: all })),
  fc.tuple(v6, v6, tlvs).map(([from, to, all]) => proxyHeader(from, to, { tlvs: all })),
  fc.tuple(path, path, tlvs).map(([from, to, all]) => proxyHeader(from, to, { tlvs: all })),
  fc.constant(proxyHeader(undefined, undefined)),
);

/** A header with data after it, whole or with some bytes changed. */
const stream = fc
  .tuple(header, bytes, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }))
  .map(([one, data, changes]) => {
    const whole = Buffer.concat([encodeProxyHeader(one), data]);
    for (const [at, byte] of changes) if (at < whole.length) whole[at] = byte;
    return whole;
  });
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });

function outcome(chunks: readonly Buffer[], refusal: ProxyRefusal): unknown[] {
  const seen: unknown[] = [];
  let data = '';
  const channel = new EmbeddedChannel(
    new ProxyProtocolDecoder({ trusted: 'any', refusal, maxTlvBytes: 50 }),
    {
      channelRead: (_ctx: Context, message: Buffer) => {
        data += message.toString('hex');
      },
      userEventTriggered: (_ctx, event) => {
        if (event instanceof ProxyProtocolEvent) seen.push(event.header);
      },
      exceptionCaught: (_ctx, error) => {
        expect(error).toBeInstanceOf(HeadraceError);
        expect((error as HeadraceError).code).not.toBe('HR_ERR_DECODER_FAILED');
        seen.push((error as HeadraceError).code);
      },
    },
  );
  for (const chunk of chunks) if (channel.isOpen) channel.writeInbound(chunk);
  channel.finish();
  return [...seen, data];
}

function cut(whole: Buffer, pieces: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of pieces) {
    chunks.push(whole.subarray(at, at + size));
    at += size;
  }
  return [...chunks, whole.subarray(at)].filter(({ length }) => length > 0);
}

describe('ProxyProtocolDecoder, by properties', () => {
  it.each<ProxyRefusal>(['at-once', 'when-too-long', 'at-its-end'])(
    'gives the same however the stream is cut, %s',
    (refusal) => {
      fc.assert(
        fc.property(stream, sizes, (whole, pieces) => {
          const expected = outcome([whole], refusal);
          expect(outcome(cut(whole, pieces), refusal)).toEqual(expected);
          const single = Array.from(whole, (byte) => Buffer.of(byte));
          expect(outcome(single, refusal)).toEqual(expected);
        }),
      );
    },
  );

  it('reads what the encoder writes', () => {
    fc.assert(
      fc.property(header, (one) => {
        const encoded = encodeProxyHeader(one);
        const channel = new EmbeddedChannel(
          new ProxyProtocolDecoder({ trusted: 'any', maxTlvBytes: 9000 }),
        );
        channel.writeInbound(encoded);
        const read = channel.attributes.get(PROXY_HEADER)!;
        expect(encodeProxyHeader(read)).toEqual(encoded);
        const { tlvs: got, source, ...rest } = read;
        const { tlvs: sent, source: _sent, destination: _destination, ...expected } = one;
        expect(rest).toMatchObject(expected);
        expect(source === undefined).toBe(one.source === undefined);
        const withoutChecksum = (all: readonly ProxyTlv[]) =>
          all.filter(({ name }) => name !== 'crc32c');
        expect(withoutChecksum(got)).toEqual(withoutChecksum(sent));
      }),
    );
  });
});
