import { DatagramDecoder, LineFrameDecoder, StringCodec } from '@headrace/codec';
import {
  type Channel,
  type Context,
  type Handler,
  type Logger,
  type LogLevel,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { type PeerListener, type PerPeerOptions, perPeer } from '@headrace/datagram';
import { AuthHandler, ConnectionLimitHandler, PRINCIPAL } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { FakeNetwork, type FakeSocket } from '../fake-network.ts';

const FORGED = 200;
/** Of each kind of channel, the listening one and those of the strangers. */
const MAX_LINES = 10;
const HOUR_MS = 3_600_000;

class Lines implements Logger {
  readonly all: { readonly level: LogLevel; readonly text: string }[] = [];

  log(level: LogLevel, text: string): void {
    this.all.push({ level, text });
  }

  /** What a log at its usual level gets. */
  get loud(): string[] {
    return this.all
      .filter(({ level }) => level === 'warn' || level === 'error')
      .map(({ text }) => text);
  }
}

interface World {
  readonly server: Server;
  readonly listener: PeerListener;
  readonly socket: FakeSocket;
  readonly clock: VirtualClock;
  readonly lines: Lines;
}

interface Program {
  readonly build: (channel: Channel) => void;
  readonly listening?: Handler;
  readonly options?: Partial<PerPeerOptions>;
}

async function serve({ build, listening, options }: Program): Promise<World> {
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock);
  const listener = perPeer({ port: 9, network, clock, ...options });
  const lines = new Lines();
  const opening = new ServerBootstrap()
    .childOptions({ clock, logger: lines })
    .handler((channel) => void (listening && channel.pipeline.addLast(listening)))
    .childHandler((channel) => build(channel as unknown as Channel))
    .bind({ listener });
  for (let i = 0; i < 8; i++) await Promise.resolve();
  clock.runTasks();
  return { server: await opening, listener, socket: network.socket, clock, lines };
}

function forge({ socket, clock }: World, text = 'forged', count = FORGED): void {
  for (let i = 0; i < count; i++) socket.arrive(`172.16.${i >> 8}.${i & 255}:${7 + i}`, text, text);
  clock.runTasks();
}

const reads = (channelRead: (ctx: Context, text: string) => void) => (channel: Channel) =>
  void channel.pipeline.addLast(new StringCodec(), { channelRead });

const fails = (): never => {
  throw new Error('a bug');
};

const PROGRAMS: Readonly<Record<string, Program>> = {
  'a handler throws': { build: reads(fails) },
  'a datagram is not decoded': {
    build: (channel) =>
      void channel.pipeline.addLast(new DatagramDecoder(() => new LineFrameDecoder())),
  },
  'no handler takes the message': { build: reads((ctx, text) => ctx.fireChannelRead(text)) },
  'an answer is refused, and nobody looks at it': {
    build: reads(
      (ctx) => void ctx.writeAndFlush('an answer that is much longer than everything that came'),
    ),
  },
  'exceptionCaught throws': {
    build: (channel) =>
      void channel.pipeline.addLast({ channelRead: fails, exceptionCaught: fails }),
  },
  'the initializer throws': { build: fails },
  'an authenticator fails': {
    build: (channel) =>
      void channel.pipeline.addLast(new AuthHandler({ authenticate: fails }) as Handler),
  },
  'a handler of the application warns': {
    build: reads((ctx) => ctx.channel.logger.log('warn', 'a strange datagram')),
  },
  'onRefused throws': {
    build: () => {},
    listening: new ConnectionLimitHandler({ total: 10_000, perAddress: 10_000, onRefused: fails }),
    options: { maxPeers: 10_000 },
  },
  'a handler of the listening channel throws': {
    build: () => {},
    listening: { channelRead: fails },
  },
};

/** Faults that a listener warns of once. */
const HAVE_ONE_LINE = ['onRefused throws', 'no handler takes the message'];

