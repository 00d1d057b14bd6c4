import { encodeProxyHeader, ProxyProtocolDecoder, proxyHeader, proxyTlv } from '@headrace/codec';
import type { Address } from '@headrace/core';
import type { ProxyRefusal } from '../../src/proxy-protocol/proxy-header-reader.ts';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';

const V4: Address = { host: '203.0.113.7', port: 51_000, family: 'IPv4' };
const V6: Address = { host: '2001:db8::7', port: 443, family: 'IPv6' };
const PATH: Address = { path: '/run/a.sock' };
const TLVS = [
  proxyTlv.text('alpn', 'h2'),
  proxyTlv.ssl({ tlvs: [proxyTlv.text('ssl-cn', 'ann'), proxyTlv.noop(0)] }),
  proxyTlv.crc32c(),
];

const samples = [
  encodeProxyHeader(proxyHeader(V4, V4, { version: 1 })),
  encodeProxyHeader(proxyHeader(V6, V6, { version: 1 })),
  bytesOf('PROXY UNKNOWN\r\n'),
  bytesOf(`PROXY UNKNOWN ${'x'.repeat(94)}\r\n`),
  encodeProxyHeader(proxyHeader(V4, V4)),
  encodeProxyHeader(proxyHeader(V4, V4, { tlvs: TLVS.slice(0, 2) })),
  encodeProxyHeader(proxyHeader(V6, V6, { tlvs: TLVS })),
  encodeProxyHeader(proxyHeader(PATH, PATH)),
  encodeProxyHeader(proxyHeader(undefined, undefined)),
];

const refusals: readonly ProxyRefusal[] = ['at-once', 'when-too-long', 'at-its-end'];

export const targets: DecoderTarget[] = refusals.map((refusal) => ({
  name: `ProxyProtocolDecoder, ${refusal}`,
  alphabet: bytesOf('PROXY TCP46UNKNOWN 1.2:\r\n\r\n\0\x11\x20\x21\x31'),
  samples,
  maxLength: 300,
  policies: ['close'],
  isStream: true,
  make: () => new ProxyProtocolDecoder({ trusted: 'any', refusal, maxTlvBytes: 40 }),
}));
