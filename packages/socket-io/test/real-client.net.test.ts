// The JavaScript client of Socket.IO, unchanged, over each of its transports.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  DrainEvent,
  type DrainHold,
  type LogLevel,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { HttpEndpoint, type HttpEndpointOptions } from '@headrace/websocket';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  EngineIo,
  SocketIo,
  SocketIoNamespace,
  type SocketIoOptions,
  type SocketIoSocket,
} from '../src/index.ts';

interface ClientToServer {
  echo: (value: unknown, answer: (value: unknown) => void) => void;
  join: (room: string) => void;
  shout: (room: string, text: string) => void;
  ask: (times: number) => void;
}
interface ServerToClient {
  shouted: (text: string) => void;
  welcome: (auth: unknown) => void;
  double: (number: number, answer: (double: number) => void) => void;
  sum: (sum: number) => void;
}
type Client = Socket<ServerToClient, ClientToServer>;

let server: Server | undefined;
let hosting: HttpServer | undefined;
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await server?.close();
  hosting?.closeAllConnections();
  hosting?.close();
  server = hosting = undefined;
});

/** A namespace with an event of each kind, and the reasons for which clients left it. */
function chat(name = '/') {
  const reasons: string[] = [];
  const sockets: SocketIoSocket<ServerToClient>[] = [];
  const namespace = new SocketIoNamespace<ClientToServer, ServerToClient>(name, {
    authorize: ({ auth }) =>
      auth['token'] === 'bad' ? { message: 'no entry', data: { code: 7 } } : true,
    connection: (socket) => {
      sockets.push(socket);
      socket.emit('welcome', socket.handshake.auth);
    },
    disconnected: (_socket, reason) => void reasons.push(reason),
    events: {
      echo: (_socket, value, answer) => answer(value),
      join: (socket, room) => socket.join(room),
      shout: (socket, room, text) => void socket.to(room).emit('shouted', text),
      ask: async (socket, times) => {
        let sum = 0;
        for (let i = 1; i <= times; i++) sum += await socket.emitWithAck('double', i);
        socket.emit('sum', sum);
      },
    },
  });
  return { namespace, reasons, sockets };
}

