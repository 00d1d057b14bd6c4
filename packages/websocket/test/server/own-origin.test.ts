import { describe, expect, it } from 'vitest';
import { isOwnOrigin } from '../../src/server/own-origin.ts';

const local = '127.0.0.1';
const remote = '192.0.2.7';

describe('isOwnOrigin', () => {
  it.each([
    ['http://127.0.0.1:18888', '127.0.0.1:18888', local],
    ['http://localhost:18888', 'localhost:18888', local],
    ['http://[::1]:18888', '[::1]:18888', '::1'],
    ['https://chat.example', 'chat.example', remote],
    ['https://chat.example', 'chat.example:443', remote],
    ['http://chat.example', 'CHAT.example', remote],
    ['https://chat.example', 'chat.example', local],
    ['https://chat.example:8443', 'chat.example:8443', '::1'],
  ])('accepts %s for host %s', (origin, host, localAddress) => {
    expect(isOwnOrigin(origin, { host, localAddress })).toBe(true);
  });

  it('accepts a page over https through a proxy on this machine, which has the certificate', () => {
    const facts = { host: 'chat.example', localAddress: local };
    expect(isOwnOrigin('https://chat.example', facts)).toBe(true);
    expect(isOwnOrigin('https://evil.example', facts)).toBe(false);
    expect(isOwnOrigin('https://chat.example:8443', facts)).toBe(false);
  });

  it('accepts a page over http through a proxy on this machine only if the proxy is trusted', () => {
    const facts = { host: 'chat.example', localAddress: local };
    expect(isOwnOrigin('http://chat.example', facts)).toBe(false);
    expect(isOwnOrigin('http://chat.example', { ...facts, isForwarded: true })).toBe(true);
    expect(isOwnOrigin('http://evil.example', { ...facts, isForwarded: true })).toBe(false);
  });

  it.each([
    ['another host', 'http://evil.example', 'chat.example', remote],
    ['another port', 'http://127.0.0.1:8080', '127.0.0.1:18888', local],
    ['a sandboxed page', 'null', 'chat.example', remote],
    ['a page from a file', 'file:///etc', 'chat.example', remote],
    ['nonsense', '::::', 'chat.example', remote],
    ['a broken host', 'http://chat.example', 'chat example/x', remote],
    ['a host that the scheme of the page does not allow', 'file://x', 'x:8080', local],
    ['a host with a broken name', 'foo://a', 'a\\b', local],
    ['a request without host', 'http://chat.example', undefined, remote],
    ['a name pointed at this machine', 'http://evil.example:1', 'evil.example:1', local],
    ['another port behind a proxy', 'https://chat.example', 'chat.example:8443', local],
    ['the same over IPv6', 'http://evil.example:1', 'evil.example:1', '::ffff:127.0.0.1'],
  ])('refuses %s', (_what, origin, host, localAddress) => {
    expect(isOwnOrigin(origin, { host, localAddress })).toBe(false);
  });
});
