import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { shakeHands } from '../../src/server/handshake.ts';

const HEADERS = {
  upgrade: 'WebSocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
const TERMS = {
  subprotocols: ['b', 'a'],
  deflate: { thresholdBytes: 1, keepContext: false, maxMessageBytes: 1000 },
};

function shake(headers: object = {}, method = 'GET') {
  return shakeHands({ method, headers: { ...HEADERS, ...headers } } as IncomingMessage, TERMS);
}

describe('the handshake of a server', () => {
  it('answers as RFC 6455 shows it', () => {
    const { answer, subprotocol, deflate } = shake();
    expect(answer.split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      '',
      '',
    ]);
    expect([subprotocol, deflate]).toEqual([undefined, undefined]);
  });

  it('agrees on the first of its subprotocols that is offered, and on permessage-deflate', () => {
    const { answer, subprotocol, deflate } = shake({
      'sec-websocket-protocol': 'a, b',
      'sec-websocket-extensions': 'x-other, permessage-deflate; server_max_window_bits=10',
    });
    expect(subprotocol).toBe('b');
    expect(deflate?.windowBits).toBe(9);
    expect(answer).toContain('\r\nSec-WebSocket-Protocol: b\r\n');
    expect(answer).toContain(
      '\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n',
    );
  });

  it.each([
    ['a method that is not GET', {}, 'POST', 'method'],
    ['another protocol', { upgrade: 'h2c' }, 'GET', 'Upgrade'],
    ['no protocol', { upgrade: undefined }, 'GET', 'Upgrade'],
    ['no key', { 'sec-websocket-key': undefined }, 'GET', 'Key'],
    ['a key that is too short', { 'sec-websocket-key': 'dGhl' }, 'GET', 'Key'],
    ['another version', { 'sec-websocket-version': '7' }, 'GET', 'Version'],
    ['broken subprotocols', { 'sec-websocket-protocol': 'a,,b' }, 'GET', 'Protocol'],
    ['broken extensions', { 'sec-websocket-extensions': 'a;=b' }, 'GET', 'Extensions'],
  ])('refuses %s', (_, headers, method, why) => {
    expect(() => shake(headers, method)).toThrow(why);
  });
});
