import { BlockList } from 'node:net';
import { ProxyProtocolDecoder, ProxyProtocolEvent } from '@headrace/codec';
import { type Address, type Channel, clientAddress } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { TrustedPeers } from '../../src/proxy-protocol/trusted-peers.ts';
import { trustCheck } from '../../src/proxy-protocol/trusted-peers.ts';

const at = (host: string): Address => ({
  host,
  port: 1,
  family: host.includes(':') ? 'IPv6' : 'IPv4',
});
const trusts = (trusted: TrustedPeers, peer: Address | undefined, own?: Address): boolean =>
  trustCheck(trusted)({ remoteAddress: peer, localAddress: own } as Channel);

describe('the option trusted', () => {
  it('takes addresses and networks', () => {
    const list = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8', '2001:db8::1'];
    for (const host of ['127.0.0.1', '10.9.8.7', 'fd12::1', '2001:db8::1', '::ffff:10.1.1.1']) {
      expect(trusts(list, at(host))).toBe(true);
    }
    for (const host of ['127.0.0.2', '11.0.0.1', 'fe80::1', '::ffff:11.0.0.1']) {
      expect(trusts(list, at(host))).toBe(false);
    }
  });

  it('takes a BlockList and a function', () => {
    const list = new BlockList();
    list.addRange('10.0.0.1', '10.0.0.9');
    expect(trusts(list, at('10.0.0.5'))).toBe(true);
    expect(trusts(list, at('10.0.0.10'))).toBe(false);
    expect(trusts((peer) => peer === undefined, undefined)).toBe(true);
  });

  it('takes paths only with unix', () => {
    expect(trusts(['unix'], { path: '/run/a.sock' })).toBe(true);
    expect(trusts(['unix'], undefined, { path: '/run/a.sock' })).toBe(true);
    expect(trusts(['127.0.0.1'], { path: '/run/a.sock' })).toBe(false);
    expect(trusts(['unix'], at('127.0.0.1'))).toBe(false);
  });

  it('an unknown address is trusted by no list', () => {
    expect(trusts(['0.0.0.0/0', '::/0', 'unix'], undefined)).toBe(false);
    expect(trusts('any', undefined)).toBe(true);
  });
});

describe('a peer that is not trusted', () => {
  it('is refused before a byte is read, and later handlers never see it active', () => {
    const seen: string[] = [];
    const channel = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: ['192.0.2.1'] }), {
      channelActive: () => void seen.push('active'),
    });
    expect(seen).toEqual([]);
    expect(channel.closeInfo?.reason).toBe('refused');
  });

  it('is a client itself, if so wanted, and its header is data', () => {
    const decoder = new ProxyProtocolDecoder({ trusted: [], others: 'as-data' });
    const seen: unknown[] = [];
    const channel = new EmbeddedChannel(decoder, {
      channelActive: () => void seen.push('active'),
      userEventTriggered: (_ctx, event) => void seen.push(event),
    });
    expect(seen).toEqual(['active', new ProxyProtocolEvent(undefined)]);
    const line = 'PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n';
    channel.writeInbound(Buffer.from(line));
    expect(String(channel.readInbound())).toBe(line);
    expect(clientAddress(channel)).toEqual(channel.remoteAddress);
  });
});
