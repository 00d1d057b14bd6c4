import net from 'node:net';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  type Context,
  type Handler,
  type Logger,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { recordEvents, VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { coreOf } from '../../src/channel/transport-channel.ts';

const LOCAL = { host: '127.0.0.1', port: 0 } as const;
const NAME = new AttributeKey<string>('name');
const open: Server[] = [];
const sockets: net.Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function bind(bootstrap: ServerBootstrap): Promise<Server> {
  const server = await bootstrap.bind(LOCAL);
  open.push(server);
  return server;
}

function dial(server: Server): net.Socket {
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

const quiet = (): ServerBootstrap =>
  new ServerBootstrap().options({ logger: silentLogger }).childOptions({ logger: silentLogger });

const connection = (server: Server): Promise<Channel> =>
  new Promise((resolve) => server.once('connection', resolve));

const ended = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume().once('close', () => resolve());
  });

describe('bind', () => {
  it('without childHandler is an error that names it, before a socket exists', async () => {
    await expect(new ServerBootstrap().bind(LOCAL)).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_CONFLICT',
      message: expect.stringContaining('.childHandler(…)'),
    });
  });

  it('a handler instance instead of a function is refused with the cure', () => {
    class Echo implements Handler {}
    expect(() => new ServerBootstrap().childHandler(new Echo() as never)).toThrow(
      /function.*Echo.*new Echo/,
    );
    expect(() => new ServerBootstrap().handler(undefined as never)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }),
    );
  });

  it.each([-1, 65_536, 1.5, Number.NaN, '80' as never])('refuses the port %s', async (port) => {
    await expect(
      quiet()
        .childHandler(() => {})
        .bind({ port }),
    ).rejects.toMatchObject({ code: 'HR_ERR_OPTION_INVALID', message: /port/ });
  });

  it('fails with BIND_FAILED where another one listens, and closes its channel', async () => {
    const first = await bind(quiet().childHandler(() => {}));
    const seen = recordEvents();
    const failing = quiet()
      .handler((channel) => channel.pipeline.addLast(seen))
      .childHandler(() => {})
      .bind({ ...LOCAL, port: first.port });
    await expect(failing).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      message: expect.stringMatching(new RegExp(`port ${first.port}.*EADDRINUSE`)),
      cause: { code: 'EADDRINUSE' },
    });
    expect(seen.events).toEqual([
      'handlerAdded',
      'channelRegistered',
      'channelUnregistered',
      'handlerRemoved',
    ]);
  });

  it('an aborted bind listens nowhere', async () => {
    const reason = new Error('not now');
    const bootstrap = quiet().childHandler(() => {});
    await expect(bootstrap.bind({ ...LOCAL, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const abort = new AbortController();
    const binding = bootstrap.bind({ ...LOCAL, signal: abort.signal });
    abort.abort(reason);
    await expect(binding).rejects.toBe(reason);
  });

  it('the bind is fulfilled before channelActive of the listening channel', async () => {
    const seen = recordEvents();
    const server = await bind(
      quiet()
        .handler((channel) => channel.pipeline.addLast(seen))
        .childHandler(() => {}),
    );
    expect(seen.events).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
    expect(server.channel.isActive).toBe(true);
    expect(server.address).toMatchObject({ host: '127.0.0.1', port: server.port });
  });
});

describe('options and attributes', () => {
  it('are taken when bind is called; a clone is independent', async () => {
    const bootstrap = quiet()
      .childOptions({ autoRead: false })
      .childAttribute(NAME, 'before')
      .childHandler(() => {});
    const copy = bootstrap.clone();
    const server = await bind(bootstrap);
    bootstrap.childOptions({ autoRead: true }).childAttribute(NAME, 'after');
    copy.childAttribute(NAME, 'copy');
    const accepted = connection(server);
    dial(server);
    const child = await accepted;
    expect([child.autoRead, child.attributes.get(NAME)]).toEqual([false, 'before']);
    const second = await bind(copy);
    const other = connection(second);
    dial(second);
    expect((await other).attributes.get(NAME)).toBe('copy');
    expect((await other).autoRead).toBe(false);
  });

  it('are there when the initializers run, for the listening channel and its children', async () => {
    const seen: unknown[] = [];
    const note = (channel: Channel) =>
      void seen.push([channel.attributes.get(NAME), channel.autoRead]);
    const server = await bind(
      quiet()
        .attribute(NAME, 'server')
        .childAttribute(NAME, 'child')
        .childOptions({ autoRead: false })
        .handler((channel) => note(channel as Channel))
        .childHandler((channel) => note(channel as Channel)),
    );
    const accepted = connection(server);
    dial(server);
    await accepted;
    expect(seen).toEqual([
      ['server', true],
      ['child', false],
    ]);
  });

  it.each([
    ['writeBufferHighBytes', -1],
    ['maxOutboundBytes', 0],
    ['outboundStallMs', 0],
    ['writeBufferLowBytes', Number.NaN],
  ])('an invalid value is an error before a socket exists: %s %s', async (name, value) => {
    const bootstrap = new ServerBootstrap().childOptions({ [name]: value }).childHandler(() => {});
    await expect(bootstrap.bind(LOCAL)).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
      message: expect.stringContaining(`${name} is ${value}`),
    });
  });
});

