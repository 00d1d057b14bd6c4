import { connect } from 'node:net';
import { type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpEndpoint, WebSocketTextCodec } from '../../src/index.ts';

// scripts/test/requirements-of-specifications.md names these tests.

let server: Server;
/** The requests that the application answered, in order. */
let seen: string[] = [];

beforeAll(async () => {
  const endpoint = new HttpEndpoint({
    request: (request, response) => {
      const { method, url } = request;
      let bytes = 0;
      request.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      request.on('end', () => {
        seen.push(`${method} ${url} ${bytes}`);
        response.end('a page');
      });
    },
    webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec()),
  });
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

/** Sends a text in pieces and returns what comes back until the server closes. */
function talk(text: string, size = text.length): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1').setNoDelay(true);
    let got = '';
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
    });
    const late = setTimeout(() => {
      got = 'still open';
      socket.destroy();
    }, 4000);
    socket
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(late);
        resolve(got);
      });
    const write = (at: number): void => {
      if (at >= text.length || socket.destroyed) return;
      socket.write(text.slice(at, at + size), 'latin1');
      setImmediate(write, at + size);
    };
    write(0);
  });
}

const AFTER = 'GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const CLOSE = '\x88\x80\0\0\0\0';
const H2C =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n';
const OFFER = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}`;

const get = (headers = '', line = 'GET /a HTTP/1.1') => `${line}\r\nHost: x\r\n${headers}\r\n`;
const post = (headers: string, body = 'hello', line = 'POST /a HTTP/1.1') =>
  `${line}\r\nHost: x\r\n${headers}\r\n${body}`;
const chunked = (headers = '', body = '5\r\nhello\r\n0\r\n\r\n') =>
  post(`${headers}Transfer-Encoding: chunked\r\n`, body);
const upgrade = ({ headers = OFFER, line = 'GET /ws HTTP/1.1', rest = CLOSE } = {}) =>
  get(headers, line) + rest;
const many = (count: number) => 'a:\r\n'.repeat(count);

/** The requests of one connection, the first answer, and what the application answers. */
type Row = readonly [name: string, text: string, answer: RegExp, answered: readonly string[]];

const OK = /^HTTP\/1\.1 200 /;
const OPEN = /^HTTP\/1\.1 101 /;
const refusal = (status: number) => new RegExp(`^HTTP/1\\.1 ${status} `);
const PAGES = ['GET /a 0', 'GET /after 0'];

const rows: readonly Row[] = [
  // RFC 9110, 7.8
  ['an upgrade to HTTP/2 is ignored', get(H2C) + AFTER, OK, PAGES],
  [
    'an upgrade to HTTP/2 is ignored on the path of the WebSockets',
    get(H2C, 'GET /ws HTTP/1.1') + AFTER,
    OK,
    ['GET /ws 0', 'GET /after 0'],
  ],
  [
    'an upgrade is ignored in a request with a body',
    post(`${H2C}Content-Length: 5\r\n`) + AFTER,
    OK,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'an upgrade is ignored in a request with chunks',
    chunked(H2C) + AFTER,
    OK,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'an upgrade to a protocol that has no name is ignored',
    get('Connection: Upgrade\r\nUpgrade: \r\n') + AFTER,
    OK,
    PAGES,
  ],
  [
    'an upgrade to a version of another protocol is ignored',
    get('connection: keep-alive, UPGRADE\r\nUpgrade: TLS/1.0, websocket/14\r\n') + AFTER,
    OK,
    PAGES,
  ],
  ['an upgrade of HTTP 1.0 is ignored', get(OFFER, 'GET /ws HTTP/1.0'), OK, ['GET /ws 0']],
  [
    'a WebSocket that Connection does not name is an ordinary request',
    get(OFFER.replace('Connection: Upgrade', 'Connection: keep-alive')) + AFTER,
    OK,
    PAGES,
  ],
  [
    'a WebSocket is opened if it is one of several protocols',
    upgrade({ headers: OFFER.replace('websocket', 'h2c, WebSocket') }),
    OPEN,
    [],
  ],
  // RFC 9112
  ['an empty line before a request is passed over', `\r\n${get()}${AFTER}`, OK, PAGES],
  [
    'a space before the first header is refused',
    'GET /a HTTP/1.1\r\n Host: x\r\n\r\n',
    refusal(400),
    [],
  ],
  ['a folded header is refused', get('A: b\r\n c: d\r\n'), refusal(400), []],
  ['a space before a colon is refused', get('A : b\r\n'), refusal(400), []],
  ['a CR within a header is refused', get('A: b\rc: d\r\n'), refusal(400), []],
  ['a NUL within a header is refused', get('A: b\0\r\n'), refusal(400), []],
  ['a header without a name is refused', get(': b\r\n'), refusal(400), []],
  ['HTTP 2.0 in the request line is refused', get('', 'GET /a HTTP/2.0'), refusal(505), []],
  ['HTTP 0.9 is refused', 'GET /a\r\n\r\n', refusal(505), []],
  ['a request without a Host header is refused', 'GET /a HTTP/1.1\r\n\r\n', refusal(400), []],
  ['a request of HTTP 1.0 needs no Host header', 'GET /a HTTP/1.0\r\n\r\n', OK, ['GET /a 0']],
  ['two Host headers are refused', get('Host: y\r\n'), refusal(400), []],
  ['two equal Host headers are refused', get('Host: x\r\n'), refusal(400), []],
  ...['a b', 'a, b', 'a/b', 'user@a', 'a:b', '[::1', 'a\\b'].map(
    (host): Row => [
      `the Host ${host} is refused`,
      `GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      refusal(400),
      [],
    ],
  ),
  ...['', 'a.example:80', '[::1]:80', '127.0.0.1', 'a_b:'].map(
    (host): Row => [
      `the Host "${host}" is accepted`,
      `GET /a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      OK,
      ['GET /a 0'],
    ],
  ),
  [
    'a whole address in the request line is accepted',
    upgrade({ headers: `Origin: http://y:80\r\n${OFFER}`, line: 'GET http://y/ws HTTP/1.1' }),
    refusal(403),
    [],
  ],
  [
    'a WebSocket is opened for a whole address in the request line',
    upgrade({ headers: OFFER, line: 'GET http://y/ws?q HTTP/1.1' }),
    OPEN,
    [],
  ],
  [
    'a transfer coding other than chunked is refused',
    post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
    refusal(501),
    [],
  ],
  [
    'a coding after chunked is refused',
    post('Transfer-Encoding: chunked, gzip\r\n', `0\r\n\r\n${SMUGGLED}`),
    refusal(400),
    [],
  ],
  [
    'chunks of HTTP 1.0 are refused',
    post(
      'Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n',
      `0\r\n\r\n${SMUGGLED}`,
      'POST /a HTTP/1.0',
    ),
    refusal(400),
    [],
  ],
  [
    'a length beside chunks is refused',
    chunked('Content-Length: 5\r\n') + SMUGGLED,
    refusal(400),
    [],
  ],
  [
    'two lengths are refused',
    post('Content-Length: 5\r\nContent-Length: 5\r\n') + SMUGGLED,
    refusal(400),
    [],
  ],
  ['a list of lengths is refused', post('Content-Length: 5, 5\r\n') + SMUGGLED, refusal(400), []],
  [
    'a length that is no number is refused',
    post('Content-Length: +5\r\n') + SMUGGLED,
    refusal(400),
    [],
  ],
  [
    'a chunk size that is no number is refused',
    chunked('', `x\r\n\r\n${SMUGGLED}`),
    refusal(400),
    [],
  ],
  [
    'a length behind 1,100 headers counts',
    post(`${many(1100)}Content-Length: 5\r\n`) + AFTER,
    OK,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'chunks behind 1,100 headers count',
    chunked(many(1100)) + AFTER,
    OK,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'a WebSocket behind 1,100 headers is opened',
    upgrade({ headers: many(1100) + OFFER }),
    OPEN,
    [],
  ],
  [
    'an origin behind 1,100 headers counts',
    upgrade({ headers: `${many(1100)}Origin: http://foe\r\n${OFFER}` }),
    refusal(403),
    [],
  ],
  [
    'a second Host behind 1,100 headers is refused',
    get(`${many(1100)}Host: y\r\n`),
    refusal(400),
    [],
  ],
  ['headers that are too long are refused', get(`A: ${'a'.repeat(20_000)}\r\n`), refusal(431), []],
  [
    'a length in the trailers is refused',
    chunked('', `5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n${SMUGGLED}`),
    /HTTP\/1\.1 400 /,
    [],
  ],
  [
    'trailers are passed over',
    chunked('', '5\r\nhello\r\n0\r\nT: x\r\n\r\n') + AFTER,
    OK,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'a request that ends the connection is the last',
    get('Connection: close\r\n') + SMUGGLED,
    OK,
    ['GET /a 0'],
  ],
  // RFC 9110
  ['CONNECT is not implemented', get('', 'CONNECT y:80 HTTP/1.1'), refusal(501), []],
  ['an unknown method is refused', get('', 'FETCH /a HTTP/1.1'), refusal(400), []],
  [
    '100-continue is answered before the body',
    post('Expect: 100-continue\r\nContent-Length: 5\r\n') + AFTER,
    /^HTTP\/1\.1 100 .*HTTP\/1\.1 200 /s,
    ['POST /a 5', 'GET /after 0'],
  ],
  [
    'another expectation is refused, and its body is read',
    post('Expect: wonders\r\nContent-Length: 5\r\n') + AFTER,
    refusal(417),
    ['GET /after 0'],
  ],
  [
    'an expectation of HTTP 1.0 is ignored',
    post('Expect: 100-continue\r\nContent-Length: 5\r\n', 'hello', 'POST /a HTTP/1.0'),
    OK,
    ['POST /a 5'],
  ],
  // RFC 6455, 4.2
  [
    'a WebSocket on another path is not found',
    upgrade({ line: 'GET /a HTTP/1.1' }),
    refusal(404),
    [],
  ],
  ['a WebSocket by POST is refused', upgrade({ line: 'POST /ws HTTP/1.1' }), refusal(400), []],
  [
    'a WebSocket with a body is refused',
    upgrade({ headers: `${OFFER}Content-Length: 5\r\n`, rest: 'hello' }),
    refusal(400),
    [],
  ],
  [
    'a WebSocket with chunks is refused',
    upgrade({ headers: `${OFFER}Transfer-Encoding: chunked\r\n`, rest: '0\r\n\r\n' }),
    refusal(400),
    [],
  ],
  [
    'a WebSocket with a length of 0 is opened',
    upgrade({ headers: `${OFFER}Content-Length: 0\r\n` }),
    OPEN,
    [],
  ],
  [
    'a WebSocket without a key is refused',
    upgrade({ headers: OFFER.replace(KEY, '') }),
    refusal(400),
    [],
  ],
  ['a WebSocket with two keys is refused', upgrade({ headers: OFFER + KEY }), refusal(400), []],
  [
    'a key of 15 bytes is refused',
    upgrade({ headers: OFFER.replace('dGhl', '') }),
    refusal(400),
    [],
  ],
  [
    'another version is refused with the versions that are spoken',
    upgrade({ headers: OFFER.replace('13', '14') }),
    /^HTTP\/1\.1 400 .*Sec-WebSocket-Version: 13, 8\r\n/s,
    [],
  ],
  [
    'a WebSocket of a foreign page is refused',
    upgrade({ headers: `${OFFER}Origin: http://foe\r\n` }),
    refusal(403),
    [],
  ],
  [
    'a WebSocket of version 8 of a foreign page is refused',
    upgrade({ headers: `${OFFER.replace('13', '8')}Sec-WebSocket-Origin: http://foe\r\n` }),
    refusal(403),
    [],
  ],
  [
    'an offer that breaks the syntax is refused',
    upgrade({ headers: `${OFFER}Sec-WebSocket-Protocol: a,,b\r\n` }),
    refusal(400),
    [],
  ],
];