async function start(
  { namespace }: { readonly namespace: SocketIoOptions['namespaces'][number] },
  options: Partial<SocketIoOptions> = {},
  ofEndpoint: HttpEndpointOptions = {},
) {
  const log: string[] = [];
  const logger = {
    log: (level: LogLevel, text: string) => void (level !== 'debug' && log.push(text)),
  };
  const sessions = new SocketIo({ namespaces: [namespace], ...options });
  const endpoint = new HttpEndpoint({
    sessions,
    request: (_request, response) => response.end('a page'),
    ...ofEndpoint,
  });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger })
    .bind({ port: 0, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${server.port}`, log };
}

function connect(url: string, options: Parameters<typeof io>[1] = {}): Client {
  const client: Client = io(url, { forceNew: true, reconnection: false, ...options });
  clients.push(client);
  return client;
}

const heard = (client: Client, name: string): Promise<unknown[]> =>
  new Promise((resolve) => client.once(name as 'sum', (...args) => resolve(args)));

/** Calls back with the next request that a server of this process has got. */
function nextRequest(came: () => void): void {
  const listener = (): void => {
    unsubscribe('http.server.request.start', listener);
    setImmediate(came);
  };
  subscribe('http.server.request.start', listener);
}

const TRANSPORTS = [
  ['polling alone', ['polling']],
  ['a WebSocket alone', ['websocket']],
  ['an upgrade', ['polling', 'websocket']],
] as const;

describe.each(TRANSPORTS)('socket.io-client over %s', (_name, transports) => {
  const options = { transports: [...transports] };

  it('enters with its auth, and gets answers with bytes of any kind', async () => {
    const main = chat();
    const { url, log } = await start(main);
    const client = connect(url, { ...options, auth: { token: 'good' } });
    expect(await heard(client, 'welcome')).toEqual([{ token: 'good' }]);
    expect(client.id).toBe(main.sockets[0]!.id);
    const value = { text: 'ä\u2028😀', list: [1, null, { bytes: Buffer.of(1, 2, 3) }] };
    expect(await client.emitWithAck('echo', value)).toEqual(value);
    const long = Buffer.alloc(300_000, 7);
    const answered = (await client.emitWithAck('echo', [long, long])) as Buffer[];
    expect(answered.map((bytes) => bytes.equals(long))).toEqual([true, true]);
    client.disconnect();
    await expect.poll(() => main.reasons).toEqual(['client namespace disconnect']);
    expect(log).toEqual([]);
  });

  it('keeps the order of many events in both directions', async () => {
    const main = chat();
    const { url } = await start(main);
    const client = connect(url, options);
    const answers: unknown[] = [];
    const count = 300;
    const done = new Promise<void>((resolve) => {
      for (let i = 0; i < count; i++) {
        client.emit('echo', i, (value) => {
          answers.push(value);
          if (answers.length === count) resolve();
        });
      }
    });
    await done;
    expect(answers).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('answers the server, which waits within its function', async () => {
    const { url } = await start(chat());
    const client = connect(url, options);
    client.on('double', (number, answer) => answer(number * 2));
    client.emit('ask', 10);
    expect(await heard(client, 'sum')).toEqual([110]);
  });

  it('hears the others in its room', async () => {
    const { url } = await start(chat());
    const [one, two, three] = [0, 1, 2].map(() => connect(url, options)) as [
      Client,
      Client,
      Client,
    ];
    await Promise.all([one, two, three].map((client) => heard(client, 'welcome')));
    const wrong: unknown[] = [];
    for (const client of [one, three]) client.on('shouted', (text) => void wrong.push(text));
    for (const client of [one, two]) client.emit('join', 'room');
    await Promise.all([one, two].map((client) => client.emitWithAck('echo', 1)));
    const shouted = heard(two, 'shouted');
    one.emit('shout', 'room', 'hello');
    expect(await shouted).toEqual(['hello']);
    await Promise.all([one, three].map((client) => client.emitWithAck('echo', 1)));
    expect(wrong).toEqual([]);
  });

  it('gets the reason of a refusal, and of the end by the server', async () => {
    const main = chat();
    const { url } = await start(main);
    const refused = connect(url, { ...options, auth: { token: 'bad' } });
    const error = await new Promise<Error & { data?: unknown }>((resolve) =>
      refused.once('connect_error', resolve),
    );
    expect([error.message, error.data]).toEqual(['no entry', { code: 7 }]);
    const unknown = connect(`${url}/unknown`, options);
    expect(
      await new Promise<Error>((resolve) => unknown.once('connect_error', resolve)),
    ).toMatchObject({ message: 'Invalid namespace' });
    const client = connect(url, options);
    await heard(client, 'welcome');
    const reason = heard(client, 'disconnect');
    main.namespace.disconnectSockets(true);
    expect((await reason)[0]).toBe('io server disconnect');
    expect(main.reasons).toEqual(['server namespace disconnect']);
  });

  it('lives by its pongs, and comes again when the server has closed its connection', async () => {
    const main = chat();
    const { url } = await start(main, { pingIntervalMs: 50, pingTimeoutMs: 2000 });
    const client = connect(url, { ...options, reconnection: true, reconnectionDelay: 10 });
    await heard(client, 'welcome');
    let pings = 0;
    await new Promise<void>((resolve) => {
      client.io.on('ping', () => {
        pings += 1;
        if (pings === 3) resolve();
      });
    });
    expect(main.reasons).toEqual([]);
    const again = heard(client, 'welcome');
    main.sockets[0]!.channel.parent!.close();
    await again;
    expect([main.reasons, main.sockets.length]).toEqual([['forced server close'], 2]);
  });
});

describe('socket.io-client', () => {
  it('upgrades, and its events pass before, while and after', async () => {
    const { url } = await start(chat());
    const client = connect(url);
    const upgraded = new Promise<string>((resolve) => {
      client.io.engine.once('upgrade', ({ name }) => resolve(name));
    });
    const answers: unknown[] = [];
    let isOver = false;
    const loop = (async () => {
      for (let i = 0; !isOver || i < 50; i++) answers.push(await client.emitWithAck('echo', i));
    })();
    expect(await upgraded).toBe('websocket');
    isOver = true;
    await loop;
    expect(answers).toEqual(answers.map((_, i) => i));
  });

  it('has several namespaces on one connection', async () => {
    const main = chat();
    const admin = chat('/admin');
    const { url } = await start(main, { namespaces: [main.namespace, admin.namespace] });
    const client = connect(url);
    const other: Client = client.io.socket('/admin') as Client;
    clients.push(other);
    await Promise.all([heard(client, 'welcome'), heard(other, 'welcome')]);
    expect(await other.emitWithAck('echo', 'admin')).toBe('admin');
    other.disconnect();
    expect(await client.emitWithAck('echo', 'main')).toBe('main');
    expect([main.reasons, admin.reasons]).toEqual([[], ['client namespace disconnect']]);
  });

  it('gets more at once from its namespaces together than one of them may have', async () => {
    const big = 'a'.repeat(900_000);
    const namespaces = ['/a', '/b', '/c'].map((name) => new SocketIoNamespace(name));
    const { url } = await start({ namespace: namespaces[0]! }, { namespaces });
    const all = ['/a', '/b', '/c'].map((name) => connect(url + name, { forceNew: false }));
    await Promise.all(all.map((client) => heard(client, 'connect')));
    const lengths = all.map(
      (client) =>
        new Promise((resolve) => (client as Socket).once('big', (text) => resolve(text.length))),
    );
    for (const namespace of namespaces) namespace.emit('big', big);
    expect(await Promise.all(lengths)).toEqual([900_000, 900_000, 900_000]);
  });

  it('is signed in by authorize of the endpoint, over each transport', async () => {
    const seen: unknown[] = [];
    const main = new SocketIoNamespace('/', {
      connection: ({ handshake }) => void seen.push(handshake.headers['x-user']),
    });
    const { url } = await start(
      { namespace: main },
      {},
      {
        authorize: ({ headers }) => headers['x-user'] === 'ann',
      },
    );
    for (const transport of ['polling', 'websocket'] as const) {
      for (const user of ['ann', 'eve']) {
        const client = connect(url, { transports: [transport], extraHeaders: { 'x-user': user } });
        await new Promise<void>((resolve) => {
          client.once('connect', resolve);
          client.once('connect_error', () => resolve());
        });
        expect(client.connected).toBe(user === 'ann');
      }
    }
    expect(seen).toEqual(['ann', 'ann']);
  });

  it('is drained on a shutdown over a WebSocket: answers arrive, and it may come again', async () => {
    let release = (): void => {};
    const main = new SocketIoNamespace('/', {
      disconnected: (_socket, reason) => void reasons.push(reason),
      pipeline: (channel) =>
        channel.pipeline.addLast({
          userEventTriggered: (ctx, event) => {
            if (event instanceof DrainEvent) {
              const hold = event.hold('work');
              release = () => hold.release();
            }
            ctx.fireUserEventTriggered(event);
          },
        }),
      events: {
        work: (_socket, answer) => {
          answer('done');
          release();
        },
      },
    });
    const reasons: string[] = [];
    const { url } = await start({ namespace: main });
    const client = connect(url, { transports: ['websocket'] }) as Socket;
    await heard(client, 'connect');
    const reason = heard(client, 'disconnect');
    const shutdown = server!.shutdown();
    await expect.poll(() => String(release)).toContain('hold');
    expect(await client.emitWithAck('work')).toBe('done');
    await shutdown;
    expect([(await reason)[0], reasons]).toEqual(['transport close', ['server shutting down']]);
  });

  it('is drained on a shutdown while it polls: its last poll has the answers', async () => {
    const holds: DrainHold[] = [];
    const answers: ((text: string) => void)[] = [];
    const main = new SocketIoNamespace('/', {
      disconnected: (_socket, reason) => void reasons.push(reason),
      pipeline: (channel) =>
        channel.pipeline.addLast({
          userEventTriggered: (ctx, event) => {
            if (event instanceof DrainEvent) holds.push(event.hold('work'));
            ctx.fireUserEventTriggered(event);
          },
        }),
      events: { work: (_socket, answer) => void answers.push(answer) },
    });
    const reasons: string[] = [];
    const { url } = await start({ namespace: main });
    const client = connect(url, { transports: ['polling'] }) as Socket;
    await heard(client, 'connect');
    const reason = heard(client, 'disconnect');
    const answer = client.emitWithAck('work');
    await expect.poll(() => answers.length).toBe(1);
    const shutdown = server!.shutdown({ drainTimeoutMs: 60_000 });
    await expect.poll(() => holds.length).toBe(1);
    answers[0]!('done');
    main.emit('event', 'of the drain');
    holds[0]!.release();
    expect(await answer).toBe('done');
    await shutdown;
    expect([(await reason)[0], reasons]).toEqual(['transport error', ['server shutting down']]);
  });

  it('is drained on a shutdown while it polls, and waits for nothing', async () => {
    const main = chat();
    const { url } = await start(main);
    const client = connect(url, { transports: ['polling'] });
    const reason = heard(client, 'disconnect');
    await new Promise<void>((resolve) => client.once('welcome', () => nextRequest(resolve)));
    // The time is longer than that of the test.
    await server!.shutdown({ drainTimeoutMs: 600_000 });
    expect([(await reason)[0], main.reasons]).toEqual([
      'transport close',
      ['server shutting down'],
    ]);
  });

  it('is drained on a shutdown while it polls, and gets its last events before work that does not end', async () => {
    const main = new SocketIoNamespace('/', {
      pipeline: (channel) =>
        channel.pipeline.addLast({
          userEventTriggered: (ctx, event) => {
            if (event instanceof DrainEvent) {
              event.hold('work');
              main.emit('last');
            }
            ctx.fireUserEventTriggered(event);
          },
        }),
      connection: (socket) => void socket.emit('welcome'),
    });
    const { url } = await start({ namespace: main });
    const client = connect(url, { transports: ['polling'] });
    await new Promise<void>((resolve) => client.once('welcome', () => nextRequest(resolve)));
    const last = heard(client, 'last' as 'sum');
    await server!.shutdown({ drainTimeoutMs: 1000 });
    expect(await last).toEqual([]);
  });

  it('finds the server beside pages, and on a server of Node', async () => {
    const main = chat();
    const { url } = await start(main);
    expect(await (await fetch(url)).text()).toBe('a page');
    const endpoint = new HttpEndpoint({ sessions: new SocketIo({ namespaces: [main.namespace] }) });
    hosting = createServer((request, response) => {
      if (!endpoint.request(request, response)) response.end('another page');
    });
    hosting.on('upgrade', (request, socket, head) => void endpoint.upgrade(request, socket, head));
    await new Promise<void>((resolve) => hosting!.listen(0, '127.0.0.1', resolve));
    const hosted = `http://127.0.0.1:${(hosting.address() as AddressInfo).port}`;
    for (const [, transports] of TRANSPORTS) {
      const client = connect(hosted, { transports: [...transports] });
      expect(await client.emitWithAck('echo', 1)).toBe(1);
    }
  });
});

