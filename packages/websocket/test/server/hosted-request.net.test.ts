// Requests and upgrades that another HTTP server of Node's has read: what strangers can do with them.
import {
  Agent,
  createServer,
  type Server as HttpServer,
  type ServerResponse,
  request as send,
} from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import type { Channel, LogLevel } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpEndpoint, type HttpEndpointOptions } from '../../src/index.ts';
import { HostedConnections } from '../../src/server/hosted-request.ts';
import { openBody } from '../../src/tunnel/tunnel-request.ts';

const BODY = openBody({ subprotocols: [] });
const WARNED = 'further ones are logged at level debug';

let http: HttpServer | undefined;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

afterEach(() => {
  agent.destroy();
  http?.closeAllConnections();
  http?.close();
});

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A server of Node's with an endpoint, and the lines that are logged. */
async function hosting(options: HttpEndpointOptions = {}) {
  const lines: string[] = [];
  const log = (level: LogLevel, text: string) =>
    void lines.push(`${level} ${text.replace(/\[id.*?\] /, '')}`);
  const endpoint = new HttpEndpoint({
    httpTunnel: true,
    webSocket: () => {},
    logger: { log },
    ...options,
  });
  http = createServer((request, response) => {
    if (endpoint.request(request, response)) return;
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    request.on('end', () => response.end(`${request.method} ${request.url} ${bytes};`));
  });
  http.on('upgrade', (request, socket, head) => void endpoint.upgrade(request, socket, head));
  await new Promise<void>((resolve) => http!.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const post = (headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const asked = send({ port, host: '127.0.0.1', method: 'POST', path: '/ws', agent, headers });
      asked.on('error', reject).on('response', (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode!));
      });
      asked.end(BODY);
    });
  /** What comes back for a text, and for another text a little later, until the server ends the connection. */
  const said = (text: string, later = '') =>
    new Promise<string>((resolve) => {
      let heard = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(text);
        setTimeout(() => socket.write(later), later === '' ? 0 : 20);
      });
      socket.on('data', (bytes) => {
        heard += String(bytes);
      });
      socket.on('error', () => {}).on('close', () => resolve(heard));
    });
  return { endpoint, http, port, lines, post, said };
}