describe('a request', () => {
  it.each(rows)('%s', async (_name, text, answer, answered) => {
    for (const size of [text.length, 1]) {
      seen = [];
      const got = await talk(text, Math.max(size, Math.ceil(text.length / 400)));
      expect(got).toMatch(answer);
      expect(seen).toEqual(answered);
    }
  });

  it('has a date in each answer that refuses, and no body if it is a HEAD', async () => {
    const got = await talk('HEAD /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n');
    expect(got).toMatch(/\r\nDate: .* GMT\r\n/);
    expect(got.endsWith('\r\n\r\n')).toBe(true);
  });

  it.each<readonly [string, string, RegExp]>([
    ['a head that is too long', 'GET / HTTP/1.1\r\nA: ', refusal(431)],
    ['a length that is no number', post('Content-Length: z\r\n'), refusal(400)],
    ['a method that is not served', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', refusal(501)],
  ])(
    'with %s is refused in words, although its client goes on sending',
    async (_name, text, answer) => {
      const endpoint = new HttpEndpoint();
      const refusing = await new ServerBootstrap()
        .childOptions({ logger: silentLogger, clock: new VirtualClock() })
        .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
        .bind({ port: 0, host: '127.0.0.1' });
      try {
        const socket = connect(refusing.port, '127.0.0.1').pause();
        socket.on('error', () => {});
        socket.write(text);
        const more = Buffer.alloc(256 * 1024, 'x');
        for (let i = 0; i < 20; i++) await new Promise((resolve) => socket.write(more, resolve));
        let got = '';
        socket.on('data', (bytes) => {
          got += bytes.toString('latin1');
        });
        await new Promise((resolve) => socket.resume().once('close', resolve));
        expect(got).toMatch(answer);
      } finally {
        await refusing.close();
      }
    },
  );
});
