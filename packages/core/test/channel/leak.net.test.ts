import { Bootstrap, type Channel, ServerBootstrap, silentLogger } from '@headrace/core';
import { expect, it } from 'vitest';

const ROUNDS = 10;
const PER_ROUND = 50;
const collect = (globalThis as { gc?: () => void }).gc!;
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('real connections leave no channel open on either side, however they end', async () => {
  const refs: WeakRef<object>[] = [];
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => {
      refs.push(new WeakRef(channel));
      channel.pipeline.addLast({
        channelRead: (ctx, bytes: Buffer) => void ctx.writeAndFlush(bytes),
      });
    })
    .bind({ port: 0, host: '127.0.0.1' });
  const client = new Bootstrap().options({ logger: silentLogger }).handler((channel) => {
    refs.push(new WeakRef(channel));
  });
  const ends: ((channel: Channel) => unknown)[] = [
    (channel) => channel.close(),
    (channel) => channel.abort(),
    (channel) => channel.end(),
  ];
  const one = async (index: number): Promise<void> => {
    const channel = (await client.connect({ port: server.port, host: '127.0.0.1' })) as Channel;
    await channel.writeAndFlush(Buffer.alloc(1000));
    ends[index % ends.length]!(channel);
    await channel.closed;
  };
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(Array.from({ length: PER_ROUND }, (_, index) => one(index)));
  }
  while (!server.connections.isEmpty) await turn();
  expect(refs).toHaveLength(2 * ROUNDS * PER_ROUND);
  const alive = (): number => refs.filter((ref) => ref.deref() !== undefined).length;
  // Node lets go of handles some turns after their close.
  for (let i = 0; i < 20 && alive() > 10; i++) {
    await turn();
    collect();
  }
  expect(alive()).toBeLessThanOrEqual(10);
  await server.close();
});
