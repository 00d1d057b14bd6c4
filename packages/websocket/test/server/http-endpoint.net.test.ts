import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import {
  type Channel,
  type Clock,
  type CloseInfo,
  type Context,
  clientAddress,
  handler,
  type Logger,
  pipeline,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SocketClock } from '../../../core/test/fixture/socket-clock.ts';
import {
  HttpEndpoint,
  WEB_SOCKET_CLOSE,
  WebSocketBootstrap,
  type WebSocketInput,
  type WebSocketOutput,
  WebSocketTextCodec,
} from '../../src/index.ts';
import type { HttpEndpointOptions } from '../../src/server/http-endpoint.ts';

let server: Server | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Started {
  readonly port: number;
  readonly log: string[];
  readonly sockets: Channel[];
}

/** A server that answers texts in capitals, and "boom" with an error. */
async function start(options: HttpEndpointOptions = {}, clock?: Clock): Promise<Started> {
  const log: string[] = [];
  const sockets: Channel[] = [];
  const logger: Logger = {
    log(level, message, error) {
      const isPart = level !== 'debug' || message.includes('failed a request');
      if (isPart) log.push(`${level} ${message}: ${error?.message}`);
    },
  };
  const endpoint = new HttpEndpoint({
    request: (_request, response) => response.end('a page'),
    webSocket: (channel) => {
      sockets.push(channel);
      channel.pipeline.addLast(new WebSocketTextCodec(), {
        channelRead: (ctx, text: string) => ctx.writeAndFlush(text.toUpperCase()),
      });
    },
    ...options,
  });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger, ...(clock && { clock }) })
    .bind({ port: 0, host: '127.0.0.1' });
  return { port: server.port, log, sockets };
}

/** Opens, collects what comes, until the close. */
function openSocket(port: number, origin?: string, path = '/ws') {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, origin === undefined ? {} : { origin });
  const received: string[] = [];
  ws.on('message', (data) => received.push(String(data)));
  const opened = new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.on('error', reject);
  });
  opened.catch(() => {});
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  const next = () =>
    new Promise<string>((resolve) => ws.once('message', (data) => resolve(String(data))));
  return { ws, received, opened, closed, next };
}

