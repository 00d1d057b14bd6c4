// A client against servers that are not ours: sockets that answer as they like, and the ws library.
import { createServer, type Server as HttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Channel, type Context, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { makeAuthority } from '../../../core/test/fixture/certificates.ts';
import {
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_PROTOCOL,
  WebSocketBootstrap,
  type WebSocketClientOptions,
  type WebSocketCompression,
  type WebSocketInput,
} from '../../src/index.ts';
import { acceptOf } from '../../src/socket/handshake-key.ts';

const servers: { close(): unknown }[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server that answers a request, as text, with what `answer` makes of its key. */
async function answering(
  answer: (key: string, request: string) => string,
  place: object = { port: 0, host: '127.0.0.1' },
): Promise<Server> {
  const server = createNetServer((socket) => {
    sockets.push(socket);
    let request = '';
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        const isFirst = !request.includes('\r\n\r\n');
        request += bytes.toString('latin1');
        const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(request)?.[1];
        if (isFirst && request.endsWith('\r\n\r\n')) socket.write(answer(key!, request), 'latin1');
      });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(place, resolve));
  return server;
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}

function client(options: WebSocketClientOptions = {}) {
  const read: WebSocketInput[] = [];
  const events: string[] = [];
  const bootstrap = new WebSocketBootstrap().options({ logger: silentLogger, ...options }).handler(
    ({ pipeline }) =>
      void pipeline.addLast({
        channelRead: (_ctx: Context, message: WebSocketInput) => void read.push(message),
        channelActive: () => void events.push('active'),
        exceptionCaught: (_ctx: Context, error: NodeJS.ErrnoException) =>
          void events.push(String(error.code)),
        channelUnregistered: () => void events.push('unregistered'),
      }),
  );
  return { bootstrap, read, events };
}

const proper = (key: string, more = '') =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n${more}\r\n`;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('the handshake of a client', () => {
  it('asks as RFC 6455 says, with the headers that were given', async () => {
    let asked = '';
    const server = await answering((key, request) => {
      asked = request;
      return proper(key, 'Sec-WebSocket-Protocol: b\r\n');
    });
    const { bootstrap } = client({
      headers: { 'X-One': '1' },
      origin: 'https://chat.example',
      subprotocols: ['a', 'b'],
      compression: true,
    });
    const channel = await bootstrap.connect(`ws://ann:s%3Acret@127.0.0.1:${portOf(server)}/p?q=1`);
    expect(channel.attributes.get(WEB_SOCKET_PROTOCOL)).toBe('b');
    channel.abort();
    const lines = asked.split('\r\n');
    expect(lines[0]).toBe('GET /p?q=1 HTTP/1.1');
    for (const line of [
      'X-One: 1',
      'Origin: https://chat.example',
      `Host: 127.0.0.1:${portOf(server)}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: a,b',
      `Authorization: Basic ${Buffer.from('ann:s:cret').toString('base64')}`,
    ]) {
      expect(lines).toContain(line);
    }
    expect(asked).toMatch(/Sec-WebSocket-Key: [+/0-9A-Za-z]{22}==\r\n/);
    expect(asked).toContain('Sec-WebSocket-Extensions: permessage-deflate;');
  });

  it.each<[string, (key: string) => string, WebSocketClientOptions, string]>([
    [
      'another accept',
      (key) => proper(key).replace(acceptOf(key), acceptOf('other')),
      {},
      'Sec-WebSocket-Accept',
    ],
    ['no accept', (key) => proper(key).replace(/Sec-WebSocket-Accept.*\r\n/, ''), {}, 'Accept'],
    ['another protocol', (key) => proper(key).replace('websocket', 'h2c'), {}, 'Upgrade'],
    ['no Upgrade', (key) => proper(key).replace('Upgrade: websocket\r\n', ''), {}, 'Upgrade'],
    [
      'a subprotocol nobody asked for',
      (key) => proper(key, 'Sec-WebSocket-Protocol: a\r\n'),
      {},
      'subprotocol',
    ],
    [
      'another subprotocol',
      (key) => proper(key, 'Sec-WebSocket-Protocol: c\r\n'),
      { subprotocols: ['a', 'b'] },
      'subprotocol',
    ],
    ['no subprotocol', (key) => proper(key), { subprotocols: ['a'] }, 'subprotocol'],
    [
      'an extension nobody asked for',
      (key) => proper(key, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'),
      {},
      'extension',
    ],
    [
      'an unknown extension',
      (key) => proper(key, 'Sec-WebSocket-Extensions: x-other\r\n'),
      { compression: true },
      'extension',
    ],
    [
      'a wrong parameter',
      (key) =>
        proper(key, 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=77\r\n'),
      { compression: true },
      'Extensions',
    ],
  ])('refuses %s', async (_, answer, options, why) => {
    const server = await answering(answer);
    const { bootstrap, events } = client(options);
    const failure = bootstrap.connect(`ws://127.0.0.1:${portOf(server)}/`);
    await expect(failure).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_INVALID' });
    await expect(failure).rejects.toThrow(why);
    await until(() => events.length > 0);
    expect(events).toEqual(['unregistered']);
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded));
  });

  it.each([
    [
      'a status',
      'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n',
      'CHANNEL_REFUSED',
    ],
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n', 'CHANNEL_REFUSED'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', 'CHANNEL_FAILED'],
  ])('is refused by %s', async (_, answer, code) => {
    const server = await answering(() => answer);
    const { bootstrap } = client();
    const failure = bootstrap.connect(`ws://127.0.0.1:${portOf(server)}/`);
    await expect(failure).rejects.toMatchObject({ code: `HR_ERR_${code}` });
  });

  it('fails when no server listens, when the server leaves or is silent, and when it is cancelled', async () => {
    const server = await answering(() => '');
    const place = `ws://127.0.0.1:${portOf(server)}/`;
    const left = client();
    const leaving = left.bootstrap.connect(place);
    await until(() => sockets.length === 1);
    sockets[0]!.destroy();
    await expect(leaving).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    const silent = client({ connectTimeoutMs: 50 });
    await expect(silent.bootstrap.connect(place)).rejects.toMatchObject({
      code: 'HR_ERR_TIMEOUT_CONNECT',
    });
    const cancel = new AbortController();
    const cancelled = client().bootstrap.connect(place, { signal: cancel.signal });
    cancel.abort(new Error('not needed'));
    await expect(cancelled).rejects.toThrow('not needed');
    server.close();
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded));
    await expect(client().bootstrap.connect('ws://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
    });
  });

  it.each(['ftp://127.0.0.1/', 'ws://127.0.0.1/#a'])('refuses the URL %s', async (url) => {
    await expect(client().bootstrap.connect(url)).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
    });
  });

  it.each<[string, WebSocketClientOptions, string]>([
    ['a header with a line break', { headers: { 'X-One': 'a\nb' } }, 'ws://127.0.0.1:1/'],
    ['a header whose name has a space', { headers: { 'X One': 'a' } }, 'ws://127.0.0.1:1/'],
    ['an origin with a line break', { origin: 'a\r\nX-One: b' }, 'ws://127.0.0.1:1/'],
    ['a user that is not encoded', {}, 'ws://%zz@127.0.0.1:1/'],
    ['a password that is not encoded', {}, 'ws://ann:%c3@127.0.0.1:1/'],
  ])('refuses %s before it connects', async (_, options, url) => {
    await expect(client(options).bootstrap.connect(url)).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
    });
  });

  it('reads what came with the answer once the channel reads, in a task after the connect', async () => {
    const server = await answering((key) => `${proper(key)}\x81\x02hi\x81\x05there`);
    const channel = await new WebSocketBootstrap<string>()
      .handler(() => {})
      .connect(`http://127.0.0.1:${portOf(server)}/`);
    const read: unknown[] = [];
    for await (const message of channel) {
      read.push(message);
      if (read.length === 2) break;
    }
    expect(read).toEqual(['hi', 'there']);
    channel.abort();
  });

  it.skipIf(process.platform === 'win32')('goes over a socket of a path', async () => {
    const path = join(tmpdir(), `headrace-ws-${process.pid}.sock`);
    let asked = '';
    await answering(
      (key, request) => {
        asked = request;
        return proper(key);
      },
      { path },
    );
    const channel = await client().bootstrap.connect(`ws+unix://${path}:/chat?a=b`);
    expect(asked).toMatch(/^GET \/chat\?a=b HTTP/);
    channel.abort();
  });
});

