import { type GroupPosition, LiveState } from '@headrace/client';
import { Cluster } from '@headrace/cluster';
import { type Channel, handler, type Server, ServerBootstrap } from '@headrace/core';
import { type StateGroup, type StateMessage, stateGroup } from '@headrace/durable';
import { HttpEndpoint, WebSocketBootstrap, WebSocketJsonCodec } from '@headrace/websocket';
import { afterEach, beforeEach, expect, it } from 'vitest';

type Hello = { readonly since?: GroupPosition };
type Message = StateMessage<number>;

const KEYS = 500;

let cluster: Cluster;
let prices: StateGroup<number>;
let server: Server;
let live: LiveState<number>;
/** Each change: its key, and the position of the state. */
let changes: string[];

beforeEach(async () => {
  cluster = await Cluster.join({ app: 'live' });
  prices = stateGroup<number>(cluster, 'prices');
  for (let i = 0; i < KEYS; i++) await prices.set(`k${i}`, 1);
  const member = handler<{ reads: Hello; passesOn: never; writes: Message }>({
    sharable: true,
    async channelRead({ channel }, { since }) {
      await prices.join(channel, since).catch(() => {});
    },
  });
  const endpoint = new HttpEndpoint({
    webSocket: ({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec<Hello, Message>(), member),
  });
  server = await new ServerBootstrap()
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  live = new LiveState<number>('prices');
  changes = [];
  live.on('change', ({ type, key }) => {
    const { epoch, offset } = live.position!;
    changes.push(`${type} ${key} of ${epoch} at ${offset}`);
  });
});
afterEach(async () => {
  await server.shutdown();
  await cluster.leave();
});

/** Connects, and calls a function with each message that the state took. */
async function connect(took: (channel: Channel) => void = () => {}): Promise<Channel> {
  const channel: Channel = await new WebSocketBootstrap()
    .handler(({ pipeline }) =>
      pipeline.addLast(
        new WebSocketJsonCodec<Message>(),
        handler<{ reads: Message; passesOn: never }>({
          channelRead(ctx, message) {
            live.take(message);
            took(ctx.channel);
          },
        }),
      ),
    )
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  channel.onClosed(() => live.disconnected());
  void channel.writeAndFlush({ since: live.begin() });
  return channel;
}

const isReady = () =>
  new Promise<void>((resolve) => {
    live.on('status', (status) => {
      if (status === 'ready') resolve();
    });
  });

it('gets the rest of the state on the next WebSocket after a loss in the middle', async () => {
  const lost = await connect((channel) => {
    if (live.size === 50) channel.abort();
  });
  await lost.closed;
  const { size, position, status } = live;
  expect([size < KEYS, status, position?.offset]).toEqual([true, 'loading', size]);
  await prices.set('k0', 2);
  await prices.delete('k1');
  await prices.delete(`k${KEYS - 1}`);
  const ready = isReady();
  const next = await connect();
  await ready;
  const values = [...(await prices.entries())].map(([key, { value }]) => [key, value]);
  expect([...live].sort()).toEqual(values.sort());
  expect(new Set(changes).size).toBe(changes.length);
  // Each key once but for the last, which was deleted meanwhile, and the changes of two keys that it had.
  expect(changes.length).toBe(KEYS - 1 + 2);
  await next.close();
  expect(live.status).toBe('stale');
});
