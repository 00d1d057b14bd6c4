// Pipelines: framing, sign-in, heartbeat, and the test kit.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { LineFrameDecoder, lengthPrefixed, StringCodec } from '@headrace/codec';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { AuthHandler, EchoHandler, HeartbeatHandler } from '@headrace/handlers';
import { closeOf, dial, serve, take } from './peers.mjs';

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
