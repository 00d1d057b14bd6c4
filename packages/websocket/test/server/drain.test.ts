// A server that shuts down: a handler in the pipeline of a WebSocket stops its input, and the drain waits for what was read.
import { type Context, DrainEvent, DrainStartEvent, type ReadHold } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it, vi } from 'vitest';
import { HttpEndpoint, type WebSocketChannel, WebSocketTextCodec } from '../../src/index.ts';
import { textFrame } from '../socket/client-frame.ts';

const REQUEST = [
  'GET /ws HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

class Peer {
  readonly read: string[] = [];
  readonly channel: EmbeddedChannel;
  drains = 0;
  hold: ReadHold | undefined = undefined;
  socket: WebSocketChannel | undefined = undefined;

  constructor() {
    const endpoint = new HttpEndpoint({
      webSocket: (socket) => {
        this.socket = socket;
        this.hold = socket.holdReads('test');
        socket.pipeline.addLast(new WebSocketTextCodec(), {
          channelRead: (_ctx, text: string) => void this.read.push(text),
          userEventTriggered: (ctx: Context, event: unknown) => {
            if (event instanceof DrainStartEvent) event.stopInput();
            if (event instanceof DrainEvent) this.drains += 1;
            ctx.fireUserEventTriggered(event);
          },
        });
      },
    });
    this.channel = new EmbeddedChannel(endpoint.handler());
  }

  /** Node reads the request in a later turn. */
  async upgrade(): Promise<void> {
    this.channel.writeInbound(Buffer.from(REQUEST));
    await vi.waitUntil(() => this.socket !== undefined);
  }

  say(text: string): void {
    this.channel.writeInbound(textFrame(text));
  }
}

it.each([
  ['that is open', false],
  ['whose request comes later', true],
])('stops the input of a WebSocket %s, and waits for what was read', async (_which, isLater) => {
  const peer = new Peer();
  const { channel } = peer;
  const start = new DrainStartEvent();
  if (!isLater) await peer.upgrade();
  channel.run(() => channel.pipeline.fireUserEventTriggered(start));
  if (isLater) await peer.upgrade();
  let isDelivered = false;
  start.onceDelivered(channel.clock, 1000, () => {
    isDelivered = true;
  });
  channel.advance(999);
  expect(isDelivered).toBe(false);
  channel.run(() => peer.hold!.release());
  channel.advance(0);
  expect(isDelivered).toBe(true);
  peer.say('late');
  expect(peer.read).toEqual([]);
});

const PAGE = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');

/** A connection whose requests are answered when the test says so. */
function pages() {
  const answers: (() => void)[] = [];
  const endpoint = new HttpEndpoint({
    timeoutMs: 5000,
    request: (_request, response) => void answers.push(() => response.end('page')),
  });
  const channel = new EmbeddedChannel(endpoint.handler());
  const ask = async (): Promise<void> => {
    const { length } = answers;
    channel.writeInbound(PAGE);
    await vi.waitUntil(() => answers.length > length);
  };
  const answer = async (event: DrainEvent): Promise<void> => {
    answers.at(-1)!();
    await vi.waitUntil(() => event.holds.length === 0);
  };
  const fire = (event: DrainEvent): DrainEvent => {
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    return event;
  };
  return { channel, ask, answer, fire };
}

it.each([
  ['that is open', false],
  ['whose request comes later', true],
])('a WebSocket %s goes on if the connection is to rest only', async (_which, isLater) => {
  const peer = new Peer();
  const { channel } = peer;
  const event = new DrainEvent(1000, () => {});
  if (!isLater) await peer.upgrade();
  channel.run(() => channel.pipeline.fireUserEventTriggered(event));
  if (isLater) await peer.upgrade();
  channel.run(() => peer.hold!.release());
  peer.say('late');
  expect([peer.socket!.isEnding, event.holds, peer.read]).toEqual([false, ['WebSocket'], ['late']]);
});

it('a WebSocket is not drained by what was given up before its request', async () => {
  const peer = new Peer();
  const { channel } = peer;
  const event = new DrainEvent(1000, () => {});
  channel.run(() => channel.pipeline.fireUserEventTriggered(event));
  event.giveUp();
  await peer.upgrade();
  expect([event.holds, peer.drains]).toEqual([[], 0]);
});

it('a connection that is to rest only waits for its response, and then for the next request', async () => {
  const { channel, ask, answer, fire } = pages();
  let rests = 0;
  await ask();
  const event = fire(
    new DrainEvent(1000, () => {
      rests += 1;
    }),
  );
  expect([event.holds, rests]).toEqual([['requests'], 0]);
  await answer(event);
  expect([rests, channel.isEnding]).toEqual([1, false]);
  await ask();
  expect(event.holds).toEqual(['requests']);
  await answer(event);
  expect([rests, channel.isEnding]).toEqual([2, false]);
  channel.advance(5000);
  expect(channel.closeInfo?.reason ?? 'ending').toBe('ending');
  expect(channel.isEnding).toBe(true);
});

it.each([
  ['that is under way when the drain begins', false],
  ['that comes within the drain', true],
])('the last response says that it is the last: one %s', async (_which, isLater) => {
  const { channel, ask, answer, fire } = pages();
  if (!isLater) await ask();
  const ending = new DrainEvent(1000);
  const hold = ending.hold('test');
  fire(ending);
  if (isLater) await ask();
  hold.release();
  expect(ending.holds).toEqual(['requests']);
  await answer(ending);
  expect(String(channel.readOutbound())).toContain('\r\nConnection: close\r\n');
  expect(channel.isEnding).toBe(true);
});

it('a response before the drain, or in one after which the connection rests, is not the last', async () => {
  const { channel, ask, answer, fire } = pages();
  await ask();
  await answer(fire(new DrainEvent(1000, () => {})));
  expect(String(channel.readOutbound())).toContain('\r\nConnection: keep-alive\r\n');
});

it('a connection that is drained twice ends after its response', async () => {
  const { channel, ask, answer, fire } = pages();
  await ask();
  const [resting, ending] = [fire(new DrainEvent(1000, () => {})), fire(new DrainEvent(1000))];
  expect([resting.holds, ending.holds]).toEqual([['requests'], ['requests']]);
  await answer(ending);
  expect([resting.holds, channel.isEnding]).toEqual([[], true]);
});
