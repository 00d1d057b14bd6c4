import { fixed, type GroupPosition, LastPosition, ReconnectingClient } from '@headrace/client';
import { jsonLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { type DurableGroup, durableGroup, type JoinOutcome } from '@headrace/durable';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';

type Hello = { readonly since?: GroupPosition };
type Said =
  | { readonly joined: { readonly recovered: boolean; readonly position: GroupPosition } }
  | { readonly at: GroupPosition; readonly text: string };

let nodes: VirtualNodes;
let network: MemoryNetwork;
let server: Server;
let room: DurableGroup<string>;
let last: LastPosition;
let client: ReconnectingClient<MemoryTarget, Channel>;
let shown: string[];

/** One more node; clients get to this one. */
async function serve(messages = 10_000): Promise<void> {
  const cluster = await nodes.join();
  room = durableGroup<string>(cluster, 'room', {
    messages,
    recent: 0,
    format: (text, at): Said => ({ at, text }),
  });
  const { clock, logger } = nodes;
  const group = room;
  const member = handler<{ reads: Hello; passesOn: never; writes: Said }>({
    sharable: true,
    async channelRead({ channel }, { since }) {
      const answer = ({ recovered, position }: JoinOutcome): Said => ({
        joined: { recovered, position },
      });
      await group.history.join(channel, since, { answer });
    },
  });
  const binding = new ServerBootstrap()
    .options({ clock, logger })
    .childOptions({ clock, logger })
    .childHandler(({ pipeline }) => pipeline.addLast(...jsonLines(), member))
    .bind({ network, name: 'place' });
  await nodes.pass(20);
  server = await binding;
}

/** Clients get to no node. */
async function cut(): Promise<void> {
  for (const channel of server.connections) channel.abort();
  server.channel.close();
  await nodes.pass(20);
}

async function say(...texts: string[]): Promise<void> {
  for (const text of texts) room.write(text);
  await nodes.pass(20);
}

beforeEach(async () => {
  nodes = new VirtualNodes();
  network = new MemoryNetwork();
  last = new LastPosition();
  shown = [];
  const { clock, logger } = nodes;
  const show = handler<{ reads: Said; passesOn: never }>({
    sharable: true,
    channelRead(_ctx, message) {
      const news = 'joined' in message ? last.joined(message.joined) : last.take(message.at);
      if (news === 'gap') shown.push('(gap)');
      if ('text' in message && news !== 'known') shown.push(message.text);
    },
  });
  client = new ReconnectingClient<MemoryTarget, Channel>({
    bootstrap: new Bootstrap()
      .options({ clock, logger })
      .handler(({ pipeline }) => pipeline.addLast(...jsonLines(), show)),
    addresses: [{ network, name: 'place' }],
    ready: (channel) => channel.writeAndFlush({ since: last.begin() }),
    retry: fixed(100),
    clock,
    logger,
  });
  await serve();
  void client.start();
  await nodes.pass(200);
});
afterEach(async () => {
  void client.close();
  await cut();
});

it('hears on another node what was said while it was away, each once', async () => {
  await say('one', 'two');
  await cut();
  await say('three', 'four');
  await serve();
  await say('five');
  await nodes.pass(500);
  await say('six');
  expect(shown).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
});

it('misses nothing when it was away before it had heard anything', async () => {
  await cut();
  await say('one');
  await serve();
  await nodes.pass(500);
  expect(shown).toEqual(['one']);
});

it('learns that messages are gone for good', async () => {
  await say('one');
  await cut();
  await serve(2);
  await cut();
  await say('two', 'three', 'four', 'five');
  await serve(2);
  await nodes.pass(500);
  await say('six');
  expect(shown).toEqual(['one', '(gap)', 'six']);
});
