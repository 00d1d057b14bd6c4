// Sessions of another protocol on the port of an endpoint: the checks are those of its WebSockets.
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AttributeKey, type Channel, type Server, ServerBootstrap } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  bearerOf,
  HttpEndpoint,
  type HttpEndpointOptions,
  type HttpSessions,
  WebSocketTextCodec,
} from '../../src/index.ts';

const USER = new AttributeKey<string>('user');
const SITE = 'https://friend.example';

let server: Server | undefined;
let hosting: HttpServer | undefined;

afterEach(async () => {
  await server?.close();
  hosting?.closeAllConnections();
  hosting?.close();
  server = hosting = undefined;
});

/** Sessions that answer the user of each request, and of each WebSocket. The query decides about WebSockets. */
class Sessions implements HttpSessions {
  readonly path = '/sessions/';
  readonly maxMessageBytes = 12;
  readonly lengths: (number | undefined)[] = [];

  serve(...[request, response, place]: Parameters<HttpSessions['serve']>): void {
    place.readBody(10, (body) => {
      this.lengths.push(body?.length);
      if (body === undefined) return;
      if (request.url!.includes('known')) response.end('known');
      else place.admit((signIn) => response.end(String(userOf(signIn))));
    });
  }

  takes({ url }: IncomingMessage): 'opens' | 'continues' | 'refused' {
    if (url!.includes('wrong')) return 'refused';
    return url!.includes('known') ? 'continues' : 'opens';
  }

  webSocket(...[channel, , signIn]: Parameters<HttpSessions['webSocket']>): void {
    channel.pipeline.addLast(new WebSocketTextCodec(), {
      channelRead: (ctx, text: string) => void ctx.writeAndFlush(text),
      channelActive: (ctx) => void ctx.writeAndFlush(`a session of ${userOf(signIn)}`),
    });
  }
}

function userOf(signIn: (channel: Channel) => void): string | undefined {
  let user: string | undefined;
  const set = (_key: unknown, value: string): void => {
    user = value;
  };
  signIn({ attributes: { set } } as unknown as Channel);
  return user;
}

const OPTIONS: HttpEndpointOptions = {
  allowOrigin: [SITE],
  authorize: (request) => {
    const user = bearerOf(request);
    if (user === undefined) return { status: 401 };
    return (channel) => void channel.attributes.set(USER, user);
  },
  request: (_request, response) => response.end('a page'),
};

async function start(options: HttpEndpointOptions = {}) {
  const sessions = new Sessions();
  const endpoint = new HttpEndpoint({ ...OPTIONS, sessions, ...options });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger: { log: () => {} } })
    .bind({ port: 0, host: '127.0.0.1' });
  return { port: server.port, sessions };
}

async function host() {
  const sessions = new Sessions();
  const endpoint = new HttpEndpoint({ ...OPTIONS, sessions, logger: { log: () => {} } });
  hosting = createServer((request, response) => {
    if (!endpoint.request(request, response)) response.end('a page of the other server');
  });
  hosting.on('upgrade', (request, socket, head) => void endpoint.upgrade(request, socket, head));
  await new Promise<void>((resolve) => hosting!.listen(0, '127.0.0.1', resolve));
  return { port: (hosting.address() as AddressInfo).port, sessions };
}

/** Resolves with the first message of a WebSocket, or with the status of its refusal. */
function firstOf(port: number, path: string, headers: Record<string, string> = {}) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  return new Promise<string | number>((resolve) => {
    ws.once('message', (data) => {
      resolve(String(data));
      ws.terminate();
    });
    ws.on('error', () => {});
    ws.once('unexpected-response', (_request, { statusCode }) => {
      resolve(statusCode!);
      ws.terminate();
    });
  });
}

const ANN = { Authorization: 'Bearer ann' };

for (const [name, begin, page] of [
  ['a port of ours', start, 'a page'],
  ['a server of Node', host, 'a page of the other server'],
] as const) {
  describe(`the sessions of an endpoint on ${name}`, () => {
    it('get the requests of their path, after authorize, and others do not', async () => {
      const { port } = await begin();
      const get = async (path: string, headers = {}) => {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
        return answer.ok ? await answer.text() : answer.status;
      };
      expect(await get('/sessions/?a=1', ANN)).toBe('ann');
      expect(await get('/sessions/')).toBe(401);
      expect(await get('/sessions/?known')).toBe('known');
      expect(await get('/sessions')).toBe(page);
    });

    it('get the WebSockets of their path, also without WebSockets of the application', async () => {
      const { port } = await begin();
      expect(await firstOf(port, '/sessions/?a', ANN)).toBe('a session of ann');
      expect(await firstOf(port, '/sessions/?a')).toBe(401);
      expect(await firstOf(port, '/sessions/?known')).toBe('a session of undefined');
      expect(await firstOf(port, '/sessions/?wrong', ANN)).toBe(400);
      expect(await firstOf(port, '/ws', ANN)).toBe(404);
    });

    it('have a limit of messages of their own', async () => {
      const { port } = await begin();
      const ws = new WebSocket(`ws://127.0.0.1:${port}/sessions/?known`);
      const received: string[] = [];
      ws.on('message', (data) => received.push(String(data)));
      ws.on('open', () => {
        ws.send('a'.repeat(12));
        ws.send('b'.repeat(13));
      });
      const code = await new Promise((resolve) => ws.once('close', resolve));
      expect([code, received]).toEqual([1009, ['a session of undefined', 'a'.repeat(12)]]);
    });

    it('answer pages of allowed sites so that they can read it, and preflight requests', async () => {
      const { port, sessions } = await begin();
      const url = `http://127.0.0.1:${port}/sessions/?known`;
      const allowed = await fetch(url, { headers: { Origin: SITE } });
      expect([...allowed.headers].filter(([key]) => /allow|vary/.test(key))).toEqual([
        ['access-control-allow-credentials', 'true'],
        ['access-control-allow-origin', SITE],
        ['vary', 'Origin'],
      ]);
      const headers = { Origin: SITE, 'Access-Control-Request-Headers': 'x-one' };
      const preflight = await fetch(url, { method: 'OPTIONS', headers });
      expect([
        preflight.status,
        preflight.headers.get('access-control-allow-origin'),
        preflight.headers.get('access-control-allow-methods'),
        preflight.headers.get('access-control-allow-headers'),
      ]).toEqual([204, SITE, 'GET, POST', 'x-one']);
      expect(sessions.lengths).toEqual([0]);
      const evil = await fetch(url, { headers: { Origin: 'https://evil.example' } });
      expect(evil.status).toBe(403);
      expect(sessions.lengths).toEqual([0]);
    });

    it('read no body that is too long, and say so', async () => {
      const { port, sessions } = await begin();
      const url = `http://127.0.0.1:${port}/sessions/?known`;
      const post = async (body: string | ReadableStream) =>
        (await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit)).status;
      expect(await post('0123456789')).toBe(200);
      expect(await post('0123456789a')).toBe(413);
      const pieces = new ReadableStream({
        start(controller) {
          for (const piece of ['01234', '56789', 'a']) controller.enqueue(Buffer.from(piece));
          controller.close();
        },
      });
      expect(await post(pieces)).toBe(413);
      expect(sessions.lengths).toEqual([10, undefined, undefined]);
    });
  });
}

describe('the sessions of an endpoint', () => {
  it('are an option that names what it wants', () => {
    expect(() => new HttpEndpoint({ sessions: {} as never })).toThrow('sessions');
  });
});
