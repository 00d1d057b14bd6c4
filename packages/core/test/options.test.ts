import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exponential, PendingWriteQueue, RetryBudget } from '../src/authoring.ts';
import {
  Bootstrap,
  ChannelGroup,
  channelStreams,
  connectChannel,
  DuplexHandler,
  initializer,
  MemoryNetwork,
  MemoryTransport,
  openChannel,
  pipeline,
  ServerBootstrap,
  StreamTransport,
  sequential,
  silentLogger,
  stderrLogger,
  TlsClientContext,
  TlsServerContext,
  upgradeToTls,
} from '../src/index.ts';
import {
  connectedPair,
  EmbeddedChannel,
  recordEvents,
  scriptedPeer,
  VirtualClock,
  verifyDecoder,
} from '../src/testing/index.ts';
import { duplexPair } from './fixture/duplex-pair.ts';

const WRONG = { unknownOption: 1 } as never;
const initialize = () => {};
const server = () => new ServerBootstrap().childHandler(initialize);
const client = () => new Bootstrap().handler(initialize);
const shutdown = async (): Promise<void> => {
  const network = new MemoryNetwork();
  const bound = await server().childOptions({ logger: silentLogger }).bind({ network, name: 'a' });
  await bound.shutdown(WRONG).finally(() => bound.close());
};

/** What takes options, by the name of their type; a new exported type that ends in `Options` belongs here. */
const TAKERS: Readonly<Record<string, () => unknown>> = {
  BindOptions: () => server().bind(WRONG),
  ChannelGroupOptions: () => new ChannelGroup('members', WRONG),
  ChannelHooks: () => openChannel(MemoryTransport.pair()[0], { hooks: WRONG }),
  ChannelOptions: () => openChannel(MemoryTransport.pair()[0], WRONG),
  ChannelStreamsOptions: () => channelStreams(new EmbeddedChannel(), WRONG),
  ChildOptions: () => server().childOptions(WRONG),
  ClientOptions: () => client().options(WRONG),
  ConnectChannelOptions: () => connectChannel(MemoryTransport.pair()[0], WRONG),
  ConnectOptions: () => client().connect({ port: 1 }, WRONG),
  ConnectPlace: () => client().connect(WRONG),
  ConnectedPairOptions: () => connectedPair(WRONG),
  EmbeddedChannelOptions: () => EmbeddedChannel.with(WRONG),
  EndOptions: () => new EmbeddedChannel().end(WRONG),
  ExponentialOptions: () => exponential(WRONG),
  MemoryNetworkOptions: () => new MemoryNetwork(WRONG),
  MemoryTransportOptions: () => MemoryTransport.pair(WRONG),
  OpenChannelOptions: () => openChannel(MemoryTransport.pair()[0], WRONG),
  PendingWriteQueueOptions: () => new PendingWriteQueue({} as never, WRONG),
  RecordEventsOptions: () => recordEvents(WRONG),
  RetryBudgetOptions: () => new RetryBudget(WRONG),
  ScriptedPeerOptions: () => scriptedPeer(new EmbeddedChannel(), WRONG),
  ServerOptions: () => server().options(WRONG),
  ShutdownOptions: shutdown,
  StreamTransportOptions: () => new StreamTransport(duplexPair()[0], WRONG),
  TlsClientOptions: () => new TlsClientContext(WRONG),
  TlsServerOptions: () => new TlsServerContext(WRONG),
  WriteOptions: () => new EmbeddedChannel().write('x', WRONG),
  UpgradeToTlsOptions: () => upgradeToTls(new EmbeddedChannel(), {} as never, WRONG),
  VirtualClockOptions: () => new VirtualClock(WRONG),
  VerifyDecoderOptions: () => verifyDecoder([], () => ({}), WRONG),
};
/** Parts of the types above. */
const PARTS = [
  'SocketOptions',
  'ConnectSocketOptions',
  'NetworkSocketOptions',
  'SlowMemberOptions',
];

describe('options', () => {
  for (const [type, take] of Object.entries(TAKERS)) {
    it(`${type}: an unknown name is refused`, async () => {
      const attempt = async () => take();
      await expect(attempt()).rejects.toMatchObject({ name: 'OptionError' });
      await expect(attempt()).rejects.toThrow(/has no option unknownOption \(1\)/);
    });
  }

  it('every exported type of options is checked above', () => {
    const lists = ['index.ts', 'testing/index.ts', 'authoring.ts'].map((name) =>
      readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8'),
    );
    const exported = lists.join().match(/\w+Options\b/g) ?? [];
    const known = [...Object.keys(TAKERS), ...PARTS, 'describeOptions'];
    expect(exported.length).toBeGreaterThan(10);
    expect(exported.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('a wrong value of a choice is named, with what is allowed', () => {
    expect(() => new ChannelGroup('members', { slowMember: 'drop' as never })).toThrow(
      "slowMember is \"drop\", but must be 'close', 'drop-newest', 'drop-oldest' or 'coalesce'",
    );
  });
});

class EchoHandler {
  readonly sharable = true;
}

it('a logger has one of four levels', () => {
  expect(() => stderrLogger('warning' as never)).toThrow(
    "level is \"warning\", but must be 'debug', 'info', 'warn' or 'error'",
  );
});

describe('what builds a pipeline', () => {
  const cases: readonly [given: string, value: unknown, text: string][] = [
    [
      'a class',
      EchoHandler,
      'but got the class EchoHandler: .childHandler((channel) => channel.pipeline.addLast(new EchoHandler(…)))',
    ],
    ['a handler', new EchoHandler(), 'but got EchoHandler: .childHandler('],
    [
      'a list of handlers',
      [new EchoHandler()],
      'but got an array: .childHandler((channel) => channel.pipeline.addLast(...handlers))',
    ],
    ['a literal', {}, 'but got an object: '],
    ['nothing', undefined, 'but got undefined: '],
  ];
  for (const [given, value, text] of cases) {
    it(`is a function, not ${given}`, () => {
      expect(() => new ServerBootstrap().childHandler(value as never)).toThrow(text);
      expect(() => new Bootstrap().handler(value as never)).toThrow(/but got/);
    });
  }

  it('a template takes no class and no list', () => {
    expect(() => pipeline().add(EchoHandler as never)).toThrow(
      'but got the class EchoHandler: .add(() => new EchoHandler(…))',
    );
    expect(() => pipeline().add([new EchoHandler()] as never)).toThrow('.add(...handlers)');
    expect(() => pipeline().add(undefined as never)).toThrow('but got undefined');
  });

  it('a channel over a transport takes a function, too', () => {
    const [transport] = MemoryTransport.pair();
    const text = 'but got the class EchoHandler';
    expect(() => openChannel(transport, { initialize: EchoHandler as never })).toThrow(text);
    expect(() => initializer(EchoHandler as never)).toThrow(text);
  });

  it('sequential takes a handler', () => {
    expect(() => sequential(EchoHandler as never)).toThrow('sequential(new EchoHandler(…))');
    expect(() => sequential(undefined as never)).toThrow('undefined is not a handler');
  });

  it('a DuplexHandler takes a function', () => {
    expect(() => new DuplexHandler(undefined as never)).toThrow('DuplexHandler takes a function');
  });
});
