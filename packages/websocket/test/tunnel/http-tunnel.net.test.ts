// WebSockets over HTTP requests, from a client to a server, past a proxy that lets no WebSocket through.
import {
  createServer,
  request as forward,
  type Server as HttpServer,
  type IncomingMessage,
} from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import {
  AttributeKey,
  type Channel,
  type Clock,
  clientAddress,
  DrainEvent,
  type DrainHold,
  handler,
  type Server,
  ServerBootstrap,
  silentLogger,
  systemClock,
} from '@headrace/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bearerOf,
  cookieOf,
  HttpEndpoint,
  type HttpEndpointOptions,
  HttpTunnel,
  type HttpTunnelOptions,
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_PROTOCOL,
  WEB_SOCKET_TUNNEL,
  WebSocketBootstrap,
  type WebSocketChannel,
  type WebSocketClientOptions,
  WebSocketTextCodec,
} from '../../src/index.ts';
import { bytesBody, openBody } from '../../src/tunnel/tunnel-request.ts';

const shout = handler<{ reads: string; passesOn: never; writes: string }>({
  sharable: true,
  channelRead: (ctx, text) => void ctx.writeAndFlush(text.toUpperCase()),
});

let server: Server;
let proxy: HttpServer;
let upgrades: number;
let accepted: WebSocketChannel[];
let letsUpgradesThrough: boolean;
const toClose: { close(): unknown }[] = [];

beforeEach(() => {
  upgrades = 0;
  accepted = [];
  letsUpgradesThrough = false;
});
afterEach(async () => {
  proxy.closeAllConnections();
  proxy.close();
  for (const one of toClose.splice(0)) await one.close();
});

