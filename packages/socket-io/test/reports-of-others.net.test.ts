// What users of Socket.IO's server, and of another server for its clients, reported in 2025 and 2026, tried on this one. The number is
// that of the report in github.com/socketio/socket.io, unless its repository is named.
import { once } from 'node:events';
import { type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { HttpEndpoint } from '@headrace/websocket';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  type AnySocketIoNamespace,
  SocketIo,
  SocketIoNamespace,
  type SocketIoOptions,
} from '../src/index.ts';

let server: Server | undefined;
const clients: Socket[] = [];
const sockets: WebSocket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  for (const socket of sockets.splice(0)) socket.terminate();
  await server?.close();
  server = undefined;
});

async function start(namespace: AnySocketIoNamespace, options: Partial<SocketIoOptions> = {}) {
  const sessions = new SocketIo({ namespaces: [namespace], ...options });
  const endpoint = new HttpEndpoint({ sessions });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger: silentLogger })
    .bind({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${server.port}`;
}

async function connect(url: string): Promise<Socket> {
  const client = io(url, { forceNew: true, reconnectionDelay: 10, transports: ['websocket'] });
  clients.push(client);
  await connected(client);
  return client;
}

const connected = (client: Socket) => once(client as never, 'connect');

/** The network fails, and the server knows it. */
async function loses(client: Socket, namespace: AnySocketIoNamespace): Promise<void> {
  client.io.reconnection(false);
  client.io.engine.close();
  await expect.poll(() => namespace.size).toBe(0);
}

async function comesAgain(client: Socket): Promise<void> {
  client.io.reconnection(true);
  client.connect();
  await connected(client);
}

/** A WebSocket of Engine.IO, the packets that it gets, and its end. */
async function raw(url: string, query = '') {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket${query}`;
  const socket = new WebSocket(address);
  sockets.push(socket);
  const packets: string[] = [];
  socket.on('message', (packet) => void packets.push(String(packet)));
  const ended = once(socket, 'close');
  await once(socket, 'open');
  return { socket, packets, ended };
}

/** A client that has entered the main namespace. */
async function entered(url: string) {
  const client = await raw(url);
  client.socket.send('40');
  await expect.poll(() => client.packets.length).toBe(2);
  return client;
}

const polling = (url: string, sid = '') => `${url}/socket.io/?EIO=4&transport=polling${sid}`;

async function openPolling(url: string): Promise<string> {
  const [, json] = (await (await fetch(polling(url))).text()).split(/^0/);
  return `&sid=${JSON.parse(json!).sid}`;
}

describe('recovery', () => {
  it('goes on after a volatile event that ends with a text (5539)', async () => {
    const main = new SocketIoNamespace('/', { recovery: {} });
    const client = await connect(await start(main));
    const heard: unknown[] = [];
    client.onAny((name) => heard.push(name));
    main.emit('first');
    main.volatile.emit('status', 'connected');
    await expect.poll(() => heard).toEqual(['first', 'status']);
    await loses(client, main);
    main.emit('missed');
    await comesAgain(client);
    expect(client.recovered).toBe(true);
    await expect.poll(() => heard).toEqual(['first', 'status', 'missed']);
  });

  it('is there for a client that got no event (5538)', async () => {
    const main: SocketIoNamespace = new SocketIoNamespace('/', {
      recovery: {},
      connection: (socket) => {
        if (!socket.recovered) socket.join('alerts');
      },
    });
    const client = await connect(await start(main));
    const { id } = client;
    await loses(client, main);
    main.to('alerts').emit('missed');
    const missed = once(client as never, 'missed');
    await comesAgain(client);
    expect([client.recovered, client.id]).toEqual([true, id]);
    await missed;
    expect(main.find(id!)?.rooms).toEqual(['alerts']);
  });

  it('works again and again, also for a connection whose end was not noticed (4880)', async () => {
    const main = new SocketIoNamespace('/', { recovery: {} });
    const url = await start(main);
    const client = await connect(url);
    const heard: number[] = [];
    client.on('n', (number) => heard.push(number));
    for (let i = 1; i <= 3; i++) {
      await loses(client, main);
      main.emit('n', i);
      await comesAgain(client);
      expect(client.recovered).toBe(true);
    }
    // What the client would send, on a connection beside its own, which the server takes for alive.
    const { _pid: pid, _lastOffset: offset } = client as never as Record<string, string>;
    const { id } = client;
    const away = once(client as never, 'disconnect');
    const { socket, packets } = await raw(url);
    socket.send(`40${JSON.stringify({ pid, offset })}`);
    await away;
    await expect.poll(() => packets[1]).toBe(`40${JSON.stringify({ sid: id, pid })}`);
    await expect.poll(() => heard).toEqual([1, 2, 3]);
  });
});

describe('attachments', () => {
  it.each([
    [
      'many that are announced (5489, CVE-2026-33151)',
      '51000000-["x",{"_placeholder":true,"num":0}]',
    ],
    ['none that are announced (CVE-2026-69185)', '50-["x"]'],
    ['none, with a place for one (CVE-2026-69185)', '50-["x",{"_placeholder":true,"num":0}]'],
  ])('end the connection: %s', async (_name, packet) => {
    const url = await start(new SocketIoNamespace('/'));
    const { socket, ended } = await entered(url);
    socket.send(`4${packet}`);
    await ended;
    expect(server!.connections.size).toBe(0);
  });
});

describe('a request', () => {
  it('of bytes is answered, so its connection is not held (GHSA-r635-g3xr-vw7x)', async () => {
    const main = new SocketIoNamespace('/');
    const url = await start(main);
    for (let i = 0; i < 20; i++) {
      const sid = await openPolling(url);
      const headers = { 'content-type': 'application/octet-stream' };
      const options = { method: 'POST', headers, body: Buffer.of(1, 2) };
      expect((await fetch(polling(url, sid), options)).status).toBe(400);
      expect((await fetch(polling(url, sid))).status).toBe(400);
    }
  });

  it('that polls twice while the session is upgraded is answered at once (Totodore/socketioxide 479)', async () => {
    const url = await start(new SocketIoNamespace('/'));
    const sid = await openPolling(url);
    const { socket, packets } = await raw(url, sid);
    const first = fetch(polling(url, sid));
    socket.send('2probe');
    await expect.poll(() => packets).toEqual(['3probe']);
    expect(await (await first).text()).toBe('6');
    expect(await (await fetch(polling(url, sid))).text()).toBe('6');
    socket.send('5');
    socket.send('40');
    await expect.poll(() => packets[1]).toMatch(/^40/);
  });
});

describe('a session', () => {
  it('ends with a close packet over a WebSocket (5286)', async () => {
    const reasons: string[] = [];
    const main = new SocketIoNamespace('/', {
      disconnected: (_socket, reason) => void reasons.push(reason),
    });
    const { socket, ended } = await entered(await start(main));
    socket.send('1');
    await ended;
    expect(reasons).toEqual(['transport close']);
  });

  it('ends when its upgrade is begun and never completed, and its client is gone (Totodore/socketioxide 731)', async () => {
    const times = { pingIntervalMs: 100, pingTimeoutMs: 100, upgradeTimeoutMs: 150 };
    const url = await start(new SocketIoNamespace('/'), times);
    const ends: unknown[] = [];
    for (let i = 0; i < 10; i++) {
      const sid = await openPolling(url);
      const { socket, ended } = await raw(url, sid);
      socket.send('2probe');
      ends.push(ended);
    }
    await Promise.all(ends);
    const sid = await openPolling(url);
    await expect.poll(() => fetch(polling(url, sid)).then(({ status }) => status)).toBe(400);
  });
});

describe('answers', () => {
  it('that do not come in time leave nothing behind, and may come late (5442)', async () => {
    const main = new SocketIoNamespace('/', { maxUnanswered: 10 });
    const client = await connect(await start(main));
    const answers: ((value: string) => void)[] = [];
    client.on('ask', (answer) => answers.push(answer));
    const socket = main.find(client.id!)!;
    for (let round = 0; round < 20; round++) {
      const asked = Array.from({ length: 10 }, () => socket.ask('ask', [], { timeoutMs: 5 }));
      const results = await Promise.allSettled(asked);
      expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    }
    await expect.poll(() => answers.length).toBe(200);
    for (const answer of answers.splice(0)) answer('late');
    const asked = socket.ask('ask', []);
    await expect.poll(() => answers.length).toBe(1);
    answers[0]!('in time');
    expect(await asked).toBe('in time');
  });
});

describe('a shutdown of the server', () => {
  it('resolves when all clients have left and all connections are closed, and may be called again (5344, 5431)', async () => {
    const left: string[] = [];
    const main = new SocketIoNamespace('/', {
      disconnected: (_socket, reason) => void left.push(reason),
    });
    const url = await start(main);
    await connect(url);
    await server!.shutdown();
    expect([server!.connections.size, main.size, left]).toEqual([0, 0, ['server shutting down']]);
    await expect(fetch(url)).rejects.toThrow();
    await server!.shutdown();
  });
});
