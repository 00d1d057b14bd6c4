// Pipelines: framing, sign-in, heartbeat, and the test kit.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { LineFrameDecoder, lengthPrefixed, StringCodec, textLines } from '@headrace/codec';
import { Bootstrap, ChannelGroup, MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { AuthHandler, EchoHandler, HeartbeatHandler } from '@headrace/handlers';
import { closeOf, dial, pause, serve, take } from './peers.mjs';

const members = () => [
  ...lengthPrefixed({ maxFrameLength: 4096 }),
  new StringCodec(),
  new HeartbeatHandler(),
  new AuthHandler({
    isCredentials: (text) => text.startsWith('AUTH:'),
    authenticate: async (text) =>
      text === 'AUTH:ann' ? { principal: { id: 'ann' } } : { refused: 'unknown' },
    replies: { accepted: () => 'AUTH_OK', unauthenticated: () => 'ERR:UNAUTH' },
  }),
  new EchoHandler({ reply: (text) => `ECHO:${text}` }),
];
const plain = () => [...lengthPrefixed({ maxFrameLength: 4096 }), new StringCodec()];

export const codecTrials = {
  async 'framed text with sign-in and heartbeat'() {
    const server = await serve(members);
    const client = await dial(server, plain);
    for (const text of ['AUTH:ann', 'hello', 'PING']) client.writeAndFlush(text);
    deepEqual((await take(client, 3)).sort(), ['AUTH_OK', 'ECHO:hello', 'PONG']);
    const stranger = await dial(server, plain);
    stranger.writeAndFlush('hello');
    deepEqual(await take(stranger, 1), ['ERR:UNAUTH']);
    equal(await closeOf(stranger), 'peer by peer');
    await server.close();
  },

  async 'a peer that misses heartbeats is closed'() {
    const server = await serve(() => [
      ...plain(),
      new HeartbeatHandler({ intervalMs: 50, timeoutMs: 50, maxMissed: 2 }),
    ]);
    const client = await dial(server, plain);
    deepEqual(await take(client, 1), ['PING']);
    equal(await closeOf(client), 'peer by peer');
    await server.close();
  },

  async 'a broadcast reaches every member'() {
    const group = new ChannelGroup('all');
    const joins = { sharable: true, channelActive: (ctx) => void group.add(ctx.channel) };
    const server = await serve(() => [...textLines({ maxLength: 80 }), joins]);
    const lines = () => textLines({ maxLength: 80 });
    const clients = await Promise.all([1, 2, 3].map(() => dial(server, lines)));
    const received = Promise.all(clients.map((client) => take(client, 1)));
    while (group.size < 3) await pause(10);
    await group.writeAndFlush('to all');
    deepEqual(await received, [['to all'], ['to all'], ['to all']]);
    await server.close();
  },

  async 'a network in memory'() {
    const network = new MemoryNetwork();
    const server = await new ServerBootstrap()
      .childHandler((channel) => void channel.pipeline.addLast(...plain(), new EchoHandler()))
      .bind({ network, name: 'echo' });
    const client = await new Bootstrap()
      .handler((channel) => void channel.pipeline.addLast(...plain()))
      .connect({ network, name: 'echo' });
    client.writeAndFlush('hello');
    deepEqual(await take(client, 1), ['hello']);
    await server.close();
  },

  async 'the test kit, on virtual time'() {
    const clock = new VirtualClock();
    const channel = EmbeddedChannel.with({ clock }, new LineFrameDecoder({ maxLength: 80 }));
    channel.writeInbound(Buffer.from('hel'), Buffer.from('lo\nwor'));
    equal(String(channel.readInbound()), 'hello');
    let ran = false;
    clock.schedule(() => {
      ran = true;
    }, 60_000);
    clock.advance(60_000);
    ok(ran);
  },
};
