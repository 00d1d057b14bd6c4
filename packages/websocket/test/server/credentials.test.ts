import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { bearerOf, cookieOf } from '../../src/index.ts';
import { shakeHands } from '../../src/server/handshake.ts';

describe('bearerOf', () => {
  const of = (headers: IncomingHttpHeaders) => bearerOf({ headers });

  it.each([
    ['of the header Authorization', { authorization: 'Bearer a.b-c_d~e+f/g==' }, 'a.b-c_d~e+f/g=='],
    ['whose scheme has other letters', { authorization: 'bearer  abc ' }, 'abc'],
    ['of a subprotocol', { 'sec-websocket-protocol': 'chat, bearer.a.b.c' }, 'a.b.c'],
    ['of a subprotocol that comes first', { 'sec-websocket-protocol': 'bearer.x,chat' }, 'x'],
  ])('is the token %s', (_which, headers, token) => {
    expect(of(headers)).toBe(token);
  });

  it.each([
    ['no credentials', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['characters that no token has', { authorization: 'Bearer a b' }],
    ['those in a subprotocol', { 'sec-websocket-protocol': 'chat, bearer.a b' }],
    ['letters of no token in a subprotocol', { 'sec-websocket-protocol': 'bearer.a\u00e9' }],
    ['subprotocols without one', { 'sec-websocket-protocol': 'chat, bearer' }],
    ['an empty subprotocol', { 'sec-websocket-protocol': 'chat, bearer.' }],
    ['two tokens', { 'sec-websocket-protocol': 'chat, bearer.a, bearer.b' }],
    [
      'another scheme beside a subprotocol',
      { authorization: 'Basic YTpi', 'sec-websocket-protocol': 'bearer.a' },
    ],
  ])('is undefined for %s', (_which, headers) => {
    expect(of(headers)).toBeUndefined();
  });

  it('does not come from the answer of a server', () => {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'bearer.secret, chat',
    };
    const request = { method: 'GET', headers } as never;
    const terms = (subprotocols: string[]) => ({ subprotocols, deflate: undefined });
    expect(shakeHands(request, terms(['chat'])).answer).toContain('Protocol: chat\r\n');
    expect(shakeHands(request, terms([])).answer).not.toContain('secret');
    expect(shakeHands(request, terms(['chat'])).answer).not.toContain('secret');
  });
});

describe('cookieOf', () => {
  const of = (cookie: string | undefined, name = 'sid') => cookieOf({ headers: { cookie } }, name);

  it.each([
    ['alone', 'sid=abc', 'abc'],
    ['among others', 'a=1; sid=abc; b=2', 'abc'],
    ['with an equals sign in it', 'sid=abc==', 'abc=='],
    ['quoted', 'sid="a b"', 'a b'],
    ['percent-encoded', 'sid=s%3Aabc', 's:abc'],
    ['empty', 'sid=', ''],
    ['between spaces and tabs', 'x=1; \t sid \t= abc \t', 'abc'],
    ['that ends with a space of Latin-1', 'sid=abc\u00a0', 'abc\u00a0'],
    ['without spaces after the semicolon', 'x=1;sid=abc;y', 'abc'],
  ])('is the value of a cookie %s', (_which, cookie, value) => {
    expect(of(cookie)).toBe(value);
  });

  it.each([
    ['no cookies', undefined],
    ['other cookies', 'xsid=1; sid2=2; SID=3'],
    ['a name without a value', 'sid'],
    ['two of its name', 'sid=mine; a=1; sid=forged'],
    // Without the prefix `__Host-` another host of the site may set it.
    ['a name after a space of Latin-1', '\u00a0sid=forged'],
    ['a name before a space of Latin-1', 'sid\u00a0=forged'],
    ['what does not decode', 'sid=%E0%A4%A'],
  ])('is undefined for %s', (_which, cookie) => {
    expect(of(cookie)).toBeUndefined();
  });

  it('takes a name as it is, whatever characters it has', () => {
    expect(of('__Host-s.d=1; __Host-sxd=2', '__Host-s.d')).toBe('1');
  });
});