describe('the requests of a session', () => {
  const echo = () =>
    new EngineIo({
      session: (channel) =>
        channel.pipeline.addLast({
          channelRead: (ctx, message) => void ctx.writeAndFlush(message),
        }),
      maxPayloadBytes: 1000,
      maxPollingSessions: 2,
    });
  async function begin() {
    const endpoint = new HttpEndpoint({ sessions: echo() });
    server = await new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .childOptions({ logger: { log: () => {} } })
      .bind({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${server.port}/engine.io/`;
    const ask = async (query: string, init: RequestInit = {}) => {
      const answer = await fetch(`${url}?${query}`, init);
      return [answer.status, await answer.text()] as const;
    };
    const open = async () => {
      const [, text] = await ask('EIO=4&transport=polling');
      return `EIO=4&transport=polling&sid=${JSON.parse(text.slice(1)).sid}`;
    };
    return { ask, open };
  }

  it('are refused with the codes of the protocol', async () => {
    const { ask, open } = await begin();
    const session = await open();
    const codeOf = async (query: string, init?: RequestInit) => {
      const [status, text] = await ask(query, init);
      return [status, JSON.parse(text)];
    };
    const refusal = (code: number, message: string) => [400, { code, message }];
    const POST = { method: 'POST', body: '4a' };
    expect(await codeOf('EIO=4')).toEqual(refusal(0, 'Transport unknown'));
    expect(await codeOf('EIO=4&transport=abc')).toEqual(refusal(0, 'Transport unknown'));
    expect(await codeOf('EIO=4&transport=polling&sid=x')).toEqual(refusal(1, 'Session ID unknown'));
    expect(await codeOf('EIO=4&transport=polling', POST)).toEqual(
      refusal(2, 'Bad handshake method'),
    );
    expect(await codeOf('EIO=4&transport=websocket')).toEqual(refusal(3, 'Bad request'));
    expect(await codeOf(session, { method: 'PUT', body: '4a' })).toEqual(refusal(3, 'Bad request'));
    expect(await codeOf('transport=polling')).toEqual(refusal(5, 'Unsupported protocol version'));
    expect(await ask(session, POST)).toEqual([200, 'ok']);
    expect(await ask(session)).toEqual([200, '4a']);
  });

  it('end the session when the body is too long, or of the version before', async () => {
    const { ask, open } = await begin();
    const long = await open();
    expect((await ask(long, { method: 'POST', body: `4${'a'.repeat(1000)}` }))[0]).toBe(413);
    expect((await ask(long))[0]).toBe(400);
    const old = await open();
    const headers = { 'Content-Type': 'application/octet-stream' };
    expect((await ask(old, { method: 'POST', body: '4a', headers }))[0]).toBe(400);
    expect((await ask(old))[0]).toBe(400);
  });

  it('open no more sessions than the limit, and others again when one has ended', async () => {
    const { ask, open } = await begin();
    const [first] = [await open(), await open()];
    expect((await ask('EIO=4&transport=polling'))[0]).toBe(503);
    expect(await ask(first, { method: 'POST', body: '1' })).toEqual([200, 'ok']);
    expect((await ask('EIO=4&transport=polling'))[0]).toBe(200);
  });
});

describe('a client that loses its connection', () => {
  it.each([
    ['polling', ['polling']],
    ['a WebSocket', ['websocket']],
    ['an upgrade', ['polling', 'websocket']],
  ])('over %s has its state again, and what it missed', async (_name, transports) => {
    const sockets: SocketIoSocket[] = [];
    const namespace = new SocketIoNamespace('/', {
      recovery: {},
      connection: (socket) => {
        sockets.push(socket);
        if (!socket.recovered) socket.join('room');
      },
    });
    const { url } = await start({ namespace });
    const client = connect(url, { transports, reconnection: true, reconnectionDelay: 200 });
    const events: unknown[] = [];
    client.onAny((name, text) => void events.push(`${name} ${text}`));
    await heard(client, 'connect');
    const { id } = client;
    await expect.poll(() => sockets.length).toBe(1);
    namespace.to('room').emit('one', 'a');
    await expect.poll(() => events.length).toBe(1);
    const left = sockets[0]!.channel.closed;
    client.io.engine.close();
    await left;
    namespace.to('room').emit('two', 'b');
    namespace.to(id!).emit('three', Buffer.of(1));
    await expect.poll(() => events.length).toBe(3);
    namespace.to('room').emit('four', 'd');
    await expect.poll(() => events.length).toBe(4);
    expect(events.map((text) => String(text).split(' ')[0])).toEqual([
      'one',
      'two',
      'three',
      'four',
    ]);
    expect([client.recovered, client.id, sockets[1]!.recovered]).toEqual([true, id, true]);
  });
});
