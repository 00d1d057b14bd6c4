import { CLIENT_ERRORS } from '@headrace/client';
import { isHeadraceError, MemoryNetwork, TlsClientContext } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { movedPlace } from '../../src/address/moved-place.ts';

const tls = { ca: 'an authority', rejectUnauthorized: true };
const moved = { host: '10.0.0.2', port: 2 };

describe('movedPlace', () => {
  it('inherits the TLS of the place in use, and the name that its certificate must have', () => {
    const named = (servername: string) => ({ ...moved, tls: { ...tls, servername } });
    const inUse = { host: 'chat.example', port: 1, tls };
    const first = movedPlace(inUse, moved);
    expect(first).toEqual(named('chat.example'));
    expect(movedPlace(first, { host: '10.0.0.3', port: 3 }).host).toBe('10.0.0.3');
    expect(movedPlace(first, moved)).toEqual(named('chat.example'));
    expect(movedPlace({ port: 1, tls }, moved)).toEqual(named('localhost'));
    const own = { ...inUse, tls: { ...tls, servername: 'own.example' } };
    expect(movedPlace(own, moved)).toEqual(named('own.example'));
    const context = new TlsClientContext({ rejectUnauthorized: false });
    expect((movedPlace({ ...inUse, tls: context }, moved) as { tls?: unknown }).tls).toBe(context);
  });

  it('from a path, inherits its TLS', () => {
    const inUse = { path: '/a.sock', tls: { ...tls, servername: 'chat.example' } };
    expect(movedPlace<object>(inUse, moved)).toEqual({ ...moved, tls: inUse.tls });
    expect(movedPlace<object>(inUse, { path: '/b.sock' })).toEqual({ ...inUse, path: '/b.sock' });
  });

  it('keeps the network, the lookup and the address of this machine', () => {
    const network = { connectTo: () => {} };
    const lookup = () => {};
    const inUse = { network, lookup, localAddress: '10.0.0.9', family: 4, host: 'a', port: 1 };
    expect(movedPlace<object>(inUse, moved)).toEqual({ ...inUse, ...moved });
  });

  it('leaves a place with a TLS of its own as it is, and each place before the first connection', () => {
    const own = { ...moved, tls: { servername: 'other.example' } };
    expect(movedPlace({ host: 'chat.example', port: 1, tls }, own)).toEqual(own);
    expect(movedPlace(undefined, moved)).toBe(moved);
    const memory = { network: new MemoryNetwork(), name: 'a' };
    expect(movedPlace<object>(memory, moved)).toEqual(moved);
    expect(movedPlace('ws://a.example/', 'ws://b.example/')).toBe('ws://b.example/');
  });

  it('keeps the protocol and the path of an address that is relative to the page', () => {
    const page = globalThis as { document?: unknown };
    page.document = { baseURI: 'https://chat.example/app/' };
    try {
      const sameHost = { host: 'chat.example', port: 2 };
      expect(String(movedPlace<unknown>('ws', sameHost))).toBe('https://chat.example:2/app/ws');
      expect(() => movedPlace('/ws', 'ws://chat.example/')).toThrow('not encrypted');
    } finally {
      delete page.document;
    }
  });

  it('keeps the protocol and the path of a URL', () => {
    const sameHost = { host: 'Chat.example', port: 2 };
    expect(String(movedPlace<unknown>('wss://chat.example/ws?v=1', sameHost))).toBe(
      'wss://chat.example:2/ws?v=1',
    );
    expect(String(movedPlace<unknown>('ws://chat.example/ws?v=1', moved))).toBe(
      'ws://10.0.0.2:2/ws?v=1',
    );
    expect(String(movedPlace<unknown>(new URL('ws://a/'), { host: '::1', port: 3 }))).toBe(
      'ws://[::1]:3/',
    );
    expect(movedPlace('wss://a.example/', 'wss://b.example/')).toBe('wss://b.example/');
  });

  it.each([
    [{ host: 'chat.example', port: 1 }, { path: '/run/db.sock' }, 'the path /run/db.sock after'],
    [{ port: 1 }, { path: '/run/db.sock' }, 'after the host localhost'],
    ['wss://a.example/', { path: '/run/db.sock' }, 'after wss://a.example'],
    ['wss://a.example/', 'ws://b.example/', 'ws://b.example, which is not encrypted, after'],
    [new URL('wss://a.example/'), new URL('http://b.example/'), 'which is not encrypted'],
    ['ws://a.example/', {}, 'after a URL'],
    // The name of the host is the one that is checked: the message must not choose it.
    ['wss://a.example/', moved, 'wss://10.0.0.2:2, another host, after wss://a.example'],
    ['wss://[::1]/', { host: '::2', port: 1 }, 'another host'],
  ])('refuses to go from %j to %j', (inUse, named, text) => {
    let error: unknown;
    try {
      movedPlace<unknown>(inUse, named);
    } catch (thrown) {
      error = thrown;
    }
    expect(isHeadraceError(error, CLIENT_ERRORS.PLACE_REFUSED)).toBe(true);
    expect((error as Error).message).toContain(text);
  });

  it('keeps an IPv6 address in a URL, and refuses one that no URL contains', () => {
    const at = (host: string) =>
      String(movedPlace<unknown>('ws://a.example/ws', { host, port: 2 }));
    expect(at('2001:db8::7')).toBe('ws://[2001:db8::7]:2/ws');
    expect(at('[2001:db8::7]')).toBe('ws://[2001:db8::7]:2/ws');
    expect(() => at('fe80::1%eth0')).toThrow('fe80::1%eth0');
  });
});
