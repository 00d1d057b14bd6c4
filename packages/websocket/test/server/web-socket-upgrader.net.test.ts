import { createServer } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import {
  AttributeKey,
  type Channel,
  type Context,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { WebSocketClientOptions } from '../../src/client/web-socket-client-options.ts';
import {
  HttpEndpoint,
  WEB_SOCKET_PROTOCOL,
  WebSocketBootstrap,
  WebSocketTextCodec,
} from '../../src/index.ts';
import type { HttpEndpointOptions } from '../../src/server/http-endpoint.ts';

let server: Server | undefined;
afterEach(() => server?.close());

const accepted: Channel[] = [];
const errors: Error[] = [];

async function start(options: HttpEndpointOptions): Promise<number> {
  accepted.length = 0;
  errors.length = 0;
  const endpoint = new HttpEndpoint({
    webSocketOptions: { logger: silentLogger },
    webSocket: (channel) => {
      accepted.push(channel as Channel);
      return channel.pipeline.addLast(new WebSocketTextCodec(), {
        channelRead: (ctx: Context, text: string) => void ctx.writeAndFlush(text),
        exceptionCaught: (ctx: Context, error: Error) => {
          errors.push(error);
          ctx.fireExceptionCaught(error);
        },
      });
    },
    ...options,
  });
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  return server.port;
}

async function connect(
  port: number,
  path = '/ws',
  options: WebSocketClientOptions = {},
): Promise<{ readonly channel: Channel; readonly texts: string[] }> {
  const texts: string[] = [];
  const channel = await new WebSocketBootstrap()
    .options({ logger: silentLogger, ...options })
    .handler(({ pipeline }) =>
      pipeline.addLast(new WebSocketTextCodec(), {
        channelRead: (_ctx: Context, text: string) => void texts.push(text),
      }),
    )
    .connect(`ws://127.0.0.1:${port}${path}`);
  return { channel: channel as Channel, texts };
}

describe('the way in to a WebSocket', () => {
  it('may be on several paths', async () => {
    const port = await start({ webSocketPath: ['/chat', '/feed'] });
    await connect(port, '/chat?room=1');
    await connect(port, '/feed');
    await expect(connect(port, '/ws')).rejects.toThrow('HTTP status 404');
    expect(() => new HttpEndpoint({ webSocketPath: ['/a', 'b'] })).toThrow(/"b", but must start/);
  });

  it('may be refused before the upgrade, at once or later', async () => {
    const port = await start({
      authorize: async ({ url = '' }) => {
        await null;
        if (url.endsWith('broken')) throw new Error('no database');
        return url.endsWith('good') || { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } };
      },
    });
    await connect(port, '/ws?token=good');
    await expect(connect(port, '/ws?token=bad')).rejects.toThrow('HTTP status 401');
    await expect(connect(port, '/ws?token=broken')).rejects.toThrow('HTTP status 500');
    expect(accepted).toHaveLength(1);
  });

  it('may ask a client to come later, which finds the time in its error', async () => {
    const port = await start({
      authorize: () => ({ status: 503, headers: { 'Retry-After': '20' } }),
    });
    await expect(connect(port, '/ws')).rejects.toMatchObject({
      details: { statusCode: 503, retryAfterMs: 20_000 },
    });
  });

  it('may hand what it found out to the pipeline, before that is built', async () => {
    const USER = new AttributeKey<string>('user');
    const users: (string | undefined)[] = [];
    const port = await start({
      authorize: async ({ url = '' }) => {
        await null;
        if (url.endsWith('broken')) {
          return () => {
            throw new Error('no such user');
          };
        }
        if (url.endsWith('late')) return (async () => {}) as () => void;
        return url.endsWith('good') && ((channel) => channel.attributes.set(USER, 'ann'));
      },
      webSocket: (channel) => {
        users.push(channel.attributes.get(USER));
        if (users.length > 1) channel.close();
      },
    });
    await connect(port, '/ws?token=good');
    expect(users).toEqual(['ann']);
    await expect(connect(port, '/ws?token=bad')).rejects.toThrow('HTTP status 403');
    for (const name of ['broken', 'late']) {
      const refused = await connect(port, `/ws?token=${name}`).catch(() => undefined);
      if (refused !== undefined) {
        await new Promise((resolve) => refused.channel.onClosed(resolve));
      }
    }
    expect(users).toEqual(['ann']);
  });

  it('agrees on a subprotocol, which is an attribute on both sides', async () => {
    const port = await start({ subprotocols: ['chat.2', 'chat.1'] });
    const { channel } = await connect(port, '/ws', { subprotocols: ['chat.1', 'chat.2'] });
    expect(channel.attributes.get(WEB_SOCKET_PROTOCOL)).toBe('chat.2');
    expect(accepted[0]!.attributes.get(WEB_SOCKET_PROTOCOL)).toBe('chat.2');
    await connect(port);
    expect(accepted[1]!.attributes.has(WEB_SOCKET_PROTOCOL)).toBe(false);
    await expect(connect(port, '/ws', { subprotocols: ['mail'] })).rejects.toThrow(/subprotocol/);
  });

  it('compresses if both want it, and bounds what a message inflates to', async () => {
    const port = await start({ compression: true, maxMessageBytes: 100_000 });
    const { channel, texts } = await connect(port, '/ws', {
      compression: true,
      maxMessageBytes: 100_000,
    });
    await channel.writeAndFlush('x'.repeat(90_000));
    while (texts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(texts[0]).toHaveLength(90_000);
    // Some hundred bytes on the wire.
    channel.writeAndFlush('x'.repeat(200_000));
    await channel.closed;
    expect(errors).toMatchObject([{ code: 'HR_ERR_FRAME_TOO_LONG' }]);
    expect(() => new WebSocketBootstrap().options({ tls: {} })).not.toThrow();
    await expect(connect(port, '/ws', { tls: {} })).rejects.toThrow(/tls cannot be used/);
  });

  it('takes a message in some fragments, and closes at too many', async () => {
    const port = await start({ maxFragments: 3 });
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await new Promise((resolve) => ws.once('open', resolve));
    const answer = new Promise((resolve) => ws.once('message', (data) => resolve(String(data))));
    for (const [i, piece] of ['a', 'b', 'c'].entries()) ws.send(piece, { fin: i === 2 });
    expect(await answer).toBe('abc');
    const closed = new Promise((resolve) => ws.once('close', resolve));
    for (let i = 0; i < 4; i++) ws.send('d', { fin: false });
    expect(await closed).toBe(1008);
    expect(errors).toMatchObject([{ code: 'HR_ERR_FRAME_TOO_LONG' }]);
    expect(accepted[0]!.closeInfo?.reason).toBe('bad-input');
  });

  it('ends a WebSocket whose message does not become whole in time, whatever comes in between', async () => {
    const clock = new VirtualClock();
    const port = await start({
      messageTimeoutMs: 1000,
      webSocketOptions: { logger: silentLogger, clock },
    });
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await new Promise((resolve) => ws.once('open', resolve));
    const answer = new Promise((resolve) => ws.once('message', resolve));
    ws.send('whole');
    await answer;
    clock.advance(5000);
    expect(clock.pendingTimers).toBe(0);
    ws.send('a', { fin: false });
    const pong = () => new Promise((resolve) => ws.once('pong', resolve));
    for (let i = 0; i < 2; i++) {
      ws.ping();
      await pong();
      expect(errors).toEqual([]);
      clock.advance(499);
    }
    ws.send('b', { fin: false });
    ws.ping();
    await pong();
    const closed = new Promise((resolve) => ws.once('close', resolve));
    clock.advance(2);
    expect(errors).toMatchObject([{ code: 'HR_ERR_TIMEOUT_READ' }]);
    clock.runTasks();
    expect(await closed).toBe(1008);
  });
});

describe('a decision of authorize that cannot be sent', () => {
  const line = 'x\r\nSet-Cookie: sid=evil';
  /** The bytes of the server, and the errors of its connection. */
  async function refusal(decision: unknown): Promise<readonly [string, string]> {
    const endpoint = new HttpEndpoint({
      httpTunnel: true,
      webSocket: () => {},
      authorize: () => decision as never,
    });
    const caught: string[] = [];
    server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler(({ pipeline }) =>
        pipeline.addLast(endpoint.handler(), {
          exceptionCaught: (_ctx: Context, error: Error) =>
            void caught.push(`${error.message} ${error.cause}`),
        }),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    const socket = connectSocket(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('close', resolve));
    return [text, caught.join()];
  }

  it.each([
    [{}, 'status undefined'],
    [null, 'null'],
    [undefined, 'undefined'],
    ['yes', 'a text'],
    [line, 'a text'],
    [401, '401'],
    [{ status: 42 }, 'status 42'],
    [{ status: 101 }, 'status 101'],
    [{ status: 200 }, 'status 200'],
    [{ status: 1000 }, 'status 1000'],
    [{ status: 401.5 }, 'status 401.5'],
    [{ status: '401' }, 'status a text'],
    [{ status: `401 ${line}` }, 'status a text'],
    [{ status: 401, headers: { 'X-Why': line } }, 'X-Why'],
    [{ status: 401, headers: { 'X-Why': undefined } }, 'X-Why'],
    [{ status: 401, headers: { 'X-Why': 'ж' } }, 'X-Why'],
    [{ status: 401, headers: { [line]: 'x' } }, 'the header "x"'],
    [{ status: 401, headers: { 'Set-Cookie': 'sid=evil; Path=/\n' } }, 'the header "Set-Cookie"'],
    [{ status: 401, headers: 'Set-Cookie: sid=evil' }, 'the headers a text'],
    [[line], 'status undefined'],
    [{ status: 401, headers: { '': 'x' } }, 'header'],
    [{ status: 401, headers: 'X-Why: x' }, 'headers'],
    [{ status: 401, headers: { 'Content-Length': '5' } }, 'Content-Length'],
    [{ status: 401, headers: { 'transfer-encoding': 'chunked' } }, 'transfer-encoding'],
  ])('answers 500, and fires an error that names it: %j', async (decision, named) => {
    const [text, caught] = await refusal(decision);
    expect(text).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
    expect(text).not.toContain('Set-Cookie');
    expect(caught).toContain('authorize');
    // What is logged has no secrets.
    expect(caught).not.toContain('evil');
    expect(caught).toContain(named);
  });

  it('is none that has a status and headers of HTTP', async () => {
    const headers = { 'WWW-Authenticate': 'Bearer', 'Retry-After': 5 };
    const [text, caught] = await refusal({ status: 429, headers });
    expect(text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
    expect(text).toContain('\r\nWWW-Authenticate: Bearer\r\nRetry-After: 5\r\n\r\n');
    expect(caught).toBe('');
  });
});

describe('a request that another HTTP server has read', () => {
  it('opens a WebSocket with the checks of the endpoint, and loses nothing that came with it', async () => {
    const endpoint = new HttpEndpoint({
      authorize: ({ headers }) => headers.authorization === 'yes',
      webSocketOptions: { logger: silentLogger },
      webSocket: (channel) =>
        channel.pipeline.addLast({
          channelRead: (ctx, message) => void ctx.writeAndFlush(message as string),
        }),
    });
    const http = createServer((_request, response) => response.end('a page'));
    http.on('upgrade', (request, socket, head) => void endpoint.upgrade(request, socket, head));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const ask = (authorization: string) => {
      const socket = connectSocket(port, '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
      });
      socket.write(
        'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
          `Authorization: ${authorization}\r\n\r\n\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0`,
        'latin1',
      );
      return new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
    };
    const [opened, refused] = await Promise.all([ask('yes'), ask('no')]);
    expect(opened).toMatch(/^HTTP\/1\.1 101 /);
    expect(opened.endsWith('\r\n\r\n\x81\x02hi\x88\x00')).toBe(true);
    expect(refused).toMatch(/^HTTP\/1\.1 403 /);
    http.close();
  });
});
