import {
  encodeProxyHeader,
  PROXY_HEADER,
  ProxyProtocolDecoder,
  ProxyProtocolEncoder,
  proxyHeader,
  proxyHeaderOf,
  proxyTlv,
} from '@headrace/codec';
import type { Address, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/checksum/crc.ts';

const CLIENT: Address = { host: '203.0.113.7', port: 51_000, family: 'IPv4' };
const SERVER: Address = { host: '192.0.2.1', port: 443, family: 'IPv4' };
const V6: Address = { host: '2001:db8::1', port: 1, family: 'IPv6' };
const LINE = 'PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n';

describe('ProxyProtocolEncoder', () => {
  it('sends the header before anything else and is gone', () => {
    const encoder = new ProxyProtocolEncoder(proxyHeader(CLIENT, SERVER, { version: 1 }));
    const channel = new EmbeddedChannel(encoder, {
      channelActive: (ctx) => void ctx.writeAndFlush(Buffer.from('hello')),
    });
    expect([String(channel.readOutbound()), String(channel.readOutbound())]).toEqual([
      LINE,
      'hello',
    ]);
    expect(channel.pipeline.get(ProxyProtocolEncoder)).toBeUndefined();
  });

  it('sends the header before what handlers after it write before the connection is up', () => {
    const channel = new EmbeddedChannel(
      new ProxyProtocolEncoder(proxyHeader(CLIENT, SERVER, { version: 1 })),
      { handlerAdded: (ctx) => void ctx.writeAndFlush(Buffer.from('hello')) } satisfies Handler,
    );
    expect([String(channel.readOutbound()), String(channel.readOutbound())]).toEqual([
      LINE,
      'hello',
    ]);
  });

  it('sends it at once on a connection that is up already', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addFirst(new ProxyProtocolEncoder(proxyHeader(CLIENT, SERVER)));
    const bytes = channel.readOutbound<Buffer>()!;
    expect(bytes.toString('hex')).toBe('0d0a0d0a000d0a515549540a2111000ccb007107c0000201c73801bb');
  });

  it('passes the client of an accepted connection on', () => {
    const inbound = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
    inbound.writeInbound(Buffer.from(LINE));
    expect(proxyHeader(CLIENT, SERVER).source).toEqual(proxyHeaderOf(inbound).source ?? CLIENT);
    expect(proxyHeaderOf(inbound, { version: 1 }).version).toBe(1);
  });

  it('writes a client of the other family with its mapped address', () => {
    const header = proxyHeader(CLIENT, V6, { version: 1 });
    expect(String(encodeProxyHeader(header))).toBe(
      'PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 51000 1\r\n',
    );
  });

  it.each([
    ['::ffff:203.0.113.7', '::ffff:192.0.2.1'],
    ['::FFFF:cb00:7107', '192.0.2.1'],
    ['203.0.113.7', '::ffff:192.0.2.1'],
  ])('names the IPv4 client of a server of both families as TCP4: %s to %s', (from, to) => {
    const of = (host: string, port: number): Address => ({
      host,
      port,
      family: host.includes(':') ? 'IPv6' : 'IPv4',
    });
    const header = proxyHeader(of(from, 51_000), of(to, 443));
    const line = String(encodeProxyHeader({ ...header, version: 1 }));
    expect(line).toBe('PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n');
    expect(encodeProxyHeader(header)[13]).toBe(0x11);
  });

  it('takes the version and the fields of its options before those of the header', () => {
    const header = proxyHeader(CLIENT, SERVER, { tlvs: [proxyTlv.noop(1)] });
    const first = (encoder: ProxyProtocolEncoder) =>
      new EmbeddedChannel(encoder).readOutbound<Buffer>()!;
    expect(String(first(new ProxyProtocolEncoder(header, { version: 1 })))).toBe(LINE);
    expect(first(new ProxyProtocolEncoder(header, { tlvs: [] }))).toHaveLength(28);
    const absent = { version: undefined, tlvs: undefined } as never;
    expect(first(new ProxyProtocolEncoder(header, absent))).toHaveLength(32);
    expect(() => new ProxyProtocolEncoder(header, { versoin: 1 } as never)).toThrow(/version/);
  });

  it.each([
    ['PROXY TCP6 2001:db8::7 192.0.2.1 51000 443', '2001:db8::7', '192.0.2.1'],
    ['PROXY TCP4 203.0.113.7 2001:db8::1 51000 443', '203.0.113.7', '2001:db8::1'],
  ])(
    'a line of two families, as nginx writes it, is read and can be sent on: %s',
    (line, from, to) => {
      const inbound = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
      inbound.writeInbound(Buffer.from(`${line}\r\n`));
      const header = inbound.attributes.get(PROXY_HEADER)!;
      expect(header).toMatchObject({ source: { host: from }, destination: { host: to } });
      for (const version of [1, 2] as const) {
        const next = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
        next.writeInbound(encodeProxyHeader({ ...header, version }));
        const { source, destination } = next.attributes.get(PROXY_HEADER)!;
        const hosts = [source, destination].map((one) => (one as { host: string }).host);
        expect(hosts.map((host) => host.replace('::ffff:', ''))).toEqual([from, to]);
      }
    },
  );

  it('writes UNKNOWN or LOCAL where there is no client', () => {
    expect(String(encodeProxyHeader(proxyHeader(undefined, SERVER, { version: 1 })))).toBe(
      'PROXY UNKNOWN\r\n',
    );
    const local = encodeProxyHeader(proxyHeader(undefined, undefined));
    expect(local.toString('hex')).toBe('0d0a0d0a000d0a515549540a20000000');
    const unix = { path: '/run/a.sock' };
    expect(String(encodeProxyHeader(proxyHeader(unix, unix, { version: 1 })))).toBe(
      'PROXY UNKNOWN\r\n',
    );
  });

  it('refuses headers that contradict themselves', () => {
    const wrong = (source: Address, transport: 'tcp4' | 'tcp6' | 'unix-stream'): (() => void) => {
      const header = { ...proxyHeader(CLIENT, SERVER), source, transport };
      return () => encodeProxyHeader(header);
    };
    expect(wrong(V6, 'tcp4')).toThrow(/tcp4/);
    expect(wrong({ path: '/x' }, 'tcp4')).toThrow(/tcp4/);
    expect(wrong({ path: 'x'.repeat(109) }, 'unix-stream')).toThrow(/unix-stream/);
    expect(wrong({ host: 'localhost', port: 1, family: 'IPv4' }, 'tcp4')).toThrow(/localhost/);
    expect(wrong({ host: '1.2.3.4', port: 70_000, family: 'IPv4' }, 'tcp4')).toThrow(/70000/);
    const none: Address = { host: '1.2.3.4', port: 0, family: 'IPv4' };
    expect(String(encodeProxyHeader(proxyHeader(none, none, { version: 1 })))).toBe(
      'PROXY TCP4 1.2.3.4 1.2.3.4 0 0\r\n',
    );
    expect(encodeProxyHeader(proxyHeader(none, none))).toHaveLength(28);
    const tlvs = [proxyTlv.noop(65_000), proxyTlv.noop(400)];
    expect(() => encodeProxyHeader(proxyHeader(CLIENT, SERVER, { tlvs }))).toThrow(/65406 bytes/);
  });

  it('has the CRC-32C of the book', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });
});
