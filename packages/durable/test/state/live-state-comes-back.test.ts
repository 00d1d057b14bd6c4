import { fixed, type GroupPosition, LiveState, ReconnectingClient } from '@headrace/client';
import { JsonCodec, jsonLines, lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Handler,
  handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import {
  type StateGroup,
  type StateGroupOptions,
  type StateMessage,
  stateGroup,
} from '@headrace/durable';
import { LastingBootstrap, linksOf, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';

type Hello = { readonly since?: GroupPosition };
type Message = StateMessage<string>;

const KEYS = 20;

let nodes: VirtualNodes;
let network: MemoryNetwork;
let server: Server;
let prices: StateGroup<string>;
let live: LiveState<string>;
/** Each change: its key, and the position of the state. */
let changes: string[];
/** What the listener found wrong. */
let faults: unknown[];
/** The map that the changes give. */
let shadow: Map<string, string>;
/** Called with the number of each message that the client got. */
let onMessage: (count: number, channel: Channel) => void;
let received: Message[];

/** Passes what the client gets to the state. */
const takes = (): Handler =>
  handler<{ reads: Message; passesOn: never }>({
    channelRead({ channel }, message) {
      received.push(message);
      live.take(message);
      onMessage(received.length, channel);
    },
  });

/** A member of the group for each connection that says hello. */
function joins(group: StateGroup<string>): Handler {
  return handler<{ reads: Hello; passesOn: never; writes: Message }>({
    sharable: true,
    async channelRead({ channel }, { since }) {
      // A client that is lost in the middle of the state is not an error.
      await group.join(channel, since).catch(() => {});
    },
  });
}

/** One more node with the group. */
async function group(options: StateGroupOptions<string> = {}): Promise<StateGroup<string>> {
  return stateGroup<string>(await nodes.join(), 'prices', options);
}

/** Clients get to this node. */
async function serve(childHandler: (channel: Channel) => void): Promise<void> {
  const { clock, logger } = nodes;
  const binding = new ServerBootstrap()
    .options({ clock, logger })
    .childOptions({ clock, logger })
    .childHandler(childHandler)
    .bind({ network, name: 'place' });
  await nodes.pass(20);
  server = await binding;
}

/** The links break, and clients get to no node. */
async function cut(): Promise<void> {
  for (const channel of server.connections) channel.abort();
  server.channel.close();
  await nodes.pass(20);
}

async function setAll(round: number, count = KEYS): Promise<void> {
  for (let i = 0; i < count; i++) void prices.set(`k${i}`, `${round}`);
  await nodes.pass(20);
}

async function expectSame(): Promise<void> {
  expect(faults).toEqual([]);
  expect(live.status).toBe('ready');
  const entries = await prices.entries();
  const own = [...live].sort();
  expect(own).toEqual([...entries].map(([key, { value }]) => [key, value]).sort());
  expect([...shadow].sort()).toEqual(own);
  expect(new Set(changes).size).toBe(changes.length);
}

beforeEach(async () => {
  nodes = new VirtualNodes();
  network = new MemoryNetwork();
  faults = [];
  live = new LiveState<string>('prices', {
    logger: { log: (_level, _message, error) => void faults.push(error) },
  });
  changes = [];
  shadow = new Map();
  received = [];
  onMessage = () => {};
  live.on('change', ({ type, key, value, previous }) => {
    expect(previous).toBe(shadow.get(key));
    if (type === 'set') shadow.set(key, value);
    else shadow.delete(key);
    const { epoch, offset } = live.position!;
    changes.push(`${type} ${key} of ${epoch} at ${offset}`);
  });
  prices = await group({ removals: 5 });
});

describe('a LiveState over a ReconnectingClient', () => {
  let client: ReconnectingClient<MemoryTarget, Channel>;
  const member = (from: StateGroup<string>) => {
    return serve(({ pipeline }) => void pipeline.addLast(...jsonLines(), joins(from)));
  };

  beforeEach(() => {
    const { clock, logger } = nodes;
    client = new ReconnectingClient<MemoryTarget, Channel>({
      bootstrap: new Bootstrap()
        .options({ clock, logger })
        .handler(({ pipeline }) => pipeline.addLast(...jsonLines(), takes())),
      addresses: [{ network, name: 'place' }],
      ready: (channel) => channel.writeAndFlush({ since: live.begin() }),
      retry: fixed(100),
      clock,
      logger,
    });
    client.on('loss', () => live.disconnected());
  });
  afterEach(async () => {
    void client.close();
    await cut();
  });

  it('gets the rest of the state on another node after a loss in the middle', async () => {
    await setAll(1);
    await member(prices);
    onMessage = (count, channel) => {
      if (count === 8) channel.abort();
    };
    void client.start();
    while (received.length < 8) await nodes.pass(10);
    expect([live.size < KEYS, live.status]).toEqual([true, 'loading']);
    expect(live.position?.offset).toBe(live.size);
    await cut();
    const before = changes.length;
    await setAll(2, 3);
    await prices.delete('k5');
    await prices.delete('k19');
    await member(await group({ removals: 5 }));
    await nodes.pass(300);
    await expectSame();
    expect(received.filter(({ type }) => type === 'begin')).toMatchObject([
      { recovered: false },
      { recovered: true },
    ]);
    // The rest without the key that it never had, the three new values, and the deletion of a key that it had.
    expect(changes.length - before).toBe(KEYS - before - 1 + 3 + 1);
  });

  it('has what it had while the whole state comes again', async () => {
    await setAll(1);
    await member(prices);
    void client.start();
    await nodes.pass(200);
    await expectSame();
    await cut();
    expect(live.status).toBe('stale');
    // More removals than are remembered: the state comes again, and only tells by what is not in it.
    for (let i = 0; i < 10; i++) await prices.delete(`k${i}`);
    await prices.set('k10', '2');
    changes.length = 0;
    const sizes = new Set<number>();
    onMessage = (_count, channel) => {
      sizes.add(live.size);
      if (received.length === KEYS + 8) channel.abort();
    };
    await member(await group({ removals: 5 }));
    await nodes.pass(500);
    await expectSame();
    expect(changes.map((change) => change.split(' ')[0])).toEqual([
      'set',
      ...Array.from({ length: 10 }, () => 'reset'),
    ]);
    expect([...sizes]).toEqual([KEYS, 10]);
  });

  it('gets a message that it refused again, although the rest of the connection still arrives', async () => {
    await setAll(1);
    await member(prices);
    let isBroken = true;
    const { take } = live;
    live.take = (message) => {
      const isThis = isBroken && message.type === 'set' && message.key === 'k5';
      isBroken &&= !isThis;
      return take.call(live, isThis ? ({ ...message, version: -1 } as Message) : message);
    };
    void client.start();
    await nodes.pass(500);
    await expectSame();
    expect(received.filter(({ type }) => type === 'begin').length).toBe(2);
  });

  it('gets each change once while it comes and goes', async () => {
    await member(prices);
    onMessage = (count, channel) => {
      if (count % 7 === 0) channel.abort();
    };
    void client.start();
    for (let round = 1; round <= 30; round++) {
      void prices.set(`k${round % 5}`, `${round}`);
      if (round % 4 === 0) void prices.delete(`k${(round + 2) % 5}`);
      await nodes.pass(70);
    }
    onMessage = () => {};
    await nodes.pass(500);
    await expectSame();
    expect(received.filter(({ type }) => type === 'begin').length).toBeGreaterThan(3);
  });
});

describe('a LiveState with maxKeys', () => {
  let client: ReconnectingClient<MemoryTarget, Channel>;

  /** A client whose state may have so many keys, and what its log has. */
  async function look(maxKeys: number): Promise<string[]> {
    live = new LiveState<string>('prices', { maxKeys });
    const lines: string[] = [];
    const { clock } = nodes;
    const log = (level: string, line: string, error?: Error): void => {
      if (level !== 'debug') lines.push(`${level}: ${error?.message ?? line}`);
    };
    await serve(({ pipeline }) => void pipeline.addLast(...jsonLines(), joins(prices)));
    client = new ReconnectingClient<MemoryTarget, Channel>({
      bootstrap: new Bootstrap()
        .options({ clock, logger: { log } })
        .handler(({ pipeline }) => pipeline.addLast(...jsonLines(), takes())),
      addresses: [{ network, name: 'place' }],
      ready: (channel) => channel.writeAndFlush({ since: live.begin() }),
      retry: fixed(100),
      clock,
      logger: { log },
    });
    client.on('loss', () => live.disconnected());
    void client.start();
    await nodes.pass(200);
    return lines;
  }
  afterEach(async () => {
    void client.close();
    await cut();
  });

  it('gives up at the first state that can never fit, and says why in one line', async () => {
    await setAll(1, 5);
    const lines = await look(2);
    await nodes.pass(5000);
    expect(client.state).toMatchObject({
      name: 'closed',
      reason: 'given-up',
      error: {
        code: 'HR_ERR_RECONNECT_GIVEN_UP',
        cause: { code: 'HR_ERR_OPTION_INVALID', details: { option: 'maxKeys', group: 'prices' } },
      },
    });
    expect(received.filter(({ type }) => type === 'begin')).toHaveLength(1);
    expect(lines).toEqual([
      expect.stringMatching(/^warn: the state group prices has more than twice maxKeys/),
    ]);
    expect(live.status).toBe('loading');
  });

  it('comes back to a full group whose keys were exchanged meanwhile', async () => {
    prices = await group({ maxKeys: 2 });
    await setAll(1, 2);
    const lines = await look(2);
    expect(live.status).toBe('ready');
    await cut();
    await prices.delete('k0');
    await prices.set('k2', '2');
    await prices.delete('k1');
    await prices.set('k0', '2');
    await serve(({ pipeline }) => void pipeline.addLast(...jsonLines(), joins(prices)));
    await nodes.pass(300);
    expect([live.status, [...live].sort()]).toEqual([
      'ready',
      [
        ['k0', '2'],
        ['k2', '2'],
      ],
    ]);
    expect(received.filter(({ type }) => type === 'begin').at(-1)).toMatchObject({
      recovered: true,
    });
    expect(lines).toEqual([]);
  });
});

describe('a LiveState over a lasting channel', () => {
  let table: ResumeTable;
  let channel: Channel;
  const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });

  async function start(windowMs: number): Promise<void> {
    table = new ResumeTable({ windowMs });
    const childHandler = ({ pipeline }: Channel): void => {
      pipeline.addLast(new JsonCodec(), joins(prices));
    };
    await serve(({ pipeline }) => {
      pipeline.addLast(...framing());
      pipeline.addLast(new ResumeHandler({ table, childHandler }));
    });
    channel = await connect();
  }

  async function connect(): Promise<Channel> {
    const { clock, logger } = nodes;
    const connecting = new LastingBootstrap<MemoryTarget>({
      bootstrap: new Bootstrap()
        .options({ clock, logger })
        .handler((link) => link.pipeline.addLast(...framing())),
      addresses: [{ network, name: 'place' }],
      retry: fixed(100),
      clock,
      logger,
    })
      .handler(({ pipeline }) => void pipeline.addLast(new JsonCodec(), takes()))
      .connect();
    await nodes.pass(200);
    const connected = await connecting;
    void connected.writeAndFlush({ since: live.begin() });
    return connected;
  }

  afterEach(async () => {
    channel.close();
    await nodes.pass(200);
    await cut();
    table.close();
    await nodes.pass(5000);
  });

  it('sees nothing of a link that is lost in the middle of the state', async () => {
    await setAll(1);
    await start(60_000);
    onMessage = (count) => {
      if (count === 8) linksOf(channel).channel?.abort();
    };
    await nodes.pass(20);
    await setAll(2);
    await nodes.pass(500);
    await expectSame();
    expect(received.filter(({ type }) => type === 'begin').length).toBe(1);
  });

  it('continues on a new channel when the old one is lost', async () => {
    await setAll(1);
    await start(1000);
    await nodes.pass(200);
    await expectSame();
    channel.abort();
    await nodes.pass(2000);
    await setAll(2, 3);
    changes.length = 0;
    channel = await connect();
    await nodes.pass(200);
    await expectSame();
    expect(changes.length).toBe(3);
  });
});
