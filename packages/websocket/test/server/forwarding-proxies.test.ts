import type { IncomingMessage } from 'node:http';
import { type Address, CLIENT_ADDRESS, type TrustedPeers } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { ForwardingProxies, type RequestSource } from '../../src/server/forwarding-proxies.ts';

const PROXY: Address = { host: '10.0.0.1', port: 5000, family: 'IPv4' };

function sourceOf(
  trusted: TrustedPeers,
  headers: Readonly<Record<string, string>>,
  peer: Address = PROXY,
): RequestSource {
  const channel = EmbeddedChannel.with({ remoteAddress: peer });
  const request = { headers: { host: 'inner:8080', ...headers } } as unknown as IncomingMessage;
  return new ForwardingProxies(trusted).sourceOf(request, channel);
}

describe('ForwardingProxies', () => {
  it('trusts no proxy unless one is configured', () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'chat.example' };
    const own = { host: 'inner:8080', client: PROXY, isForwarded: false };
    expect(sourceOf([], headers)).toEqual(own);
    expect(sourceOf(['10.0.0.2'], headers)).toEqual(own);
  });

  it('takes the host and the client from a trusted proxy', () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'chat.example' };
    expect(sourceOf(['10.0.0.0/8'], headers)).toEqual({
      host: 'chat.example',
      client: { host: '203.0.113.7', port: 0, family: 'IPv4' },
      isForwarded: true,
    });
  });

  it('takes what the nearest proxies appended, not what the client had sent', () => {
    const headers = {
      'x-forwarded-for': '127.0.0.1, 203.0.113.7, 10.0.0.9',
      'x-forwarded-host': 'evil.example, chat.example',
    };
    const { client, host } = sourceOf(['10.0.0.0/8', '127.0.0.1'], headers);
    expect(client).toMatchObject({ host: '203.0.113.7' });
    expect(host).toBe('chat.example');
  });

  it.each([
    ['203.0.113.7:51000', { host: '203.0.113.7', port: 51_000, family: 'IPv4' }],
    ['[2001:db8::7]:51000', { host: '2001:db8::7', port: 51_000, family: 'IPv6' }],
    ['[2001:db8::7]', { host: '2001:db8::7', port: 0, family: 'IPv6' }],
    ['2001:db8::7', { host: '2001:db8::7', port: 0, family: 'IPv6' }],
    ['203.0.113.7:65535', { host: '203.0.113.7', port: 65_535, family: 'IPv4' }],
    ['203.0.113.7:65536', PROXY],
    ['[2001:db8::7]:99999', PROXY],
    ['unknown', PROXY],
    ['', PROXY],
    [' , ,', PROXY],
  ])('reads the address %j', (text, client) => {
    expect(sourceOf(['10.0.0.1'], { 'x-forwarded-for': text }).client).toEqual(client);
  });

  it.each(['any', () => true] as const)(
    'takes the last entry where every peer is trusted, or the first one by a list: %s',
    (trusted) => {
      const headers = { 'x-forwarded-for': '1.2.3.4, 203.0.113.7' };
      const host = trusted === 'any' ? '203.0.113.7' : '1.2.3.4';
      expect(sourceOf(trusted, headers).client).toMatchObject({ host });
    },
  );

  it('tells a client elsewhere from a browser on the machine of the proxy', () => {
    const isForwarded = (address: string) =>
      sourceOf(['10.0.0.1', '127.0.0.1'], { 'x-forwarded-for': address }).isForwarded;
    expect(isForwarded('203.0.113.7')).toBe(true);
    expect(isForwarded('127.0.0.1')).toBe(false);
    expect(isForwarded('::1')).toBe(false);
    expect(isForwarded('unknown')).toBe(false);
  });

  it('does not trust the client that a balancer announced, only the balancer', () => {
    const channel = EmbeddedChannel.with({ remoteAddress: PROXY });
    const client: Address = { host: '203.0.113.9', port: 1, family: 'IPv4' };
    channel.attributes.set(CLIENT_ADDRESS, client);
    const headers = { host: 'inner', 'x-forwarded-for': '1.2.3.4', 'x-forwarded-host': 'evil' };
    const request = { headers } as unknown as IncomingMessage;
    expect(new ForwardingProxies(['10.0.0.1']).sourceOf(request, channel)).toEqual({
      host: 'inner',
      client,
      isForwarded: false,
    });
  });

  it('does not accept a promise of a function as trust', () => {
    const trusted = (async () => true) as unknown as () => boolean;
    expect(() => sourceOf(trusted, { 'x-forwarded-for': '1.2.3.4' })).toThrow(
      'trustedProxies returned a promise, but must return its answer at once',
    );
  });

  it('goes on with the connection itself where a trusted peer forwards nothing', () => {
    const { isForwarded, host } = sourceOf(['10.0.0.1'], {});
    expect({ isForwarded, host }).toEqual({ isForwarded: false, host: 'inner:8080' });
  });

  it('keeps the client that a PROXY header announced', () => {
    const channel = EmbeddedChannel.with({ remoteAddress: PROXY });
    const client: Address = { host: '203.0.113.9', port: 1, family: 'IPv4' };
    channel.attributes.set(CLIENT_ADDRESS, client);
    const request = { headers: {} } as IncomingMessage;
    expect(new ForwardingProxies([]).sourceOf(request, channel).client).toEqual(client);
  });

  it('names the option in the error for a wrong entry', () => {
    expect(() => new ForwardingProxies(['proxy.example'])).toThrow(
      'trustedProxies: an entry is "proxy.example"',
    );
  });
});
