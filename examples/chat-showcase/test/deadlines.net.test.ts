import { once } from 'node:events';
import { connect } from 'node:net';
import type { Channel, Context } from '@headrace/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SocketClock } from '../../../packages/core/test/fixture/socket-clock.ts';
import { type ChatPeer, FRAMINGS } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

const AUTH_MS = 300;
const IDLE_MS = 600;
const clock = new SocketClock();
let running: RunningChat;

beforeAll(async () => {
  const settings = { authSeconds: AUTH_MS / 1000, readerIdleSeconds: IDLE_MS / 1000 };
  running = await RunningChat.start(settings, clock);
});

afterEach(() => running.hangUp());
afterAll(() => running.stop());

/** Time passes while the peer says PING every 50 ms; each is answered before the next. */
async function pinging(peer: ChatPeer, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(Math.min(50, ms - passed));
    peer.send('PING');
    expect(await peer.next()).toBe('PONG');
  }
}

/** The server's end of the only connection. */
async function accepted(): Promise<Channel> {
  const { connections } = running.chat.server;
  await expect.poll(() => connections.size, { interval: 1 }).toBe(1);
  return [...connections][0]!;
}

/** Counts the bytes that come in from now on. */
function countRead(channel: Channel): () => number {
  let count = 0;
  channel.pipeline.addFirst({
    channelRead(ctx: Context, bytes: Buffer) {
      count += bytes.length;
      ctx.fireChannelRead(bytes);
    },
  });
  return () => count;
}

/** Sends bytes, and then is silent until the deadline; resolves with what was heard. */
async function silentAfter(first: string): Promise<string> {
  let heard = '';
  const socket = connect({ port: running.port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.on('data', (bytes) => {
    heard += bytes;
  });
  const closed = once(socket, 'close');
  const count = countRead(await accepted());
  socket.write(first);
  await expect.poll(count, { interval: 1 }).toBe(first.length);
  clock.advance(AUTH_MS - 1);
  expect(running.chat.server.connections.size).toBe(1);
  // The way of who has not shown one is chosen at the deadline, and has the least time that there is.
  clock.advance(2);
  await closed;
  return heard;
}

describe('the authentication deadline', () => {
  it.each(FRAMINGS)(
    'closes a connection that does not sign in, by %s; PING does not extend it',
    async (framing) => {
      const peer = await running.connect(framing);
      peer.send('PING');
      expect(await peer.next()).toBe('PONG');
      await pinging(peer, AUTH_MS - 1);
      clock.advance(1);
      expect(await peer.ended()).toEqual(['ERR:AUTH_TIMEOUT']);
    },
  );

  it('counts from the connect, even if the protocol of the client is detected late', async () => {
    const peer = await running.connect('frames');
    await accepted();
    clock.advance(AUTH_MS - 50);
    peer.send('PING');
    expect(await peer.next()).toBe('PONG');
    await pinging(peer, 49);
    clock.advance(1);
    expect(await peer.ended()).toEqual(['ERR:AUTH_TIMEOUT']);
  });

  it.each([
    ['nothing', '', 'ERR:AUTH_TIMEOUT\n'],
    ['the start of a GET', 'GE', 'ERR:AUTH_TIMEOUT\n'],
    ['half a line', 'AUTH:an', 'ERR:AUTH_TIMEOUT\n'],
    ['half a frame', '\0\0\0', '\0\0\0\x10ERR:AUTH_TIMEOUT'],
  ])('tells so who has said %s', async (_what, first, expected) => {
    expect(await silentAfter(first)).toBe(expected);
  });

  it('closes an HTTP connection that neither finishes its request nor upgrades', async () => {
    expect(await silentAfter('GET / HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('does not keep an HTTP connection open after its answer', async () => {
    let heard = '';
    const socket = connect({ port: running.port, host: '127.0.0.1' });
    socket.on('data', (bytes) => {
      heard += bytes;
    });
    socket.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    expect(heard).toMatch(/^HTTP\/1\.1 404 /);
    expect(heard.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

describe('the idle limit', () => {
  it.each(FRAMINGS)('closes a member by %s of whom no complete message came', async (framing) => {
    const peer = await running.join(framing, 'ann');
    clock.advance(IDLE_MS - 1);
    peer.send('PING');
    expect(await peer.next()).toBe('PONG');
    clock.advance(IDLE_MS);
    expect(await peer.ended()).toEqual(['ERR:IDLE_TIMEOUT']);
  });

  it('is not held off by bytes that end no message', async () => {
    const peer = await running.join('lines', 'ann');
    const count = countRead(await accepted());
    for (let bytes = 1; bytes <= 12; bytes++) {
      peer.sendRaw(Buffer.from('x'));
      await expect.poll(count, { interval: 1 }).toBe(bytes);
      clock.advance(IDLE_MS / 12);
    }
    expect(await peer.ended()).toEqual(['ERR:IDLE_TIMEOUT']);
  });

  it('is held off by PING', async () => {
    const peer = await running.join('frames', 'ann');
    await pinging(peer, 4 * IDLE_MS);
  });
});
