import { BlockList } from 'node:net';
import { describe, expect, it } from 'vitest';
import { peerOf, trustCheck } from '../../src/authoring.ts';
import type { Address, Channel, TrustedPeers } from '../../src/index.ts';

const at = (host: string): Address => ({
  host,
  port: 1,
  family: host.includes(':') ? 'IPv6' : 'IPv4',
});
const trusts = (trusted: TrustedPeers, peer: Address | undefined, own?: Address): boolean =>
  trustCheck('trusted', trusted)(peerOf({ remoteAddress: peer, localAddress: own } as Channel));

describe('peers that are trusted', () => {
  it('are addresses and networks', () => {
    const list = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8', '2001:db8::1'];
    for (const host of ['127.0.0.1', '10.9.8.7', 'fd12::1', '2001:db8::1', '::ffff:10.1.1.1']) {
      expect(trusts(list, at(host))).toBe(true);
    }
    for (const host of ['127.0.0.2', '11.0.0.1', 'fe80::1', '::ffff:11.0.0.1']) {
      expect(trusts(list, at(host))).toBe(false);
    }
  });

  it('are the same in each spelling of an IPv4-mapped address, in the list and of the peer', () => {
    const spellings = ['10.1.1.1', '::ffff:10.1.1.1', '::FFFF:a01:101', '0:0:0:0:0:ffff:0a01:0101'];
    for (const entry of [...spellings, '::ffff:10.0.0.0/104', '::ffff:0:0/96']) {
      for (const host of spellings) expect(trusts([entry], at(host))).toBe(true);
      expect(trusts([entry], at('ffff::a01:101'))).toBe(false);
      expect(trusts([entry], at('ffff::]@[::ffff:a01:101'))).toBe(false);
    }
    expect(trusts(['::ffff:10.0.0.0/104'], at('11.1.1.1'))).toBe(false);
  });

  it('are in a BlockList, or those that a function takes', () => {
    const list = new BlockList();
    list.addRange('10.0.0.1', '10.0.0.9');
    expect(trusts(list, at('10.0.0.5'))).toBe(true);
    expect(trusts(list, at('10.0.0.10'))).toBe(false);
    expect(trusts((peer) => peer === undefined, undefined)).toBe(true);
  });

  it('are at paths only with unix', () => {
    expect(trusts(['unix'], { path: '/run/a.sock' })).toBe(true);
    expect(trusts(['unix'], undefined, { path: '/run/a.sock' })).toBe(true);
    expect(trusts(['127.0.0.1'], { path: '/run/a.sock' })).toBe(false);
    expect(trusts(['unix'], at('127.0.0.1'))).toBe(false);
  });

  it('are in no list when their address is unknown', () => {
    expect(trusts(['0.0.0.0/0', '::/0', 'unix'], undefined)).toBe(false);
    expect(trusts('any', undefined)).toBe(true);
  });

  it.each([
    ['chat.example'],
    ['10.0.0.0/33'],
    ['fe80::1%eth0'],
    ['10.0.0.0/8/9'],
    ['10.0.0.0/'],
    ['10.0.0.0/-1'],
    ['::ffff:10.0.0.0/129'],
    [''],
  ])('are not "%s", which the error names with its option', (entry) => {
    expect(() => trustCheck('trustedProxies', [entry])).toThrow(
      `trustedProxies: an entry is "${entry}"`,
    );
  });
});