describe('requests of another server', () => {
  it('are refused with one warning for each connection', async () => {
    const { post, lines } = await hosting();
    for (let i = 0; i < 3; i += 1) {
      expect(await post({ origin: 'https://foe.example' })).toBe(403);
    }
    const text = 'a WebSocket from the origin "https://foe.example" is not allowed';
    expect(lines).toEqual([`warn ${text}; ${WARNED}`, `debug ${text}`, `debug ${text}`]);
  });

  it('are refused with the words of the status, as on a server of its own', async () => {
    const { said } = await hosting();
    const heard = await said(
      `POST /ws HTTP/1.1\r\nHost: x\r\nOrigin: https://foe.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(heard).toMatch(
      /^HTTP\/1\.1 403 .*Content-Type: text\/plain; charset=utf-8.*Forbidden\n/s,
    );
  });

  it('are logged with a short origin, however long it is', async () => {
    const { post, lines } = await hosting();
    expect(await post({ origin: `https://${'foe.'.repeat(2000)}example` })).toBe(403);
    expect(lines[0]!.length).toBeLessThan(400);
  });

  it('are refused with two hosts, before anything is decided', async () => {
    let decisions = 0;
    const authorize = () => {
      decisions += 1;
      return true;
    };
    const { said, lines } = await hosting({ authorize });
    const head = `POST /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\nContent-Length: ${BODY.length}`;
    expect(await said(`${head}\r\n\r\n${BODY.toString('latin1')}`)).toMatch(/^HTTP\/1.1 400 /);
    expect(decisions).toBe(0);
    expect(lines).toEqual([`warn not a valid HTTP request (more than one Host header); ${WARNED}`]);
  });

  it.each([
    ['refused', { status: 401 }],
    ['accepted', true],
  ])(
    'are left alone when the other server has begun an answer before they are %s',
    async (_what, decided) => {
      const decision = deferred<typeof decided>();
      const { http, post, lines } = await hosting({
        authorize: () => {
          http.emit('asked');
          return decision.promise as never;
        },
      });
      http.on('request', (_request, response) => {
        http.once('asked', async () => {
          response.writeHead(503).write('busy');
          decision.resolve(decided);
          await new Promise((resolve) => setImmediate(resolve));
          response.end();
        });
      });
      expect(await post()).toBe(503);
      expect(lines).toEqual([]);
    },
  );

  it.each([
    ['refused', { status: 401, headers: { 'X-Why': 'a' } }],
    ['accepted', true],
  ])('are left alone when their client has gone before they are %s', async (_what, decided) => {
    const decision = deferred<typeof decided>();
    const { http, post, lines } = await hosting({
      authorize: () => {
        agent.destroy();
        return decision.promise as never;
      },
    });
    const gone = new Promise((resolve) => {
      http.on('request', (_request, response) => response.once('close', () => resolve(response)));
    });
    await expect(post()).rejects.toThrow();
    const response = (await gone) as ServerResponse;
    decision.resolve(decided);
    await new Promise((resolve) => setImmediate(resolve));
    expect([lines, response.headersSent]).toEqual([[], false]);
  });

  it('are refused if the other server has left headers out', async () => {
    const { said } = await hosting();
    const head = `POST /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${'a:\r\n'.repeat(1100)}`;
    const heard = await said(`${head}Origin: https://foe.example\r\nContent-Length: 0\r\n\r\n`);
    expect(heard).toMatch(/^HTTP\/1.1 431 /);
  });

  it('have a connection that is closed where their socket was destroyed before', async () => {
    const connections = new HostedConnections(undefined);
    const socket = new Socket();
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    const { connection } = connections.requestOf({ socket } as never, {} as never);
    expect((await connection.closed)?.reason ?? connection.closeInfo?.reason).toBeDefined();
  });
});

describe('an upgrade of another server', () => {
  it('to another protocol is ignored: the other server answers', async () => {
    const { said, lines } = await hosting();
    const h2c =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
    const after = 'GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    for (const [headers, body, bytes] of [
      ['', '', 0],
      ['Content-Length: 5\r\n', 'hello', 5],
      ['Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n', 5],
      ['Transfer-Encoding: chunked\r\n', '0\r\n\r\n', 0],
    ] as const) {
      const head = `PUT /a HTTP/1.1\r\nHost: x\r\n${h2c}${headers}\r\n`;
      const heard = [await said(`${head}${body}${after}`), await said(head, `${body}${after}`)];
      for (const text of heard) {
        expect(text).toMatch(/^HTTP\/1.1 200 /);
        expect(text).toContain(`PUT /a ${bytes};`);
        // Node 26 has read the body, so that this request is the last.
        if (body === '') expect(text).toContain('GET /after 0;');
      }
    }
    expect(lines).toEqual([]);
  });

  it('to another protocol has the channel of its connection', async () => {
    const { endpoint, http, said } = await hosting();
    const channels: Channel[] = [];
    http.removeAllListeners('upgrade');
    http.on('upgrade', (request, socket, head) => {
      channels.push(endpoint.upgrade(request, socket, head));
    });
    await said('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect(channels).toHaveLength(1);
    expect((await channels[0]!.closed)?.reason).toBeDefined();
  });

  it('is refused in the log of the endpoint', async () => {
    const { said, lines } = await hosting();
    const head = [
      'GET /ws HTTP/1.1',
      'Host: a',
      'Host: b',
      'Connection: Upgrade',
      'Upgrade: websocket',
    ];
    expect(await said(`${head.join('\r\n')}\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
    expect(lines).toEqual([expect.stringContaining('warn no handler caught an error')]);
  });
});
