import type { ReconnectingClient, ReconnectingClientOptions } from '@headrace/client';
import { CLIENT_ERRORS } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  DrainEvent,
  EncodeError,
  type Handler,
  isHeadraceError,
  type PortPlace,
  silentLogger,
} from '@headrace/core';
import {
  acknowledged,
  isLinked,
  LASTING_ERRORS,
  LastingBootstrap,
  LinkLostEvent,
  LinkMoveEvent,
  LinkResumedEvent,
  linksOf,
  ResumeTable,
  unacknowledged,
} from '@headrace/lasting';
import { afterEach, describe, expect, it } from 'vitest';
import { randomFrom } from '../../../core/test/fixture/random.ts';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { connectLasting, LastingWorld, linkOf } from './lasting-world.ts';

let world: LastingWorld;
afterEach(async () => {
  await world.end();
  expect(world.clock.pendingTimers).toBe(0);
});

const echo = (): Handler => ({
  channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes),
});

/** Notes messages as text, events and errors by name. */
class Notes implements Handler {
  readonly all: string[] = [];
  readonly events: unknown[] = [];

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.all.push(String(bytes));
  }
  userEventTriggered(_ctx: Context, event: unknown): void {
    this.events.push(event);
  }
  exceptionCaught(_ctx: Context, error: Error): void {
    this.events.push(error);
  }
}

const text = (channel: Channel, value: string) => channel.writeAndFlush(Buffer.from(value));

