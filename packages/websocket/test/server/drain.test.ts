// A server that shuts down: a handler in the pipeline of a WebSocket stops its input, and the drain waits for what was read.
import { type Context, DrainStartEvent, type ReadHold } from '@headrace/core';
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
  hold: ReadHold | undefined = undefined;
  private socket: WebSocketChannel | undefined = undefined;

  constructor() {
    const endpoint = new HttpEndpoint({
      webSocket: (socket) => {
        this.socket = socket;
        this.hold = socket.holdReads('test');
        socket.pipeline.addLast(new WebSocketTextCodec(), {
          channelRead: (_ctx, text: string) => void this.read.push(text),
          userEventTriggered(ctx: Context, event: unknown) {
            if (event instanceof DrainStartEvent) event.stopInput();
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