describe('accepting', () => {
  it('the server’s handler is added once; children arrive through it as messages, before the acceptor', async () => {
    const order: string[] = [];
    const server = await bind(
      quiet()
        .handler((channel) =>
          channel.pipeline.addLast({
            handlerAdded: () => void order.push('added'),
            channelRead(ctx: Context, child: Channel) {
              order.push(`child ${child.isRegistered} ${child.remoteAddress !== undefined}`);
              ctx.fireChannelRead(child);
            },
          } satisfies Handler),
        )
        .childHandler(() => void order.push('built')),
    );
    for (let i = 0; i < 2; i++) {
      const accepted = connection(server);
      dial(server);
      await accepted;
    }
    expect(order).toEqual(['added', 'child false true', 'built', 'child false true', 'built']);
  });

  it('attributes and pipeline come before the child’s registration', async () => {
    const order: string[] = [];
    const server = await bind(
      quiet()
        .childAttribute(NAME, 'x')
        .childHandler((channel) => {
          order.push(`built, ${channel.attributes.get(NAME)}, active ${channel.isActive}`);
          channel.pipeline.addLast({
            channelRegistered: () => void order.push('registered'),
            channelActive: () => void order.push('active'),
          } satisfies Handler);
        }),
    );
    const accepted = connection(server);
    dial(server);
    await accepted;
    expect(order).toEqual(['built, x, active false', 'registered', 'active']);
  });

  it('a child whose pipeline cannot be built is closed and logged, and the server goes on', async () => {
    const lines: string[] = [];
    const logger: Logger = {
      log: (level, text, error) => {
        if (level !== 'debug') lines.push(`${level} ${text}: ${error?.message}`);
      },
    };
    let isBroken = true;
    const server = await bind(
      new ServerBootstrap().childOptions({ logger }).childHandler(() => {
        if (isBroken) throw new Error('no database');
      }),
    );
    await ended(dial(server));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^error .*initializer threw.*no database$/);
    expect(server.connections.size).toBe(0);
    isBroken = false;
    const accepted = connection(server);
    dial(server);
    expect((await accepted).isActive).toBe(true);
  });

  it('a handler of the server refuses a child by closing it and not passing it on', async () => {
    const server = await bind(
      quiet()
        .handler((channel) =>
          channel.pipeline.addLast({
            channelRead: (_ctx: Context, child: Channel) => void child.close('refused'),
          } satisfies Handler),
        )
        .childHandler(() => {
          throw new Error('never built');
        }),
    );
    await ended(dial(server));
    expect(server.connections.size).toBe(0);
  });

  it('a child that no handler passes on and none closes is closed: the acceptor is not the only end', async () => {
    const server = await bind(quiet().childHandler(() => {}));
    server.channel.pipeline.removeLast();
    await ended(dial(server));
    expect(server.connections.size).toBe(0);
  });

  it('an accept error pauses accepting for a second, is reported, and the server goes on', async () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const reported: string[] = [];
    const server = await bind(
      new ServerBootstrap()
        .options({
          clock,
          logger: {
            log: (level, text) => void (level === 'debug' || lines.push(`${level} ${text}`)),
          },
        })
        .childOptions({ logger: silentLogger })
        .handler((channel) =>
          channel.pipeline.addLast({
            exceptionCaught(ctx: Context, error: Error) {
              reported.push(error.message);
              ctx.fireExceptionCaught(error);
            },
          } satisfies Handler),
        )
        .childHandler(() => {}),
    );
    const { channel } = server;
    const emfile = () => Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    coreOf(channel)!.caught(emfile());
    expect([channel.autoRead, channel.readHolds]).toEqual([true, ['accept error']]);
    expect(reported).toHaveLength(1);
    expect(lines).toEqual([expect.stringMatching(/^warn .*the server goes on/)]);
    clock.advance(900);
    // A second one moves the deadline.
    coreOf(channel)!.caught(emfile());
    let accepted = 0;
    server.on('connection', () => {
      accepted += 1;
    });
    const first = connection(server);
    const socket = dial(server);
    await new Promise((resolve) => socket.once('connect', resolve));
    clock.advance(999);
    expect([channel.isReadHeld, accepted]).toEqual([true, 0]);
    clock.advance(1);
    await first;
    expect([channel.isReadHeld, channel.isOpen]).toEqual([false, true]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an application that turns accepting off, before or during the pause, finds it off', async () => {
    const clock = new VirtualClock();
    const server = await bind(
      new ServerBootstrap()
        .options({ clock, logger: silentLogger, autoRead: false })
        .childHandler(() => {}),
    );
    coreOf(server.channel)!.caught(new Error('accept'));
    clock.advance(5000);
    expect(server.channel.autoRead).toBe(false);
    server.channel.autoRead = true;
    coreOf(server.channel)!.caught(new Error('accept'));
    server.channel.autoRead = false;
    clock.advance(5000);
    expect(server.channel.autoRead).toBe(false);
  });

  it('errors of the application’s own handlers do not pause it', async () => {
    const clock = new VirtualClock();
    const server = await bind(
      new ServerBootstrap().options({ clock, logger: silentLogger }).childHandler(() => {}),
    );
    server.channel.pipeline.fireExceptionCaught(new Error('a bug'));
    expect(server.channel.autoRead).toBe(true);
    expect(server.channel.isOpen).toBe(true);
  });

  it('closing the server cancels the pause', async () => {
    const clock = new VirtualClock();
    const server = await bind(
      new ServerBootstrap().options({ clock, logger: silentLogger }).childHandler(() => {}),
    );
    coreOf(server.channel)!.caught(new Error('accept'));
    clock.run(() => server.channel.close());
    expect(clock.pendingTimers).toBe(0);
  });

  it('accepting waits for read() with auto-read off, and can be suspended', async () => {
    const server = await bind(
      quiet()
        .options({ autoRead: false })
        .childHandler(() => {}),
    );
    let accepted = 0;
    server.on('connection', () => {
      accepted += 1;
    });
    const up = (socket: net.Socket) => new Promise((resolve) => socket.once('connect', resolve));
    const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await Promise.all([up(dial(server)), up(dial(server)), up(dial(server))]);
    await turn();
    expect(accepted).toBe(0);
    const next = connection(server);
    server.channel.read();
    await next;
    expect(accepted).toBe(1);
    const all = new Promise<void>((resolve) => {
      server.on('connection', () => accepted === 3 && resolve());
    });
    server.channel.autoRead = true;
    await all;
    server.channel.autoRead = false;
    await up(dial(server));
    await turn();
    expect(accepted).toBe(3);
  });

  it('a child’s parent is the listening channel, which cannot be written to', async () => {
    const server = await bind(quiet().childHandler(() => {}));
    const accepted = connection(server);
    dial(server);
    const child = await accepted;
    expect(child.parent).toBe(server.channel);
    expect([server.channel.isServer, child.isServer]).toEqual([true, false]);
    expect(server.channel.parent).toBeUndefined();
    expect(server.channel.write('x').error).toMatchObject({
      code: 'HR_ERR_MESSAGE_NOT_ENCODABLE',
      message: expect.stringContaining('listening'),
    });
  });

  it('a closed channel answers: addresses, options, operations', async () => {
    const server = await bind(quiet().childHandler(() => {}));
    const accepted = connection(server);
    dial(server);
    const child = await accepted;
    const ends = [child.localAddress, child.remoteAddress, server.channel.localAddress];
    await server.close();
    expect([child.localAddress, child.remoteAddress, server.channel.localAddress]).toEqual(ends);
    child.autoRead = false;
    child.autoRead = true;
    server.channel.autoRead = false;
    expect(child.write('x').error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    child.flush();
    child.read();
    expect(String(child)).toContain(' ! ');
    expect(server.channel.isOpen).toBe(false);
  });
});

describe('many', () => {
  it('a client may connect many times, each channel with handlers of its own', async () => {
    const server = await bind(quiet().childHandler(() => {}));
    const built: unknown[] = [];
    const client = new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => void built.push(channel));
    const channels = await Promise.all(
      Array.from({ length: 10 }, () => client.connect({ port: server.port, host: '127.0.0.1' })),
    );
    expect(new Set(channels).size).toBe(10);
    expect(built).toHaveLength(10);
    await Promise.all(channels.map((channel) => channel.close()));
  });
});
