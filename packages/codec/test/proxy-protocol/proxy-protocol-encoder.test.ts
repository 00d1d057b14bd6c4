import {
  encodeProxyHeader,
  ProxyProtocolDecoder,
  ProxyProtocolEncoder,
  proxyHeader,
  proxyHeaderOf,
  proxyTlv,
} from '@headrace/codec';
import type { Address, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/proxy-protocol/crc32c.ts';

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