describe(`${FORGED} forged senders write ${MAX_LINES} lines, when`, () => {
  it.each(Object.entries(PROGRAMS))('%s', async (name, program) => {
    const world = await serve(program);
    forge(world);
    const { length } = world.lines.loud;
    expect(length).toBeLessThanOrEqual(MAX_LINES);
    if (!HAVE_ONE_LINE.includes(name)) expect(length).toBe(MAX_LINES);
  });
});

it('a listener of the server that throws for each peer writes some lines', async () => {
  const world = await serve({ build: reads(() => {}) });
  world.server.on('connection', fails);
  forge(world);
  expect(world.lines.loud.length).toBe(MAX_LINES);
});

it('what is not written is at level debug, and counted exactly', async () => {
  const world = await serve({ build: reads(fails) });
  forge(world);
  const { lines, listener } = world;
  const quiet = lines.all.filter(
    ({ level, text }) => level === 'debug' && text.includes('no handler caught'),
  );
  // Of each of the two datagrams of a peer the second one is at level debug anyway.
  expect(quiet.length).toBe(2 * FORGED - MAX_LINES);
  expect([listener.lowered, listener.counters.unhandled]).toEqual([FORGED - MAX_LINES, 2 * FORGED]);
});

it('an hour later the log has the count, and strangers may write some lines again', async () => {
  const world = await serve({ build: reads(fails), options: { idleMs: 1000 } });
  forge(world);
  world.clock.advance(HOUR_MS);
  forge(world);
  expect(world.lines.loud.length).toBe(2 * MAX_LINES + 1);
  expect(world.lines.loud[MAX_LINES]).toContain(`${FORGED - MAX_LINES} lines of strangers`);
});

it('a peer that has signed in is reported as ever, whatever strangers have written', async () => {
  const world = await serve({
    build: reads((ctx, text) => {
      if (text === 'forged') fails();
      if (text === 'login') ctx.channel.attributes.set(PRINCIPAL, { id: 1 });
      if (text === 'fail') throw new Error('of a known peer');
    }),
  });
  for (let i = 0; i < 30; i++) world.socket.arrive(`10.0.0.${i}`, 'login');
  forge(world);
  for (let i = 0; i < 30; i++) world.socket.arrive(`10.0.0.${i}`, 'fail');
  expect(world.lines.loud.length).toBe(MAX_LINES + 30);
});

it('lines below a warning are not limited', async () => {
  const world = await serve({ build: reads((ctx) => ctx.channel.logger.log('info', 'a message')) });
  forge(world);
  expect(world.lines.all.filter(({ level }) => level === 'info').length).toBe(2 * FORGED);
});

describe('a limit of connections before the places of a listener', () => {
  const limited = (total: number, perAddress: number, options: Partial<PerPeerOptions>) =>
    serve({
      build: reads(() => {}),
      listening: new ConnectionLimitHandler({ total, perAddress }),
      options,
    });
  const isServed = ({ server, socket, listener }: World, device: string): boolean => {
    for (let i = 0; i < 20; i++) socket.arrive(`10.0.0.2:${i + 1}`, 'forged');
    socket.arrive(device, 'hi');
    expect(server.connections.size).toBe(listener.size);
    return [...server.connections].some((channel) => String(channel).includes(`R:${device}`));
  };

  it.each([
    ['total', 5, 100, '10.0.0.3:7'],
    ['perAddress', 100, 5, '10.0.0.2:77'],
  ])(
    'lets forged senders lock devices out by its %s, and warns of that at the bind',
    async (_name, total, perAddress, device) => {
      const world = await limited(total, perAddress, { maxPeers: 10 });
      expect(world.lines.loud).toEqual([
        expect.stringContaining(
          `total ${total} and perAddress ${perAddress}) refuses newcomers before its listener gives them the places of strangers`,
        ),
      ]);
      expect(isServed(world, device)).toBe(false);
    },
  );

  it.each(['10.0.0.3:7', '10.0.0.2:77'])(
    'does not matter with as many places, to %s',
    async (device) => {
      const world = await limited(10, 10, { maxPeers: 10 });
      expect(world.lines.loud).toEqual([]);
      expect(isServed(world, device)).toBe(true);
    },
  );
});
