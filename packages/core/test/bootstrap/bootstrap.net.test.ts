import dns from 'node:dns';
import net from 'node:net';
import { AttributeKey, Bootstrap, type ClientOptions, silentLogger } from '@headrace/core';
import { recordEvents, VirtualClock } from '@headrace/core/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

let server: net.Server;
let port = 0;
/** A port that nobody listens on. */
let closedPort = 0;
const peers = new Set<net.Socket>();

beforeAll(async () => {
  const listen = (): Promise<net.Server> =>
    new Promise((resolve) => {
      const listening = net.createServer((socket) => {
        peers.add(socket.on('error', () => {}));
      });
      listening.listen(0, '127.0.0.1', () => resolve(listening));
    });
  server = await listen();
  port = (server.address() as net.AddressInfo).port;
  const other = await listen();
  closedPort = (other.address() as net.AddressInfo).port;
  await new Promise((resolve) => other.close(resolve));
});

afterEach(() => {
  for (const socket of peers) socket.destroy();
  peers.clear();
  vi.restoreAllMocks();
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function client(options: ClientOptions = {}) {
  const seen = recordEvents();
  const bootstrap = new Bootstrap()
    .options({ logger: silentLogger, ...options })
    .handler((channel) => void channel.pipeline.addLast(seen));
  return { bootstrap, seen };
}

const here = () => ({ port, host: '127.0.0.1' });
const nowhere = () => ({ port: closedPort, host: '127.0.0.1' });
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const FAILED = ['handlerAdded', 'channelRegistered', 'channelUnregistered', 'handlerRemoved'];

describe('connect', () => {
  it('without handler is an error that names it', async () => {
    await expect(new Bootstrap().connect(here())).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_CONFLICT',
      message: expect.stringContaining('.handler(…)'),
    });
  });

  it.each([0, -1, 65_536, 1.5, Number.NaN])('refuses the port %s', async (wrong) => {
    await expect(client().bootstrap.connect({ port: wrong })).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
    });
  });

  it.each([0, -5, Number.NaN])('refuses the timeout %s', async (connectTimeoutMs) => {
    await expect(client({ connectTimeoutMs }).bootstrap.connect(here())).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
      message: expect.stringContaining('connectTimeoutMs'),
    });
  });

  it('options and attributes are copied, and are there when the pipeline is built', async () => {
    const name = new AttributeKey<string>('name');
    const seen: unknown[] = [];
    const original = new Bootstrap()
      .options({ logger: silentLogger, autoRead: false })
      .attribute(name, 'one')
      .handler((channel) => {
        seen.push([channel.attributes.get(name), channel.autoRead, channel.isRegistered]);
      });
    const copy = original.clone().attribute(name, 'two').options({ autoRead: true });
    const [a, b] = await Promise.all([original.connect(here()), copy.connect(here())]);
    expect(seen).toEqual([
      ['one', false, true],
      ['two', true, true],
    ]);
    original.attribute(name, 'changed');
    expect([a.attributes.get(name), b.attributes.get(name)]).toEqual(['one', 'two']);
    await Promise.all([a.close(), b.close()]);
  });

  it('a transport that cannot be made rejects, and does not throw', async () => {
    vi.spyOn(net, 'connect').mockImplementation(() => {
      throw new Error('no sockets left');
    });
    const connecting = client().bootstrap.connect(here());
    await expect(connecting).rejects.toThrow('no sockets left');
  });

  it('a name that cannot be resolved rejects, and the channel is closed', async () => {
    const failure = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    vi.spyOn(dns, 'lookup').mockImplementation(((
      _host: string,
      _options: unknown,
      done: (error: Error) => void,
    ) => {
      process.nextTick(done, failure);
    }) as never);
    const { bootstrap, seen } = client();
    await expect(bootstrap.connect({ host: 'nobody.example', port })).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_FAILED',
      cause: { code: 'ENOTFOUND' },
    });
    await turn();
    expect(seen.events).toEqual(FAILED);
  });

  it('refused: rejects, no active, no inactive, but unregistered and handlerRemoved', async () => {
    const { bootstrap, seen } = client();
    await expect(bootstrap.connect(nowhere())).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
      cause: { code: 'ECONNREFUSED' },
    });
    await turn();
    expect(seen.events).toEqual(FAILED);
  });

  it('refused with half-open channels allowed: one failure, and no exceptionCaught', async () => {
    const { bootstrap, seen } = client({ allowHalfOpen: true });
    await expect(bootstrap.connect(nowhere())).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
    });
    await turn();
    expect(seen.events).toEqual(FAILED);
  });

  it('takes no longer than connectTimeoutMs, 30 s unless set', async () => {
    for (const [options, limit] of [
      [{}, 30_000],
      [{ connectTimeoutMs: 250 }, 250],
    ] as const) {
      const clock = new VirtualClock();
      const { bootstrap, seen } = client({ clock, ...options });
      const connecting = bootstrap.connect(here());
      clock.advance(limit - 1);
      expect(seen.events).toEqual(['handlerAdded', 'channelRegistered']);
      clock.advance(1);
      await expect(connecting).rejects.toMatchObject({
        code: 'HR_ERR_TIMEOUT_CONNECT',
        message: expect.stringContaining(`${limit} ms`),
      });
      expect(seen.events).toEqual(FAILED);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('off means as long as the system waits; a connect leaves no timer', async () => {
    const clock = new VirtualClock();
    const off = client({ clock, connectTimeoutMs: false }).bootstrap.connect(here());
    expect(clock.pendingTimers).toBe(0);
    await (await off).close();
    const on = await client({ clock }).bootstrap.connect(here());
    expect(clock.pendingTimers).toBe(0);
    await on.close();
  });

  it('an aborted connect closes the socket, and rejects with the signal’s reason', async () => {
    const reason = new Error('changed my mind');
    const { bootstrap, seen } = client();
    const abort = new AbortController();
    const connecting = bootstrap.connect(here(), { signal: abort.signal });
    abort.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await turn();
    expect(seen.events.filter((event) => !event.startsWith('close'))).toEqual(FAILED);
    const early = client();
    await expect(
      early.bootstrap.connect(here(), { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(early.seen.events).toEqual([]);
  });

  it('an abort after the connect changes nothing', async () => {
    const abort = new AbortController();
    const channel = await client().bootstrap.connect(here(), { signal: abort.signal });
    abort.abort();
    expect(channel.isActive).toBe(true);
    await channel.close();
  });

  it('a channel connects once: every connect makes a new one', async () => {
    const channels: unknown[] = [];
    const bootstrap = new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => void channels.push(channel));
    const [a, b] = await Promise.all([bootstrap.connect(here()), bootstrap.connect(here())]);
    expect(channels).toHaveLength(2);
    expect(a).not.toBe(b);
    expect('connect' in a).toBe(false);
    await Promise.all([a.close(), b.close()]);
  });

  it('an initializer that throws rejects the connect with its error as the cause', async () => {
    const cause = new Error('no key');
    const connecting = new Bootstrap()
      .options({ logger: silentLogger })
      .handler(() => {
        throw cause;
      })
      .connect(here());
    await expect(connecting).rejects.toBe(cause);
  });

  it('a read() before the connect is done when it is up', async () => {
    const texts: string[] = [];
    const greet = (socket: net.Socket) => void socket.write('hello');
    server.on('connection', greet);
    const got = new Promise<void>((resolve) => {
      void new Bootstrap()
        .options({ logger: silentLogger, autoRead: false })
        .handler((channel) => {
          channel.pipeline.addLast({
            channelRead(_ctx, bytes: Buffer) {
              texts.push(bytes.toString());
              resolve();
            },
          });
          channel.read();
        })
        .connect(here());
    });
    await got;
    server.off('connection', greet);
    expect(texts).toEqual(['hello']);
  });
});
