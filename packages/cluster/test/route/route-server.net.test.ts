import { once } from 'node:events';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { httpAddresses } from '@headrace/client';
import { type NodeInfo, type RouteServer, routeServer } from '@headrace/cluster';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RouteServerOptions } from '../../src/route/route-server.ts';

const running: RouteServer[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((route) => route.close()));
});

function node(port: number, connections: number, options: Partial<NodeInfo> = {}): NodeInfo {
  const address = { host: '10.0.0.1', port };
  const status = { state: 'ready', life: 'alive', load: 0, roles: [] } as const;
  return { id: String(port), address, connections, ...status, ...options };
}

async function routeTo(
  nodes: readonly NodeInfo[],
  options: Partial<RouteServerOptions> = {},
): Promise<{ url: string; route: RouteServer }> {
  const route = await routeServer({ cluster: { nodes }, random: () => 0, ...options });
  running.push(route);
  return { url: `http://127.0.0.1:${route.port}`, route };
}

describe('routeServer', () => {
  it('is read by the client’s httpAddresses', async () => {
    const { url } = await routeTo([node(18_888, 12), node(18_889, 7)], { ttlMs: 60_000 });
    const addresses = httpAddresses(`${url}/route?count=2`);
    const places = [
      { host: '10.0.0.1', port: 18_888 },
      { host: '10.0.0.1', port: 18_889 },
    ];
    const { signal } = new AbortController();
    expect(await addresses({ signal })).toEqual(places);
    await running.pop()!.close();
    // For as long as the answer holds, nobody is asked.
    expect(await addresses({ signal })).toEqual(places);
  });

  it('answers with nodes, their connections and how long that holds', async () => {
    const { url } = await routeTo([node(1, 12), node(2, 7, { state: 'draining' }), node(3, 5)]);
    const answer = await fetch(`${url}/route?count=1`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.text()).toBe(
      '{"ttlMs":5000,"nodes":[{"host":"10.0.0.1","port":1,"connections":12}]}',
    );
    const usual = (await (await fetch(`${url}/route`)).json()) as { nodes: unknown[] };
    expect(usual.nodes).toHaveLength(2);
  });

  it('logs a connection that could not be accepted, and goes on', async () => {
    const lines: unknown[][] = [];
    const logger = { log: (...line: unknown[]) => void lines.push(line) };
    const listen = vi.spyOn(http.Server.prototype, 'listen');
    const { url } = await routeTo([node(1, 12)], { logger });
    const server = listen.mock.contexts[0] as http.Server;
    listen.mockRestore();
    const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    server.emit('error', error);
    expect(lines).toEqual([['error', 'the route could not accept a connection', error]]);
    expect((await fetch(`${url}/route`)).status).toBe(200);
  });

  it('answers 503 with Retry-After if no node takes clients, which the client understands', async () => {
    const { url } = await routeTo([node(2, 7, { state: 'draining' })]);
    const answer = await fetch(`${url}/route`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    await answer.body?.cancel();
    const addresses = httpAddresses(`${url}/route`);
    await expect(addresses({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_FAILED',
      details: { status: 503 },
    });
  });

  it.each([
    ['GET', '/route?count=0', 400],
    ['GET', '/route?count=65', 400],
    ['GET', '/route?count=1e1', 400],
    ['GET', '/route?count=', 400],
    ['GET', '/route?count=-1', 400],
    ['GET', '/route?count=1&count=2', 400],
    ['GET', '/route?count=64', 200],
    ['GET', '/', 404],
    ['GET', '/route/', 404],
    ['POST', '/route', 405],
    ['DELETE', '/route', 405],
  ])('answers %s %s with %i', async (method, path, status) => {
    const { url } = await routeTo([node(1, 0)]);
    const answer = await fetch(url + path, { method });
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    await answer.body?.cancel();
  });

  it('answers a target in absolute form, as proxies send it', async () => {
    const { url } = await routeTo([node(1, 0)]);
    const { port } = new URL(url);
    const asked = http.get({ port, path: 'http://route.example/route?count=1' });
    const [answer] = (await once(asked, 'response')) as [http.IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(200);
  });

  it('answers HEAD without a body', async () => {
    const { url } = await routeTo([node(1, 0)]);
    const answer = await fetch(`${url}/route`, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(50);
    expect(await answer.text()).toBe('');
  });

  it('lets browsers of one origin read it, if that is wanted', async () => {
    const allowOrigin = 'https://chat.example.org';
    const { url } = await routeTo([node(1, 0)], { allowOrigin });
    const answer = await fetch(`${url}/route`);
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowOrigin);
    expect(answer.headers.get('vary')).toBe('origin');
    await answer.body?.cancel();
    const preflight = await fetch(`${url}/route`, { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
    const { url: other } = await routeTo([node(1, 0)]);
    const plain = await fetch(`${other}/route`);
    expect(plain.headers.get('access-control-allow-origin')).toBeNull();
    await plain.body?.cancel();
  });

  it('ends the connection of a client that does not finish its request', async () => {
    const { route } = await routeTo([node(1, 0)], { requestTimeoutMs: 100 });
    const socket = connect(route.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += String(bytes);
    });
    socket.write('GET /route HTTP/1.1\r\nHost: x\r\n');
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1.1 408/);
  });

  it('answers however many connections say nothing: the oldest ones give way', async () => {
    const { route, url } = await routeTo([node(1, 0)], { maxConnections: 4, logger: { log() {} } });
    const closed: number[] = [];
    const strangers: Socket[] = [];
    for (let i = 0; i < 10; i++) {
      const socket = connect(route.port, '127.0.0.1');
      strangers.push(socket.on('error', () => {}).on('close', () => closed.push(i)));
      await once(socket, 'connect');
    }
    expect((await fetch(`${url}/route`)).status).toBe(200);
    await expect.poll(() => closed.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const socket of strangers) socket.destroy();
  });

  it('closes within a second, also with a connection that says nothing', async () => {
    const { route } = await routeTo([node(1, 0)]);
    const socket = connect(route.port, '127.0.0.1');
    await once(socket, 'connect');
    const over = once(socket, 'close');
    await Promise.all([route.close(), route.close(), over]);
  });

  it('refuses invalid options', async () => {
    const cluster = { nodes: [] };
    const refused = (options: object) => routeServer(options as RouteServerOptions);
    await expect(refused({})).rejects.toThrow(/Cluster.join/);
    await expect(refused({ cluster, port: -1 })).rejects.toThrow(/port/);
    await expect(refused({ cluster, count: 65 })).rejects.toThrow(/count/);
    await expect(refused({ cluster, ttlMs: -1 })).rejects.toThrow(/ttlMs/);
    await expect(refused({ cluster, allowOrigin: 'a\r\nb: c' })).rejects.toThrow(/allowOrigin/);
    await expect(refused({ cluster, path: '/' })).rejects.toThrow(/no option path/);
  });
});