/** Sends raw bytes and collects the answer until the server ends. */
function exchange(port: number, text: string, onData = () => {}): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    socket.on('data', (bytes) => {
      answer += bytes;
      onData();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

function fail(): never {
  throw new Error('no page');
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n');

describe('HttpEndpoint', () => {
  it('serves pages, several on one connection', async () => {
    const { port } = await start();
    const answer = await exchange(
      port,
      'GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(answer.match(/a page/g)).toHaveLength(2);
  });

  it('opens WebSockets whose channel knows its parent and both addresses', async () => {
    const { port, sockets } = await start();
    const { ws, opened, next, closed } = openSocket(port);
    await opened;
    ws.send('hello');
    expect(await next()).toBe('HELLO');
    const [channel] = sockets;
    expect(channel?.parent?.isActive).toBe(true);
    expect(channel?.remoteAddress).toEqual(channel?.parent?.remoteAddress);
    ws.close(4000, 'enough');
    expect(await closed).toBe(4000);
    const info: CloseInfo = await channel!.closed;
    expect(info).toEqual({ reason: 'peer', by: 'peer', error: undefined });
    expect(channel?.attributes.get(WEB_SOCKET_CLOSE)).toEqual({
      code: 4000,
      reason: 'enough',
    });
    await channel?.parent?.closed;
  });

  it('hears messages that came in one packet with the handshake, as one burst', async () => {
    const { port } = await start();
    const masked = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    const answer = await new Promise<Buffer>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => {
        socket.write(
          Buffer.concat([Buffer.from(`GET /ws HTTP/1.1\r\nHost: x\r\n${UPGRADE}`), masked, masked]),
        );
      });
      let all = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        all = Buffer.concat([all, bytes]);
        if (all.toString('latin1').split('HI').length < 3) return;
        socket.destroy();
        resolve(all);
      });
    });
    expect(answer.toString('latin1')).toContain('\r\n\r\n\x81\x02HI\x81\x02HI');
  });

  it.each([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
    ['rejects later', () => new Promise((resolve) => setImmediate(resolve)).then(fail)],
  ])('answers 500 when the code that answers %s, and goes on', async (_how, answer) => {
    const { port, log } = await start({
      request: (request, response) => {
        if (request.url === '/b') return response.end('a page');
        response.setHeader('Content-Length', '5');
        return answer();
      },
    });
    const again = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2);
    const all = await exchange(
      port,
      `${again}GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(all).toMatch(
      /^HTTP\/1\.1 500 Internal Server Error[\s\S]*\nInternal Server Error\n[\s\S]*HTTP\/1\.1 200 OK[\s\S]*a page/,
    );
    // A stranger may ask again and again.
    expect(log).toEqual([
      expect.stringMatching(
        /^warn .* failed a request: no page; further ones are .* debug: no page$/,
      ),
      expect.stringMatching(/^debug .* failed a request: no page: no page$/),
    ]);
  });

  it('logs that the code that answers failed when the connection is a WebSocket by now', async () => {
    let opened = (): void => {};
    const open = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const { port, log } = await start({
      request: async (_request, response) => {
        response.end('a page');
        await open;
        fail();
      },
      webSocket: (channel) => {
        opened();
        setImmediate(() => channel.parent!.close());
      },
    });
    await exchange(
      port,
      `GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /ws HTTP/1.1\r\nHost: x\r\n${UPGRADE}`,
    );
    expect(log).toEqual([expect.stringMatching(/^warn .* failed a request: no page; /)]);
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['a status', (response) => response.writeHead(42)],
    ['a reason', (response) => response.writeHead(200, 'x\r\nSet-Cookie: a=b')],
    ['a name', (response) => response.setHeader('x\r\nSet-Cookie', 'a=b')],
    ['a value', (response) => response.writeHead(200, { 'X-Why': 'x\r\nSet-Cookie: a=b' })],
  ])(
    'answers 500 when the code that answers gives %s that cannot be sent',
    async (_what, answer) => {
      const { port, log } = await start({ request: (_request, response) => answer(response) });
      const text = await exchange(port, 'GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(text).toMatch(/^HTTP\/1\.1 500 /);
      expect(text).not.toContain('Set-Cookie');
      expect(log).toEqual([expect.stringMatching(/^warn .* failed a request: /)]);
    },
  );

  it('cuts off a response that has begun when the code that answers rejects', async () => {
    const { port, log } = await start({
      request: async (_request, response) => {
        response.writeHead(200, { 'Content-Length': '10' }).write('half');
        await new Promise((resolve) => setImmediate(resolve));
        fail();
      },
    });
    const answer = await exchange(port, 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nhalf$/);
    expect(log).toHaveLength(1);
  });

  it('refuses WebSockets of other sites with 403, and logs it', async () => {
    const { port, log } = await start();
    const { opened } = openSocket(port, 'https://evil.example');
    await expect(opened).rejects.toThrow('403');
    expect(log).toEqual([expect.stringContaining('from the origin "https://evil.example"')]);
  });

  it('lets its own pages and allowed origins in', async () => {
    const { port } = await start({ allowOrigin: (origin) => origin === 'https://friend.example' });
    for (const origin of [`http://127.0.0.1:${port}`, 'https://friend.example']) {
      const { ws, opened, closed } = openSocket(port, origin);
      await opened;
      ws.close();
      await closed;
    }
    // A name that somebody pointed at this machine is not its own, whatever Host says.
    const answer = await exchange(
      port,
      `GET /ws HTTP/1.1\r\nHost: rebound.example:${port}\r\nOrigin: http://rebound.example:${port}\r\n${UPGRADE}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden/);
  });

  it.each([
    ['yes', async () => true],
    ['nothing, but rejects', () => Promise.reject(new Error('no list'))],
  ])('answers 500 when allowOrigin gives a promise of %s', async (_what, given) => {
    const { port, log } = await start({ allowOrigin: given as unknown as () => boolean });
    const { opened } = openSocket(port, 'https://evil.example');
    await expect(opened).rejects.toThrow('500');
    expect(log).toEqual([expect.stringContaining('allowOrigin returned a promise')]);
  });

  it('takes a list of origins, and refuses what is none', async () => {
    const { port } = await start({ allowOrigin: ['https://friend.example'] });
    const { ws, opened, closed } = openSocket(port, 'https://friend.example');
    await opened;
    ws.close();
    await closed;
    await expect(openSocket(port, 'https://foe.example').opened).rejects.toThrow('403');
    expect(new HttpEndpoint({ allowOrigin: ['capacitor://localhost'] })).toBeDefined();
    for (const wrong of [['https://friend.example/'], ['*'], 'https://friend.example']) {
      expect(() => new HttpEndpoint({ allowOrigin: wrong as readonly string[] })).toThrow(
        'but must be a list of origins such as https://chat.example, as a browser sends them, or a function',
      );
    }
  });

  it('trusts only a trusted proxy about the host and the client', async () => {
    const ask = async (trustedProxies: readonly string[]) => {
      const clients: unknown[] = [];
      const { port } = await start({
        trustedProxies,
        webSocket: (channel) => {
          clients.push(clientAddress(channel));
          setImmediate(() => void channel.parent?.end());
        },
      });
      const forwarded = 'X-Forwarded-Host: chat.example\r\nX-Forwarded-For: 203.0.113.7\r\n';
      const head = `GET /ws HTTP/1.1\r\nHost: inner\r\nOrigin: http://chat.example\r\n`;
      return { answer: await exchange(port, `${head}${forwarded}${UPGRADE}`), clients };
    };
    const believed = await ask(['127.0.0.1']);
    expect(believed.answer).toMatch(/^HTTP\/1\.1 101/);
    expect(believed.clients).toEqual([{ host: '203.0.113.7', port: 0, family: 'IPv4' }]);
    const refused = await ask(['127.0.0.2']);
    expect(refused.answer).toMatch(/^HTTP\/1\.1 403/);
  });

  it.each([
    ['an origin whose scheme takes no port', 'Host: x:8080\r\nOrigin: file://x', {}],
    ['a host that is no host', 'Host: a\\b\r\nOrigin: foo://a', {}],
    ['trustedProxies that throw', 'Host: x', { trustedProxies: () => fail() }],
  ])('ends one connection, even after another request: %s', async (_what, headers, options) => {
    const { port } = await start(options);
    const upgrade = `GET /ws HTTP/1.1\r\n${headers}\r\n${UPGRADE}`;
    for (const before of ['', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n']) {
      expect(await exchange(port, before + upgrade)).toMatch(/HTTP\/1\.1 (400|403|500) /);
    }
  });

  it.each([
    ['the first request', ''],
    ['a request after another one', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('answers 500 when allowOrigin throws for %s', async (_what, before) => {
    const { port, log } = await start({ allowOrigin: () => fail() });
    const answer = await exchange(
      port,
      `${before}GET /ws HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n${UPGRADE}`,
    );
    expect(answer).toContain('HTTP/1.1 500 Internal Server Error');
    expect(log).toEqual([expect.stringContaining('no page')]);
  });

  it('answers 404 to a WebSocket on another path', async () => {
    const { port } = await start();
    await expect(openSocket(port, undefined, '/other').opened).rejects.toThrow('404');
  });

  it('answers 400 to bytes that are not HTTP, 431 to endless headers, and logs each once', async () => {
    const { port, log } = await start({ maxHeaderBytes: 2000 });
    expect(await exchange(port, 'GET / HTP/9\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 Bad Request/);
    expect(await exchange(port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(3000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    expect(log).toHaveLength(2);
    expect(log[0]).toContain('not a valid HTTP request');
  });

  it.each([
    ['permessage-deflate', ['permessage-deflate']],
    [
      'permessage-deflate; client_no_context_takeover',
      ['permessage-deflate', 'client_no_context_takeover'],
    ],
  ])('answers with no parameter that was not offered: %s', async (offer, answered) => {
    const { port } = await start({ compression: true });
    const peer = connect(port, '127.0.0.1');
    const lines = `Host: x\r\nSec-WebSocket-Extensions: ${offer}\r\n${UPGRADE}`;
    peer.write(`GET /ws HTTP/1.1\r\n${lines}`);
    const answer = await new Promise<string>((resolve) =>
      peer.once('data', (bytes) => resolve(String(bytes))),
    );
    const extensions = /Sec-WebSocket-Extensions: (.*)\r\n/.exec(answer)?.[1] ?? answer;
    expect(extensions.split('; ').sort()).toEqual([...answered].sort());
    peer.destroy();
  });

  it('answers 400 to a handshake that is none, names its versions, and logs it', async () => {
    const { port, log } = await start();
    const broken = UPGRADE.replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99');
    const answer = await exchange(port, `GET /ws HTTP/1.1\r\nHost: x\r\n${broken}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request/);
    expect(answer).toContain('\r\nSec-WebSocket-Version: 13, 8\r\n');
    expect(log).toEqual([expect.stringContaining('Sec-WebSocket-Version')]);
  });

  it('closes a connection that neither finishes its request nor upgrades, with 408', async () => {
    const clock = new SocketClock();
    const { port, log } = await start({ timeoutMs: 50 }, clock);
    let isRead = false;
    server!.channel.pipeline.addFirst({
      channelRead(ctx: Context, child: Channel) {
        child.pipeline.addFirst({
          channelRead(inner: Context, bytes: Buffer) {
            inner.fireChannelRead(bytes);
            isRead = true;
          },
        });
        ctx.fireChannelRead(child);
      },
    });
    const answer = exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n');
    await expect.poll(() => isRead, { interval: 1 }).toBe(true);
    clock.advance(50);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(log).toEqual([expect.stringContaining('no complete request within 50 ms')]);
  });

  it('closes a kept connection without a further request, silently', async () => {
    const clock = new SocketClock();
    const { port, log } = await start({ timeoutMs: 50 }, clock);
    let isAnswered = false;
    const ended = exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', () => {
      isAnswered = true;
    });
    await expect.poll(() => isAnswered, { interval: 1 }).toBe(true);
    clock.advance(50);
    const answer = await ended;
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(log).toEqual([]);
  });

  it('ends a connection after its last request, whose answer says so, and serves none behind it', async () => {
    const served: string[] = [];
    const { port, log } = await start({
      maxRequestsPerConnection: 2,
      request: (request, response) => {
        served.push(request.url!);
        response.end('a page');
      },
    });
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answer = await exchange(port, get('/1') + get('/2') + get('/3'));
    const heads = answer.split('HTTP/1.1 200 OK').slice(1);
    expect(heads.map((head) => /^Connection: (.*)\r$/m.exec(head)?.[1])).toEqual([
      'keep-alive',
      'close',
    ]);
    expect([served, log]).toEqual([['/1', '/2'], []]);
    // The limit is that of one connection.
    expect(await exchange(port, get('/4') + get('/5'))).toMatch(/a page.*a page$/s);
  });

  it('counts the requests of HTTP/1.0 on a connection that is kept', async () => {
    const { port } = await start({
      maxRequestsPerConnection: 2,
      request: (_request, response) => response.setHeader('Content-Length', 6).end('a page'),
    });
    const get = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
    const answer = await exchange(port, get + get + get);
    expect(answer.match(/^Connection: [a-z-]*/gm)).toEqual([
      'Connection: keep-alive',
      'Connection: close',
    ]);
  });

  it('ends a connection after its last request if the application promises to keep it', async () => {
    const { port } = await start({
      maxRequestsPerConnection: 1,
      request: (_request, response) => {
        response.setHeader('Connection', 'keep-alive').end('a page');
      },
    });
    const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi';
    expect((await exchange(port, request + request)).match(/a page/g)).toHaveLength(1);
  });

  it('does not limit the messages of a WebSocket, which the last request may ask for', async () => {
    const { port } = await start({ maxRequestsPerConnection: 1 });
    const { ws, opened, next, closed } = openSocket(port);
    await opened;
    for (const text of ['a', 'b', 'c']) {
      ws.send(text);
      expect(await next()).toBe(text.toUpperCase());
    }
    ws.close();
    await closed;
  });

  it('closes a binary message with 1003', async () => {
    const { port, log } = await start();
    const { ws, opened, closed } = openSocket(port);
    await opened;
    ws.send(Buffer.from('bytes'));
    expect(await closed).toBe(1003);
    expect(log).toEqual([expect.stringContaining('only text is allowed here')]);
  });
});

describe('a broken message', () => {
  const lastWord = (error: (code: string) => void): HttpEndpointOptions => ({
    maxMessageBytes: 1000,
    webSocket: (channel) =>
      channel.pipeline.addLast(new WebSocketTextCodec(), {
        exceptionCaught(ctx, thrown) {
          error((thrown as NodeJS.ErrnoException).code ?? '');
          ctx.writeAndFlush(`ERR:${(thrown as NodeJS.ErrnoException).code}`);
          ctx.channel.end({ reason: 'bad-input' });
        },
      }),
  });

  it('is answered before the close when it is too long', async () => {
    const codes: string[] = [];
    const { port } = await start(lastWord((code) => codes.push(code)));
    const { ws, opened, closed, received } = openSocket(port);
    await opened;
    ws.send('x'.repeat(1_000_000));
    expect(await closed).toBe(1009);
    expect(received).toEqual(['ERR:HR_ERR_FRAME_TOO_LONG']);
    expect(codes).toEqual(['HR_ERR_FRAME_TOO_LONG']);
  });

  it('is answered before the close when it is not UTF-8', async () => {
    const codes: string[] = [];
    const { port } = await start(lastWord((code) => codes.push(code)));
    const { ws, opened, closed, received } = openSocket(port);
    await opened;
    ws.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect(await closed).toBe(1007);
    expect(received).toEqual(['ERR:HR_ERR_TEXT_NOT_UTF8']);
  });

  it('closes by itself when no handler answers', async () => {
    const { port, log } = await start({ maxMessageBytes: 10 });
    const { ws, opened, closed } = openSocket(port);
    await opened;
    ws.send('more than ten bytes');
    expect(await closed).toBe(1009);
    expect(log).toHaveLength(1);
  });
});

describe('the end', () => {
  it('tells the WebSocket of a shutdown, and drains it', async () => {
    const sockets: Channel[] = [];
    const { port } = await start({
      webSocket: (channel) => {
        sockets.push(channel);
        channel.pipeline.addLast(new WebSocketTextCodec(), {
          userEventTriggered(ctx) {
            ctx.write('BYE');
            ctx.channel.end({ reason: 'shutdown' });
          },
        });
      },
    });
    const { opened, closed, received } = openSocket(port);
    await opened;
    await server!.shutdown();
    expect(await closed).toBe(1001);
    expect(received).toEqual(['BYE']);
    expect(sockets[0]?.closeInfo?.reason).toBe('shutdown');
  });

  it('begins no request during the shutdown, not even a WebSocket: the response under way is the last', async () => {
    const responses: ServerResponse[] = [];
    const { port, sockets } = await start({
      request: (_request, response) => responses.push(response),
    });
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await expect.poll(() => responses).toHaveLength(1);
    const down = server!.shutdown();
    socket.write(`GET /ws HTTP/1.1\r\nHost: x\r\n${UPGRADE}`);
    responses[0]!.end('slow');
    await Promise.all([closed, down]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*slow$/);
    expect(sockets).toEqual([]);
  });

  it('ends a kept HTTP connection on shutdown', async () => {
    const { port } = await start();
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    await new Promise((resolve) => socket.once('data', resolve));
    const ended = new Promise((resolve) => socket.once('end', resolve));
    await server!.shutdown();
    await ended;
    socket.destroy();
  });

  it('closes the WebSocket with the reason of the connection below', async () => {
    const { port, sockets } = await start();
    const { ws, opened } = openSocket(port);
    await opened;
    sockets[0]!.parent!.close('slow-consumer');
    expect((await sockets[0]!.closed).reason).toBe('slow-consumer');
    ws.terminate();
  });

  it('tells a reset from a close', async () => {
    const { port, sockets } = await start();
    const { ws, opened } = openSocket(port);
    await opened;
    (ws as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
    expect((await sockets[0]!.closed).reason).toBe('reset');
  });

  it('closes a member that does not read as a slow consumer', async () => {
    const { port, sockets } = await start({
      webSocketOptions: { maxOutboundBytes: 100_000, hooks: { writeFailed() {} } },
    });
    const { ws, opened } = openSocket(port);
    await opened;
    ws.pause();
    const [channel] = sockets;
    const text = 'x'.repeat(10_000);
    while (channel!.isOpen) {
      channel!.writeAndFlush(text);
      await new Promise(setImmediate);
    }
    expect((await channel!.closed).reason).toBe('slow-consumer');
    await channel!.parent!.closed;
    ws.terminate();
  });
});

describe('WebSocketBootstrap', () => {
  it('rejects with the status when the server refuses', async () => {
    const { port } = await start();
    const connecting = new WebSocketBootstrap()
      .handler(() => {})
      .options({ origin: 'https://evil.example' })
      .connect(`ws://127.0.0.1:${port}/ws`);
    await expect(connecting).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_REFUSED' });
  });

  it('rejects when no server listens', async () => {
    const { port } = await start();
    await server!.close();
    const connecting = new WebSocketBootstrap()
      .handler(() => {})
      .connect(`ws://127.0.0.1:${port}/ws`);
    await expect(connecting).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_REFUSED' });
  });

  it('cancels a connect', async () => {
    const { port } = await start();
    const stop = new AbortController();
    const connecting = new WebSocketBootstrap()
      .handler(() => {})
      .connect(`ws://127.0.0.1:${port}/ws`, { signal: stop.signal });
    stop.abort();
    await expect(connecting).rejects.toThrow('aborted');
  });

  it('reads one burst per read() when autoRead is off, and keeps the rest', async () => {
    const { port, sockets } = await start();
    const texts: string[] = [];
    const client = await new WebSocketBootstrap()
      .options({ autoRead: false })
      .handler((channel) =>
        channel.pipeline.addLast(new WebSocketTextCodec(), {
          channelRead(_ctx, text: string) {
            texts.push(text);
          },
        }),
      )
      .connect(`ws://127.0.0.1:${port}/ws`);
    expect(client.remoteAddress).toMatchObject({ host: '127.0.0.1', port });
    for (let i = 0; i < 5; i++) await sockets[0]!.writeAndFlush(`m${i}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(texts).toEqual([]);
    while (texts.length < 5) {
      client.read();
      await new Promise(setImmediate);
    }
    expect(texts).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    await client.end();
    expect(client.closeInfo?.reason).toBe('local');
    expect((await sockets[0]!.closed).reason).toBe('peer');
  });
});

describe('the pipeline of a WebSocket', () => {
  const shout = handler<{ reads: string; writes: string }>({
    sharable: true,
    channelRead: (ctx, text) => void ctx.writeAndFlush(text.toUpperCase()),
  });

  it('is built by a template, at both ends', async () => {
    const texts = pipeline<WebSocketInput, WebSocketOutput>().add(new WebSocketTextCodec());
    const { port } = await start({ webSocket: texts.add(shout) });
    const client = await new WebSocketBootstrap()
      .handler(texts)
      .connect(`ws://127.0.0.1:${port}/ws`);
    await client.writeAndFlush('hello');
    const received: string[] = [];
    for await (const text of client) {
      received.push(text);
      break;
    }
    expect(received).toEqual(['HELLO']);
  });

  it.each([
    ['a handler', shout],
    ['a class', WebSocketTextCodec],
    ['an instance', new WebSocketTextCodec()],
  ])('is refused when the endpoint is made, if it is %s', (_what, webSocket) => {
    expect(() => new HttpEndpoint({ webSocket: webSocket as never })).toThrow(
      'webSocket takes a function that builds the pipeline of a channel, but got',
    );
    expect(() => new WebSocketBootstrap().handler(webSocket as never)).toThrow(
      '.handler takes a function that builds the pipeline of a channel, but got',
    );
  });
});
