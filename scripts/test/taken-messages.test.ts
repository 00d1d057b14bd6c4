// With autoRead off, an application asks for a message. A handler that takes what was read asks again in its place.
import {
  FixedLengthFrameDecoder,
  JsonCodec,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  MessageToMessageDecoder,
  StreamingStringDecoder,
  StringCodec,
} from '@headrace/codec';
import type { Context, Handler } from '@headrace/core';
import { TakenReads } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  AuthHandler,
  HeartbeatHandler,
  MessageRateHandler,
  ProtocolDetector,
  startsWith,
  textHeartbeat,
} from '@headrace/handlers';
import { MqttDecoder } from '@headrace/mqtt';
import { RespCodec } from '@headrace/resp';
import { StompDecoder } from '@headrace/stomp';
import { WebSocketBinaryCodec, WebSocketPing, WebSocketTextCodec } from '@headrace/websocket';
import { expect, it } from 'vitest';

class Aggregator extends MessageToMessageDecoder<string, string> {
  private parts: string[] = [];

  override decode(_ctx: Context, part: string): string | undefined {
    this.parts.push(part);
    return this.parts.length < 3 ? undefined : this.parts.splice(0).join('');
  }
}

/** Drops repetitions, as the filter of the template for handlers does. */
class Filter implements Handler {
  private readonly reads = new TakenReads();
  private last: unknown = undefined;

  channelRead(ctx: Context, message: unknown): void {
    if (message === this.last) {
      this.reads.took();
      return;
    }
    this.last = message;
    this.reads.passed();
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    this.reads.complete(ctx);
    ctx.fireChannelReadComplete();
  }
}

const skip = { frameErrorPolicy: 'skip' } as const;
const [HALF, BAD] = [Buffer.from('ab'), Buffer.from([0xff])];
const accepts = (text: string) =>
  text === 'secret' ? { principal: 'ann' } : { refused: 'no', stays: true };

const detector = () =>
  new ProtocolDetector({
    protocols: [{ name: 'abc', matches: startsWith(Buffer.from('abc')), install: () => {} }],
  });
const PING = new WebSocketPing();

/** Handlers, what they take, and what they then pass on. `again` is taken after it. */
const ALL: [string, () => Handler, taken: unknown[], passed: unknown, again?: unknown][] = [
  ['half a line', () => new LineFrameDecoder(), [HALF], Buffer.from('c\n')],
  [
    'a line that is skipped',
    () => new LineFrameDecoder({ maxLength: 1, ...skip }),
    [Buffer.from('abc\n')],
    Buffer.from('a\n'),
  ],
  ['a part of a frame', () => new FixedLengthFrameDecoder({ frameLength: 4 }), [HALF], HALF],
  [
    'a length',
    () => new LengthFieldFrameDecoder({ maxFrameLength: 9, lengthFieldLength: 1 }),
    [Buffer.of(1)],
    Buffer.of(7),
  ],
  ['a text that is skipped', () => new StringCodec(skip), [BAD], HALF],
  ['JSON that is skipped', () => new JsonCodec(skip), [BAD], Buffer.from('1')],
  ['half a character', () => new StreamingStringDecoder(), [Buffer.of(0xc3)], Buffer.of(0xa9)],
  ['parts of a message', () => new Aggregator(), ['a', 'b'], 'c'],
  ['half a packet of MQTT', () => new MqttDecoder(), [Buffer.of(0xc0)], Buffer.of(0)],
  [
    'the heartbeats of STOMP',
    () => new StompDecoder(),
    [Buffer.from('\n\n')],
    Buffer.from('SEND\n\n\0'),
  ],
  ['half a value of RESP', () => new RespCodec(), [Buffer.from('+O')], Buffer.from('K\r\n')],
  ['a heartbeat', () => new HeartbeatHandler({ format: textHeartbeat() }), ['PING'], 'text'],
  [
    'a message over the rate',
    () => new MessageRateHandler({ perSecond: 1e-9, burst: 1, excessPolicy: 'drop' }),
    [],
    'a',
    'b',
  ],
  ['a repetition', () => new Filter(), [], 'a', 'a'],
  [
    'wrong credentials',
    () => new AuthHandler({ authenticate: accepts }),
    ['guess', 'secret'],
    'text',
  ],
  ['the first bytes of a protocol', () => detector(), [Buffer.from('a')], Buffer.from('bc')],
  ['a ping that a codec of texts drops', () => new WebSocketTextCodec(), [PING], 'text'],
  ['a ping that a codec of bytes drops', () => new WebSocketBinaryCodec(), [PING], HALF],
];

it.each(ALL)('%s is followed by another read', (_what, make, taken, passed, again) => {
  const got: unknown[] = [];
  const channel = EmbeddedChannel.with({ autoRead: false });
  channel.pipeline.addLast(make(), { channelRead: (_ctx, message) => void got.push(message) });
  channel.read();
  const readsFor = (message: unknown): number => {
    const { reads } = channel.embedded;
    channel.writeInbound(message);
    channel.runPendingTasks();
    return channel.embedded.reads - reads;
  };
  for (const message of taken) expect([readsFor(message) > 0, got]).toEqual([true, []]);
  // The application has its message, and asks for the next one when it likes.
  expect([readsFor(passed), got.length]).toEqual([0, 1]);
  if (again !== undefined) expect([readsFor(again) > 0, got.length]).toEqual([true, 1]);
});

it('a burst of which one message passes is followed by no other read', () => {
  const channel = EmbeddedChannel.with({ autoRead: false });
  channel.pipeline.addLast(new Filter(), { channelRead() {} });
  channel.read();
  const { reads } = channel.embedded;
  channel.writeInbound('a', 'a', 'a');
  expect(channel.embedded.reads).toBe(reads);
});

it('auto-read needs no other read', () => {
  const channel = new EmbeddedChannel(new Filter());
  channel.writeInbound('a');
  const { reads } = channel.embedded;
  channel.writeInbound('a');
  expect(channel.embedded.reads - reads).toBeLessThanOrEqual(1);
});