describe('a client of a server of the ws library', () => {
  async function library(
    options: object = {},
  ): Promise<{ url: string; accepted: Promise<WebSocket> }> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    servers.push(server);
    const accepted = new Promise<WebSocket>((resolve) => server.on('connection', resolve));
    await new Promise((resolve) => server.on('listening', resolve));
    return { url: `ws://127.0.0.1:${portOf(server)}/`, accepted };
  }

  it.each<[string, object | boolean, WebSocketCompression]>([
    ['plain', false, false],
    ['compressed', true, { thresholdBytes: 1 }],
    ['compressed, windows kept', true, { thresholdBytes: 1, keepContext: true }],
    [
      'compressed, small windows',
      { serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
      { thresholdBytes: 1, keepContext: true },
    ],
  ])('says and hears the same: %s', async (_, perMessageDeflate, compression) => {
    const { url, accepted } = await library({ perMessageDeflate, maxPayload: 1 << 20 });
    const { bootstrap, read } = client({ compression, maxMessageBytes: 1 << 20 });
    const channel = await bootstrap.connect(url);
    const ws = await accepted;
    const heard: WebSocketInput[] = [];
    ws.on('message', (data, isBinary) => heard.push(isBinary ? (data as Buffer) : String(data)));
    const messages: WebSocketInput[] = [];
    for (const length of [0, 1, 125, 126, 1000, 65_535, 65_536, 200_000]) {
      messages.push('é'.repeat(length / 2), Buffer.alloc(length, `${length} bytes `));
    }
    for (const message of messages) {
      channel.write(message);
      ws.send(message);
    }
    await channel.writeAndFlush('end');
    // In fragments, with a ping between.
    ws.send('en', { fin: false });
    ws.ping();
    ws.send('d', { fin: true });
    await until(() => heard.at(-1) === 'end' && read.at(-1) === 'end');
    // toEqual would look at every byte on its own.
    const isSame = (message: WebSocketInput, i: number) =>
      typeof message === 'string' ? message === messages[i] : message.equals(messages[i] as Buffer);
    for (const all of [heard, read]) {
      expect(all).toHaveLength(messages.length + 1);
      expect(all.slice(0, -1).every(isSame)).toBe(true);
    }
    const closed = new Promise((resolve) => ws.on('close', (code) => resolve(code)));
    ws.close(4001, 'enough');
    await channel.closed;
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 4001, reason: 'enough' });
    expect(await closed).toBe(4001);
  });

  it('answers a broken message before it closes, and hears of a cut connection as a reset', async () => {
    const { url, accepted } = await library();
    const { bootstrap, events } = client();
    const channel = (await bootstrap.connect(url)) as Channel;
    const ws = await accepted;
    const raw = (ws as unknown as { _socket: Socket })._socket;
    const closed = new Promise((resolve) => ws.on('close', (code) => resolve(code)));
    // A frame with a mask.
    raw.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]));
    expect(await closed).toBe(1002);
    await channel.closed;
    await until(() => events.includes('unregistered'));
    expect(events).toEqual(['active', 'HR_ERR_FRAME_CORRUPT', 'unregistered']);
    const other = await library();
    const cut = client();
    const second = await cut.bootstrap.connect(other.url);
    ((await other.accepted) as unknown as { _socket: Socket })._socket.end();
    expect((await second.closed).reason).toBe('reset');
    expect(cut.events.slice(0, 2)).toEqual(['active', 'HR_ERR_CHANNEL_RESET']);
  });

  it('speaks over TLS with the server that it trusts, and with no other', async () => {
    const { ca, sign } = await makeAuthority('our authority');
    const server: HttpsServer = createServer(await sign('localhost'));
    servers.push(server);
    const wss = new WebSocketServer({ server });
    wss.on('connection', (ws) => ws.on('message', (data) => ws.send(String(data))));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `wss://localhost:${portOf(server)}/`;
    const { bootstrap, read } = client({ tls: { ca } });
    const channel = await bootstrap.connect(url);
    await channel.writeAndFlush('secret');
    await until(() => read.length > 0);
    expect(read).toEqual(['secret']);
    channel.abort();
    await expect(client().bootstrap.connect(url)).rejects.toMatchObject({
      code: expect.stringContaining('TLS'),
    });
  });
});