/** A server, and a proxy before it that answers each request for a WebSocket with 400. */
async function serving(options: HttpEndpointOptions = {}): Promise<string> {
  const endpoint = new HttpEndpoint({
    httpTunnel: true,
    webSocket: (channel) => {
      accepted.push(channel);
      return channel.pipeline.addLast(new WebSocketTextCodec(), shout);
    },
    ...options,
  });
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  toClose.push(server);
  proxy = createServer((request, response) => {
    const { method, headers, url } = request;
    const target = { host: '127.0.0.1', port: server.port, method, headers, path: url };
    const passed = forward(target, (answer: IncomingMessage) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
      answer.on('close', () => answer.complete || response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  proxy.on('upgrade', (request, socket, head) => {
    upgrades += 1;
    if (!letsUpgradesThrough) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      return;
    }
    const back = connectSocket(server.port, '127.0.0.1', () => {
      const lines = request.rawHeaders.map((text, i) => text + (i % 2 === 0 ? ': ' : '\r\n'));
      back.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
      back.write(head);
      socket.pipe(back).pipe(socket);
    });
    for (const one of [socket, back]) one.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/ws`;
}

function connect(
  url: string,
  options: WebSocketClientOptions & { readonly tunnel?: HttpTunnel | HttpTunnelOptions } = {},
): Promise<Channel<string, string>> {
  const { tunnel = {}, ...rest } = options;
  const httpTunnel = tunnel instanceof HttpTunnel ? tunnel : new HttpTunnel(tunnel);
  return new WebSocketBootstrap()
    .options({ logger: silentLogger, httpTunnel, ...rest })
    .handler(({ pipeline }) => pipeline.addLast(new WebSocketTextCodec()))
    .connect(url);
}

async function hear(channel: Channel<string, string>): Promise<string | undefined> {
  for await (const text of channel) return text;
  return undefined;
}

async function say(channel: Channel<string, string>, text: string): Promise<string | undefined> {
  const heard = hear(channel);
  // The answer may be there before the request of the message is over, and what was heard ends the channel.
  channel.writeAndFlush(text).onSettled(() => {});
  return heard;
}

const post = (url: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url.replace('ws:', 'http:'), {
    method: 'POST',
    body: body as Uint8Array<ArrayBuffer>,
    headers,
  });

describe('a WebSocket over HTTP requests', () => {
  it('is opened by itself where none comes through, and its pipelines see no difference', async () => {
    const url = await serving();
    const lines: string[] = [];
    const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    const channel = await connect(url, { logger });
    expect(upgrades).toBe(1);
    expect(await say(channel, 'hello ä')).toBe('HELLO Ä');
    expect(channel.attributes.get(WEB_SOCKET_TUNNEL)).toBe(true);
    expect(accepted[0]!.attributes.get(WEB_SOCKET_TUNNEL)).toBe(true);
    expect(clientAddress(accepted[0]!)).toMatchObject({ host: '127.0.0.1' });
    expect(lines).toEqual([
      `info the WebSocket to ${url.replace('ws:', 'http:')} uses HTTP requests`,
    ]);
    await channel.closed;
  });

  it('goes on over other connections when each serves one request', async () => {
    const url = await serving({ maxRequestsPerConnection: 1 });
    const channel = await connect(url);
    const answers = channel[Symbol.asyncIterator]();
    for (const text of ['a', 'b', 'c']) {
      channel.writeAndFlush(text).onSettled(() => {});
      expect((await answers.next()).value).toBe(text.toUpperCase());
    }
    channel.close();
    await channel.closed;
  });

  it('closes with the code of the other end', async () => {
    const url = await serving();
    const channel = await connect(url);
    const closed = new Promise((resolve) => accepted[0]!.onClosed(resolve));
    channel.close();
    await closed;
    expect(accepted[0]!.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code: 1000 });
    const second = await connect(url);
    accepted[1]!.close('idle');
    await second.closed;
    expect(second.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1008, reason: 'idle' });
  });

  it('is tried first for a time, then the WebSocket is again', async () => {
    const url = await serving();
    let now = 1_000_000;
    const clock: Clock = Object.create(systemClock, { timeOfDay: { value: () => now } });
    const tunnel = new HttpTunnel({ webSocketAgainMs: 60_000 });
    await (await connect(url, { tunnel, clock })).close();
    expect([upgrades, tunnel.isPreferred(url, clock)]).toEqual([1, true]);
    letsUpgradesThrough = true;
    now += 59_000;
    const second = await connect(url, { tunnel, clock });
    expect([upgrades, second.attributes.get(WEB_SOCKET_TUNNEL)]).toEqual([1, true]);
    second.close();
    now += 60_001;
    const third = await connect(url, { tunnel, clock });
    expect([upgrades, third.attributes.get(WEB_SOCKET_TUNNEL)]).toEqual([2, undefined]);
    expect(await say(third, 'hello')).toBe('HELLO');
    expect(tunnel.isPreferred(url, clock)).toBe(false);
  });

  it('is not needed where the WebSocket opens', async () => {
    const url = await serving();
    letsUpgradesThrough = true;
    const channel = await connect(url);
    expect(channel.attributes.get(WEB_SOCKET_TUNNEL)).toBeUndefined();
    expect(await say(channel, 'hello')).toBe('HELLO');
  });

  it('is tried first after WebSockets that were cut before they carried anything', async () => {
    const url = await serving();
    const tunnel = new HttpTunnel();
    letsUpgradesThrough = true;
    for (const isCut of [false, true]) {
      for (let i = 0; i < 3; i += 1) {
        const channel = await connect(url, { tunnel });
        await expect.poll(() => accepted.length).toBe(1);
        if (isCut) accepted.pop()!.abort();
        // A close frame comes through.
        else accepted.pop()!.close();
        await channel.closed;
      }
      expect(tunnel.isPreferred(url)).toBe(isCut);
    }
    const channel = await connect(url, { tunnel });
    expect(channel.attributes.get(WEB_SOCKET_TUNNEL)).toBe(true);
    expect(await say(channel, 'hello')).toBe('HELLO');
    expect(upgrades).toBe(6);
  });

  it('counts no WebSocket that carried a message, or that the client closed itself', async () => {
    const url = await serving();
    const tunnel = new HttpTunnel();
    letsUpgradesThrough = true;
    for (let i = 0; i < 7; i += 1) {
      const channel = await connect(url, { tunnel });
      if (i < 4) await channel.close(i === 0 ? 'local' : 'shutdown');
      else {
        channel.writeAndFlush('hello').onSettled(() => {});
        await channel[Symbol.asyncIterator]().next();
        accepted.pop()!.abort();
      }
      await channel.closed;
    }
    expect(tunnel.isPreferred(url)).toBe(false);
  });

  it('is not there unless the server has the option', async () => {
    const url = await serving({ httpTunnel: false });
    await expect(connect(url)).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
      details: { statusCode: 400 },
    });
  });

  it('signs in as a WebSocket does: by a cookie, a bearer, a subprotocol', async () => {
    const url = await serving({
      subprotocols: ['chat'],
      authorize: (request) =>
        bearerOf(request) === 'sesame' || cookieOf(request, 'sid') === '7' || { status: 401 },
    });
    await expect(connect(url)).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_REFUSED' });
    for (const options of [
      { headers: { Cookie: 'sid=7' } },
      { headers: { Authorization: 'Bearer sesame' } },
      { subprotocols: ['chat', 'bearer.sesame'] },
    ]) {
      const channel = await connect(url, options);
      expect(await say(channel, 'hello')).toBe('HELLO');
      const isOffered = 'subprotocols' in options;
      expect(channel.attributes.get(WEB_SOCKET_PROTOCOL)).toBe(isOffered ? 'chat' : undefined);
    }
  });

  it('answers 500 to a decision of authorize that cannot be sent', async () => {
    for (const decision of [{ status: 42 }, { status: 401, headers: { x: 'a\r\nb' } }]) {
      const url = await serving({ authorize: () => decision });
      expect((await post(url, openBody({ subprotocols: [] }))).status).toBe(500);
      proxy.close();
    }
  });

  it('hands what the sign-in found out to the pipeline', async () => {
    const USER = new AttributeKey<string>('user');
    const users: (string | undefined)[] = [];
    const url = await serving({
      authorize: () => (channel) => channel.attributes.set(USER, 'ann'),
      webSocket: (channel) => {
        users.push(channel.attributes.get(USER));
        channel.pipeline.addLast(new WebSocketTextCodec());
      },
    });
    await connect(url);
    expect(users).toEqual(['ann']);
  });

  it('is not opened for a page of another site, and its requests are not taken from one', async () => {
    const heard: string[] = [];
    const url = await serving({
      allowOrigin: ['https://friend.example'],
      webSocket: (channel) =>
        channel.pipeline.addLast(
          new WebSocketTextCodec(),
          handler<{ reads: string; passesOn: never }>({
            channelRead: (_ctx, text) => void heard.push(text),
          }),
        ),
    });
    const open = openBody({ subprotocols: [] });
    const evil = await post(url, open, { Origin: 'https://evil.example' });
    expect([evil.status, evil.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    const friend = await post(url, open, { Origin: 'https://friend.example' });
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://friend.example');
    expect(friend.headers.get('vary')).toBe('Origin');
    const text = String(Buffer.from((await friend.body!.getReader().read()).value!));
    const { session } = JSON.parse(/data: (.*)/.exec(text)![1]!) as { session: string };
    const id = Buffer.from(session, 'base64url');
    // A masked frame of four letters. Of two requests with one number the first that is taken counts.
    const says = (word: string) => {
      const bytes = Buffer.concat([Buffer.from([0x81, 0x84, 0, 0, 0, 0]), Buffer.from(word)]);
      return bytesBody({ session: id, number: 1, isLast: false, bytes });
    };
    expect((await post(url, says('evil'), { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(url, says('mine'))).status).toBe(204);
    await expect.poll(() => heard).toEqual(['mine']);
  });

  it('refuses guessed sessions, requests that are not its own, and huge ones', async () => {
    const url = await serving();
    const opened = await post(url, openBody({ subprotocols: [] }));
    const text = String(Buffer.from((await opened.body!.getReader().read()).value!));
    const { session } = JSON.parse(/data: (.*)/.exec(text)![1]!) as { session: string };
    const id = Buffer.from(session, 'base64url');
    expect(id.length).toBe(24);
    const request = (changed: Buffer, bytes = Buffer.alloc(0)): Uint8Array =>
      bytesBody({ session: changed, number: 1, isLast: false, bytes });
    const guessed = Buffer.from(id);
    guessed[23]! ^= 1;
    expect((await post(url, request(guessed))).status).toBe(404);
    guessed[0]! ^= 1;
    expect((await post(url, request(guessed))).status).toBe(412);
    expect((await post(url, Buffer.from('hello'))).status).toBe(400);
    expect((await post(url, Buffer.from('\u0001{"subprotocols":[1]}'))).status).toBe(400);
    expect((await post(url, request(id, Buffer.alloc(64 * 1024 + 1)))).status).toBe(413);
    expect(accepted).toEqual([]);
  });

  it('has the limits of WebSockets', async () => {
    const url = await serving({ maxMessageBytes: 100 });
    const channel = await connect(url);
    channel.writeAndFlush('x'.repeat(101)).onSettled(() => {});
    await channel.closed;
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code: 1009 });
  });

  it('pushes back in both directions, and loses nothing', async () => {
    const url = await serving({ maxMessageBytes: 200_000 });
    const channel = await connect(url, {
      maxMessageBytes: 200_000,
      maxOutboundBytes: Number.POSITIVE_INFINITY,
    });
    const hold = accepted[0]!.holdReads('test');
    const texts = Array.from({ length: 20 }, (_, i) => String(i).padEnd(100_000, 'x'));
    const writes = texts.map((text) => channel.writeAndFlush(text));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(writes.filter((write) => write.isSuccess).length).toBeLessThan(5);
    hold.release();
    const heard: string[] = [];
    for await (const text of channel) if (heard.push(text) === texts.length) break;
    expect(heard).toEqual(texts.map((text) => text.toUpperCase()));
  });

  it('ends with its answer: a client that is cut off leaves nothing', async () => {
    const url = await serving();
    const channel = await connect(url);
    const closed = new Promise<Channel>((resolve) => accepted[0]!.onClosed(resolve as never));
    channel.abort();
    await closed;
    expect(accepted[0]!.closeInfo?.reason).toBe('reset');
  });

  it('tells a client that is cut off from its server', async () => {
    const url = await serving();
    const channel = await connect(url);
    for (const connection of server.connections) connection.abort();
    await channel.closed;
    expect(channel.closeInfo?.reason).toBe('reset');
  });

  it('is drained as a WebSocket is', async () => {
    const url = await serving();
    const channel = await connect(url);
    const drained = server.shutdown();
    await channel.closed;
    await drained;
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code: 1001 });
  });

  it('goes on while the server drains, as long as a handler waits', async () => {
    let hold: DrainHold | undefined;
    const game = handler<{ reads: string; passesOn: string }>({
      userEventTriggered(ctx, event) {
        if (event instanceof DrainEvent) hold = event.hold('game');
        ctx.fireUserEventTriggered(event);
      },
    });
    const url = await serving({
      webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), game, shout),
    });
    const channel = await connect(url);
    const texts = channel[Symbol.asyncIterator]();
    const saying = async (text: string): Promise<unknown> => {
      await channel.writeAndFlush(text);
      return (await texts.next()).value;
    };
    expect(await saying('before')).toBe('BEFORE');
    const drained = server.shutdown();
    await expect.poll(() => hold).toBeDefined();
    for (const text of ['a', 'b', 'c']) expect(await saying(text)).toBe(text.toUpperCase());
    const fresh = await post(url, openBody({ subprotocols: [] })).catch(() => undefined);
    // On a connection that is open; a new one is not accepted.
    if (fresh !== undefined) expect([502, 503]).toContain(fresh.status);
    hold!.release();
    await channel.closed;
    await drained;
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code: 1001 });
  });

  it('says which of its options is not valid', async () => {
    await expect(connect('wss://host/', { tls: {} })).rejects.toThrow('tls cannot be used');
    await serving();
    expect(() => new HttpTunnel({ webSocketAgainMs: -1 })).toThrow('webSocketAgainMs');
    expect(() => new HttpEndpoint({ httpTunnel: { keepAliveMs: -1 } })).toThrow('keepAliveMs');
  });
});

describe('requests that another HTTP server has read', () => {
  it('are taken as upgrades are: with the checks of the endpoint, and the rest is left', async () => {
    const endpoint = new HttpEndpoint({
      httpTunnel: true,
      authorize: ({ headers }) =>
        headers.authorization === 'Bearer sesame' || { status: 401, headers: { 'X-Why': 'a: b' } },
      webSocketOptions: { logger: silentLogger },
      webSocket: (channel) => {
        accepted.push(channel);
        return channel.pipeline.addLast(new WebSocketTextCodec(), shout);
      },
    });
    proxy = createServer((request, response) => {
      if (!endpoint.request(request, response)) response.end('a page');
    });
    proxy.on('upgrade', (request, socket, head) => {
      upgrades += 1;
      if (letsUpgradesThrough) endpoint.upgrade(request, socket, head);
      else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const url = `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/ws`;
    const headers = { Authorization: 'Bearer sesame' };

    const channel = await connect(url, { headers });
    expect([upgrades, channel.attributes.get(WEB_SOCKET_TUNNEL)]).toEqual([1, true]);
    expect(await say(channel, 'hello')).toBe('HELLO');
    expect(clientAddress(accepted[0]!)).toMatchObject({ host: '127.0.0.1', family: 'IPv4' });
    channel.close();
    await accepted[0]!.closed;
    expect(accepted[0]!.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code: 1000 });

    letsUpgradesThrough = true;
    const second = await connect(url, { headers });
    expect(second.attributes.get(WEB_SOCKET_TUNNEL)).toBeUndefined();
    expect(await say(second, 'hello')).toBe('HELLO');
    second.abort();

    const cut = new HttpTunnel({});
    letsUpgradesThrough = false;
    const third = await connect(url, { headers, tunnel: cut });
    proxy.closeAllConnections();
    await third.closed;
    await accepted[2]!.closed;
    expect([third.closeInfo?.reason, accepted[2]!.closeInfo?.reason]).toEqual(['reset', 'reset']);

    const refused = await post(url, openBody({ subprotocols: [] }));
    expect([refused.status, refused.headers.get('x-why')]).toEqual([401, 'a: b']);
    const page = await post(url.replace('/ws', '/other'), Buffer.from('x'));
    expect(await page.text()).toBe('a page');
  });

  it('are left to the other server without the option', () => {
    const endpoint = new HttpEndpoint({ webSocket: () => {} });
    const request = { method: 'POST', url: '/ws', headers: {}, rawHeaders: [] } as never;
    expect(endpoint.request(request, {} as never)).toBe(false);
  });
});