describe('LastingBootstrap', () => {
  it('keeps the channel while its link is lost, and goes on without a loss', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes);
    text(channel, 'one');
    await world.pass(10);
    await world.down();
    expect([channel.isActive, isLinked(channel)]).toEqual([true, false]);
    const future = text(channel, 'two');
    expect(future.isSuccess).toBe(true);
    await world.pass(5000);
    expect(notes.all).toEqual(['one']);
    await world.up();
    await world.pass(200);
    expect(notes.all).toEqual(['one', 'two']);
    expect(notes.events).toEqual([expect.any(LinkLostEvent), expect.any(LinkResumedEvent)]);
    const { awayMs } = notes.events[1] as LinkResumedEvent;
    expect(awayMs).toBeGreaterThanOrEqual(5000);
    expect(world.channels).toHaveLength(1);
  });

  it('ends with RESUME_GONE and what was not acknowledged when no link comes within the window', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes, { windowMs: 10_000 });
    await world.down();
    text(channel, 'one');
    text(channel, 'two');
    const whole = acknowledged(channel).catch((error: unknown) => error);
    await world.pass(9990);
    expect(channel.isOpen).toBe(true);
    await world.pass(20);
    expect(channel.isOpen).toBe(false);
    expect(isHeadraceError(channel.closeInfo?.error, LASTING_ERRORS.RESUME_GONE)).toBe(true);
    expect(isHeadraceError(await whole, LASTING_ERRORS.RESUME_GONE)).toBe(true);
    expect(unacknowledged(channel).map(String)).toEqual(['one', 'two']);
    expect(linksOf(channel).state.name).toBe('closed');
  });

  it('ends with RESUME_GONE when the server was restarted, and lets the application send again', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes);
    await world.down();
    world.table.close();
    world.table = new ResumeTable();
    text(channel, 'lost');
    await world.up();
    await world.pass(1000);
    const { error } = channel.closeInfo!;
    expect([isHeadraceError(error, LASTING_ERRORS.RESUME_GONE), notes.events.at(-1)]).toEqual([
      true,
      error,
    ]);
    expect((error as { details?: unknown }).details).toEqual({ code: 1, unacknowledged: 1 });
    expect(unacknowledged(channel).map(String)).toEqual(['lost']);
  });

  it('is reset when the server had ended its half and has forgotten the rest', async () => {
    world = new LastingWorld(() => ({ channelActive: (ctx) => void ctx.channel.end() }));
    await world.up();
    const channel = await world.connect(new Notes(), { channelOptions: { allowHalfOpen: true } });
    await world.pass(100);
    expect([channel.isInputShutdown, channel.isOpen]).toEqual([true, true]);
    await world.down();
    world.table.close();
    world.table = new ResumeTable();
    text(channel, 'late');
    await world.up();
    await world.pass(1000);
    expect(channel.closeInfo?.reason).toBe('reset');
    expect(unacknowledged(channel).map(String)).toEqual(['late']);
  });

  it('closes a link that does not take its frames, and says why', async () => {
    world = new LastingWorld(echo);
    await world.up();
    let isRefusing = true;
    // As a transport does that takes other messages.
    const refusing: Handler = {
      write(ctx, message) {
        const isFrame = !(message instanceof Uint8Array);
        if (isFrame && isRefusing) throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no such bytes');
        return ctx.write(message);
      },
    };
    const notes = new Notes();
    const channel = await world.connect(notes, {
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger, clock: world.clock })
        .handler((link) =>
          link.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }), { ...refusing }),
        ),
    });
    const losses: string[] = [];
    linksOf(channel).on('loss', ({ kind, error }) => losses.push(`${kind} ${error?.message}`));
    text(channel, 'one');
    await world.pass(10);
    expect(linkOf(channel)).toBeUndefined();
    expect(losses).toEqual(['error no such bytes']);
    isRefusing = false;
    await world.pass(1000);
    expect(notes.all).toEqual(['one']);
    // The link in its place is watched, too.
    isRefusing = true;
    text(channel, 'two');
    await world.pass(10);
    expect(losses).toEqual(Array(2).fill('error no such bytes'));
    isRefusing = false;
    await world.pass(1000);
    expect(notes.all).toEqual(['one', 'two']);
  });

  it('becomes unwritable when the server takes nothing, while its link is read', async () => {
    const held: Channel[] = [];
    world = new LastingWorld(() => ({
      handlerAdded: (ctx) => void held.push(ctx.channel),
      channelActive: (ctx) => void ctx.channel.holdReads('test'),
      channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes),
    }));
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes, {
      creditBytes: 8192,
      channelOptions: { outboundStallMs: false },
    });
    for (let i = 0; i < 100; i++) channel.write(Buffer.alloc(1000));
    channel.flush();
    await world.pass(100);
    expect(channel.isWritable).toBe(false);
    expect(world.links[0]!.isReadHeld).toBe(false);
    expect(unacknowledged(channel)).toHaveLength(7);
    await world.pass(60_000);
    expect(channel.isOpen).toBe(true);
  });

  it('closes as a slow consumer where the server takes nothing for too long, but not for being absent', async () => {
    world = new LastingWorld(() => ({
      channelActive: (ctx) => void ctx.channel.holdReads('test'),
    }));
    await world.up();
    const channel = await world.connect(new Notes(), { creditBytes: 8192 });
    await world.down();
    for (let i = 0; i < 20; i++) channel.write(Buffer.alloc(1000)).onSettled(() => {});
    channel.flush();
    await world.pass(40_000);
    expect(channel.isOpen).toBe(true);
    await world.up();
    await world.pass(30_000);
    expect(channel.closeInfo?.reason).toBe('slow-consumer');
  });

  it('moves when the server asks for it, within the spread', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes);
    const before = linkOf(channel);
    world.table.move({ spreadMs: 1000 });
    await world.pass(499);
    expect(notes.events).toEqual([new LinkMoveEvent(1000, undefined)]);
    expect(linkOf(channel)).toBe(before);
    await world.pass(200);
    expect(before!.closeInfo?.reason).toBe('moved');
    expect(isLinked(channel)).toBe(true);
    text(channel, 'still here');
    await world.pass(10);
    expect(notes.all).toEqual(['still here']);
  });

  it('moves only some clients, those with the oldest channels that have a link', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const all = [new Notes(), new Notes(), new Notes()];
    const channels: Channel[] = [];
    for (const notes of all) channels.push(await world.connect(notes));
    world.table.move({ spreadMs: 1000, count: 2 });
    await world.pass(10);
    expect(all.map(({ events }) => events.length)).toEqual([1, 1, 0]);
    await world.pass(1000);
    expect(channels.map(isLinked)).toEqual([true, true, true]);
  });

  it('goes to the places of a MOVE one after the other, each by its own name', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const tried: unknown[] = [];
    const plain = new Bootstrap()
      .options({ logger: silentLogger, clock: world.clock })
      .handler((link) => link.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 })));
    const bootstrap: ReconnectingClientOptions<PortPlace>['bootstrap'] = {
      connect: ({ host, port }, options) => {
        tried.push(`${host}:${port}`);
        // This one is silent.
        if (port === 2) return new Promise(() => {});
        return plain.connect({ network: world.network, name: 'a' }, options);
      },
    };
    const lookup: PortPlace['lookup'] = (_host, _options, done) =>
      done(null, [
        { address: '2001:db8::1', family: 6 },
        { address: '192.0.2.1', family: 4 },
      ]);
    const options = {
      bootstrap,
      addresses: [{ host: 'old.example', port: 1, lookup }],
      raceMs: false,
      connectTimeoutMs: 1000,
    };
    const notes = new Notes();
    const channel = await world.connect(notes, options as never);
    const links = linksOf(channel) as unknown as ReconnectingClient<PortPlace>;
    const states: unknown[] = [];
    links.on('loss', ({ error }) => states.push(error.message));
    links.on('state', (state) => {
      if ('place' in state) states.push(`${state.name} ${state.place?.host}`);
    });
    const places = [
      { host: '192.0.2.2', port: 2 },
      { host: '192.0.2.3', port: 3 },
    ];
    world.table.move({ spreadMs: 0, places });
    await world.pass(1500);
    expect(tried).toEqual(['old.example:1', '192.0.2.2:2', '192.0.2.3:3']);
    expect(states.slice(1)).toEqual([
      'connecting 192.0.2.2',
      'no connection to 192.0.2.2:2 within 1000 ms',
      'connecting 192.0.2.3',
      'readying 192.0.2.3',
      'online 192.0.2.3',
    ]);
    for (const link of world.links) link.abort();
    await world.pass(500);
    expect(tried.slice(3)).toEqual(['old.example:1']);
    expect(isLinked(channel)).toBe(true);
  });

  it('goes to the places of a MOVE with the TLS of the place in use, and to no path after a host', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const tried: unknown[] = [];
    const errors: string[] = [];
    const plain = new Bootstrap()
      .options({ logger: silentLogger, clock: world.clock })
      .handler((link) =>
        link.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }), {
          exceptionCaught: (_ctx: Context, error: Error) => void errors.push(error.message),
        }),
      );
    const options = {
      bootstrap: {
        connect: (place: unknown, signal: object) => {
          tried.push(place);
          return plain.connect({ network: world.network, name: 'a' }, signal);
        },
      },
      addresses: [{ host: 'chat.example', port: 1, tls: { ca: 'x' } }],
    };
    const channel = await world.connect(new Notes(), options as never);
    world.table.move({ spreadMs: 0, places: [{ host: '192.0.2.2', port: 2 }] });
    await world.pass(500);
    const tls = { ca: 'x', servername: 'chat.example' };
    expect(tried[1]).toEqual({ host: '192.0.2.2', port: 2, tls });
    const before = linkOf(channel);
    world.table.move({ spreadMs: 0, places: [{ path: '/run/database.sock' }] });
    await world.pass(500);
    expect(errors).toEqual([
      expect.stringContaining('/run/database.sock after the host 192.0.2.2'),
    ]);
    expect(before?.closeInfo?.reason).toBe('bad-input');
    expect(tried[2]).toEqual({ host: 'chat.example', port: 1, tls: { ca: 'x' } });
    expect(isLinked(channel)).toBe(true);
  });

  it('passes the end of each side on, with everything that was written before', async () => {
    world = new LastingWorld(echo);
    await world.up();
    const channel = await world.connect(new Notes());
    for (let i = 0; i < 100; i++) channel.write(Buffer.from('last'));
    channel.end();
    await world.pass(100);
    expect([channel.closeInfo?.reason, world.channels[0]!.closeInfo?.reason]).toEqual([
      'local',
      'peer',
    ]);
    expect([world.table.size, linksOf(channel).state.name]).toEqual([0, 'closed']);
  });

  it('ends its channels in order when the server drains, after their holds', async () => {
    let release = (): void => {};
    world = new LastingWorld(() => ({
      userEventTriggered: (ctx, event) => {
        if (event instanceof DrainEvent) {
          const hold = event.hold('test');
          event.lastWord(() => void ctx.writeAndFlush(Buffer.from('bye')));
          release = () => hold.release();
        }
        ctx.fireUserEventTriggered(event);
      },
    }));
    await world.up();
    const notes = new Notes();
    const channel = await world.connect(notes);
    const stopping = world.shutdown();
    await world.pass(500);
    expect([channel.isOpen, world.table.size]).toEqual([true, 1]);
    release();
    await world.pass(500);
    await stopping;
    expect([notes.all, channel.closeInfo?.reason]).toEqual([['bye'], 'peer']);
    expect([world.channels[0]!.closeInfo?.reason, world.table.size]).toEqual(['shutdown', 0]);
  });

  it('fails what was written before it was open, if that is longer than the credit that both agree on', async () => {
    world = new LastingWorld(echo, { creditBytes: 4096 });
    await world.up();
    const notes = new (class extends Notes {
      outcome: unknown;
      handlerAdded(ctx: Context): void {
        ctx.writeAndFlush(Buffer.alloc(5000)).onSettled((error) => {
          this.outcome = error;
        });
      }
    })();
    const channel = await world.connect(notes);
    expect(notes.outcome).toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    expect(notes.events).toEqual([notes.outcome]);
    text(channel, 'short');
    await world.pass(10);
    expect(notes.all).toEqual(['short']);
  });

  it('rejects when the client gives up before it was open', async () => {
    world = new LastingWorld(echo);
    const failure = await world
      .connect(new Notes(), { retry: () => undefined })
      .catch((error: unknown) => error);
    expect(isHeadraceError(failure, CLIENT_ERRORS.RECONNECT_GIVEN_UP)).toBe(true);
  });

  it('tries until a server answers, longer than its window', async () => {
    world = new LastingWorld(echo);
    const { clock, network } = world;
    const addresses = [{ network, name: 'a' }];
    const connecting = connectLasting(new Notes(), { clock, addresses, windowMs: 60_000 });
    await world.pass(70_000);
    await world.up();
    await world.pass(200);
    const channel = await connecting;
    expect([channel.isActive, isLinked(channel)]).toEqual([true, true]);
    channel.close();
    await world.pass(10);
  });

  it('tries no more when the signal of the connect aborts', async () => {
    world = new LastingWorld(echo);
    const { clock, network } = world;
    const controller = new AbortController();
    const options = { clock, addresses: [{ network, name: 'a' }], retry: () => 100 };
    const failure = new LastingBootstrap({
      bootstrap: new Bootstrap().options({ clock, logger: silentLogger }).handler(() => {}),
      logger: silentLogger,
      ...options,
    })
      .handler(() => {})
      .connect({ signal: controller.signal })
      .catch((error: unknown) => error);
    await world.pass(1000);
    controller.abort(new Error('the component was removed'));
    expect(await failure).toMatchObject({ message: 'the component was removed' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('refuses invalid options', () => {
    world = new LastingWorld(echo);
    const given = { bootstrap: new Bootstrap(), addresses: [{ port: 1 }] };
    expect(() => new LastingBootstrap({ ...given, windowMs: 0 })).toThrow('windowMs');
    expect(() => new LastingBootstrap({ ...given, creditBytes: 10 })).toThrow('creditBytes');
    expect(() => new LastingBootstrap({ ...given, offline: {} } as never)).toThrow('offline');
    expect(() => new LastingBootstrap({ ...given, windowMS: 1 } as never)).toThrow('windowMS');
  });
});

describe('a lasting channel whose links are cut at random', () => {
  it('brings each message exactly once and in order, both ways', async () => {
    let resumptions = 0;
    for (let i = 0; i < 15; i++) {
      const seed = SEED + i;
      const random = randomFrom(seed);
      const got: number[] = [];
      const numbers = (list: number[]): Handler => ({
        channelRead: (_ctx, bytes) => void list.push((bytes as Buffer).readUInt32BE(0)),
        userEventTriggered: (_ctx, event) => {
          if (event instanceof LinkResumedEvent) resumptions += 1;
        },
      });
      // A frame seldom fits: links die in the middle of them.
      world = new LastingWorld(() => numbers(got), {}, 1 + Math.floor(random() * 60));
      await world.up();
      const back: number[] = [];
      const channel = await world.connect(numbers(back), { retry: () => random() * 20 });
      const [written, answered] = [[] as number[], [] as number[]];
      for (let step = 0; step < 120; step++) {
        const dice = random();
        if (dice < 0.35) send(channel, written, random);
        else if (dice < 0.7) send(world.channels.at(-1)!, answered, random);
        else if (dice < 0.8) linkOf(channel)?.abort();
        else if (dice < 0.9) world.links[0]?.abort();
        else world.clock.advance(Math.floor(random() * 300));
        await world.settle();
      }
      await world.pass(2000);
      expect(got, `seed ${seed}`).toEqual(written);
      expect(back, `seed ${seed}`).toEqual(answered);
      if (i < 14) await world.end();
    }
    expect(resumptions).toBeGreaterThan(200);
  });
});

function send(channel: Channel, list: number[], random: () => number): void {
  const bytes = Buffer.alloc(4 + Math.floor(random() * 200));
  bytes.writeUInt32BE(list.length);
  list.push(list.length);
  channel.writeAndFlush(bytes);
}
