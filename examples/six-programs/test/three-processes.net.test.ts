import { MemoryHub, memoryBus } from '@headrace/bus';
import { jsonLines } from '@headrace/codec';
import { Bootstrap, type Server } from '@headrace/core';
import { afterEach, expect, it } from 'vitest';
import { type FromClient, startNode, type ToClient } from '../src/three-processes.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const NAMES = ['ann', 'bob', 'cora'];
const secrets = new Map(NAMES.map((name) => [name, `secret of ${name}`]));

/** The processes as nodes of this one: their bus is the only difference. */
async function three() {
  const hub = new MemoryHub();
  const nodes = await Promise.all(NAMES.map(() => startNode({ bus: memoryBus({ hub }), secrets })));
  for (const { cluster, server } of nodes) {
    opened.push(() => cluster.leave({ servers: [server], drainTimeoutMs: 1 }));
  }
  return nodes;
}

async function client(server: Server, name: string, secret = secrets.get(name)!) {
  const got: ToClient[] = [];
  const channel = await new Bootstrap()
    .handler(({ pipeline }) =>
      pipeline.addLast(...jsonLines<ToClient, FromClient>(), {
        channelRead: (_ctx, message: ToClient) => void got.push(message),
      }),
    )
    .connect({ host: '127.0.0.1', port: server.port });
  opened.push(async () => channel.abort());
  const say = (message: FromClient) => channel.writeAndFlush(message);
  await say({ name, secret });
  return { channel, got, say };
}

it('has one room and direct messages over all processes, and what a member missed', async () => {
  const nodes = await three();
  const [ann, bob, cora] = await Promise.all(
    NAMES.map((name, i) => client(nodes[i]!.server, name)),
  );
  for (const one of [ann!, bob!, cora!]) {
    await one.say({ join: 'lobby' });
    await expect.poll(() => one.got.at(-1)).toMatchObject({ joined: 'lobby' });
  }
  await ann!.say({ room: 'lobby', text: 'one' });
  for (const one of [ann!, bob!, cora!]) {
    await expect.poll(() => one.got.at(-1)).toMatchObject({ from: 'ann', text: 'one' });
  }
  await ann!.say({ to: 'cora', text: 'psst' });
  await expect.poll(() => cora!.got.at(-1)).toEqual({ from: 'ann', text: 'psst' });
  await expect.poll(() => ann!.got.at(-1)).toEqual({ told: 1 });
  await ann!.say({ to: 'nobody', text: 'psst' });
  await expect.poll(() => ann!.got.at(-1)).toEqual({ told: 0 });

  const { at } = bob!.got.at(-1) as { at: { epoch: string; offset: number } };
  bob!.channel.abort();
  for (const text of ['two', 'three']) await ann!.say({ room: 'lobby', text });
  await expect.poll(() => cora!.got.at(-1)).toMatchObject({ text: 'three' });
  const again = await client(nodes[2]!.server, 'bob');
  await again.say({ join: 'lobby', since: at });
  await expect
    .poll(() => again.got)
    .toMatchObject([
      { welcome: 'bob' },
      { text: 'two' },
      { text: 'three' },
      { joined: 'lobby', recovered: true },
    ]);
});

it('refuses a wrong secret', async () => {
  const [node] = await three();
  const { channel, got } = await client(node!.server, 'ann', 'guess');
  await channel.closed;
  expect(got).toEqual([{ refused: 'wrong name or secret' }]);
});
