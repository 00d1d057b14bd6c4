import {
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  MessageToMessageDecoder,
  StringCodec,
  several,
} from '@headrace/codec';
import { ChannelGroup, type Context, type Handler, sequential } from '@headrace/core';
import { describeHeldReads, type EmbeddedChannel } from '@headrace/core/testing';
import { RespCodec } from '@headrace/resp';
import { describe, expect, it } from 'vitest';
import {
  AuthHandler,
  BroadcastHandler,
  EchoHandler,
  FlowControlHandler,
  FlushConsolidationHandler,
  HeartbeatHandler,
  IdleStateHandler,
  LoggingHandler,
  MaxMessagesHandler,
  MessageRateHandler,
  MetricsHandler,
  ProtocolDetector,
  ReadTimeoutHandler,
  ReadWhenWritable,
  replaceWith,
  ServerMetrics,
  StreamWriteHandler,
  TrafficShapingHandler,
} from '../../src/index.ts';

const TEXTS = ['a', 'b', 'c', 'd', 'e'];
const LINES = Buffer.from(TEXTS.map((text) => `${text}\n`).join(''));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const run = { describe, it, expect };

/** Handlers that pass texts on as they are. */
const passing: Readonly<Record<string, () => readonly Handler[]>> = {
  'no handler': () => [],
  BroadcastHandler: () => [new BroadcastHandler(new ChannelGroup('room'))],
  EchoHandler: () => [new EchoHandler()],
  FlowControlHandler: () => [new FlowControlHandler()],
  FlushConsolidationHandler: () => [new FlushConsolidationHandler()],
  HeartbeatHandler: () => [new HeartbeatHandler({ intervalMs: 1000 })],
  IdleStateHandler: () => [new IdleStateHandler({ readerIdleMs: 60_000 })],
  LoggingHandler: () => [new LoggingHandler({ logger: { log() {} } })],
  MaxMessagesHandler: () => [new MaxMessagesHandler({ maxMessages: 1000 })],
  MetricsHandler: () => [new MetricsHandler({ metrics: new ServerMetrics() })],
  ReadTimeoutHandler: () => [new ReadTimeoutHandler({ timeoutMs: 60_000 })],
  ReadWhenWritable: () => [new ReadWhenWritable()],
  StreamWriteHandler: () => [new StreamWriteHandler()],
  'sequential, a handler that is done at once': () => [sequential({})],
};

for (const [name, handlers] of Object.entries(passing)) {
  describeHeldReads(run, {
    name: `lines | ${name}`,
    handlers: () => [new LineFrameDecoder(), new StringCodec(), ...handlers()],
    input: [LINES],
    output: TEXTS,
  });
}

describeHeldReads(run, {
  name: 'JsonObjectDecoder',
  handlers: () => [new JsonObjectDecoder()],
  input: [Buffer.from('{"a":1}{"b":2}{"c":3}'), Buffer.from('{"d":4}')],
  output: ['{"a":1}', '{"b":2}', '{"c":3}', '{"d":4}'],
});

describeHeldReads(run, {
  name: 'LengthFieldFrameDecoder, in drips',
  handlers: () => [
    new LengthFieldFrameDecoder({
      maxFrameLength: 9,
      lengthFieldLength: 1,
      initialBytesToStrip: 1,
    }),
  ],
  input: Array.from(Buffer.from('\x01a\x02bc\x01d\x01e'), (byte) => Buffer.of(byte)),
  output: ['a', 'bc', 'd', 'e'],
});

describeHeldReads(run, {
  name: 'RespCodec',
  handlers: () => [new RespCodec()],
  input: [Buffer.from(':1\r\n:2\r\n:3\r\n:4\r\n')],
  output: ['1', '2', '3', '4'],
});

describeHeldReads(run, {
  name: 'AuthHandler, asynchronous',
  handlers: () => [
    new LineFrameDecoder(),
    new StringCodec(),
    new AuthHandler({ authenticate: async (id: string) => ({ principal: id }) }),
  ],
  input: [Buffer.from('AUTH\n'), LINES],
  output: TEXTS,
  settle: turn,
});

describeHeldReads(run, {
  name: 'AuthHandler, without a decoder that stops',
  handlers: () => [new AuthHandler({ authenticate: async (id: string) => ({ principal: id }) })],
  input: ['AUTH', ...TEXTS],
  output: TEXTS,
  settle: turn,
});

describeHeldReads(run, {
  name: 'MessageRateHandler',
  handlers: () => [
    new LineFrameDecoder(),
    new StringCodec(),
    new MessageRateHandler({ perSecond: 10, burst: 2 }),
  ],
  input: [LINES],
  output: TEXTS,
  settle: (channel: EmbeddedChannel) => channel.advance(5000),
});

describeHeldReads(run, {
  name: 'MessageRateHandler, without a decoder that stops',
  handlers: () => [new MessageRateHandler({ perSecond: 10, burst: 2 })],
  input: TEXTS,
  output: TEXTS,
  settle: (channel: EmbeddedChannel) => channel.advance(5000),
});

describeHeldReads(run, {
  name: 'sequential, without a decoder that stops',
  handlers: () => [sequential({})],
  input: TEXTS,
  output: TEXTS,
});

describeHeldReads(run, {
  name: 'FlowControlHandler, without a decoder that stops',
  handlers: () => [new FlowControlHandler()],
  input: TEXTS,
  output: TEXTS,
});

/** Makes several messages of each text: its letters. */
class Letters extends MessageToMessageDecoder<string, string> {
  override decode(_ctx: Context, text: string) {
    return several(...text);
  }
}

describeHeldReads(run, {
  name: 'MessageToMessageDecoder, several messages of one',
  handlers: () => [new Letters()],
  input: [TEXTS.join('')],
  output: TEXTS,
});

describeHeldReads(run, {
  name: 'TrafficShapingHandler',
  handlers: () => [
    new TrafficShapingHandler({ readBytesPerSecond: 10 }),
    new LineFrameDecoder(),
    new StringCodec(),
  ],
  input: [LINES],
  output: TEXTS,
  settle: (channel: EmbeddedChannel) => channel.advance(20_000),
});

describeHeldReads(run, {
  name: 'ProtocolDetector',
  handlers: () => {
    const detector: ProtocolDetector = new ProtocolDetector({
      protocols: [],
      otherwise: (_channel, ctx) => {
        ctx.pipeline.addAfter(ctx.name, new StringCodec());
        ctx.pipeline.addAfter(ctx.name, new LineFrameDecoder());
      },
      maxBytes: 1,
    });
    return [detector];
  },
  input: [LINES],
  output: TEXTS,
});

describeHeldReads(run, {
  name: 'replaceWith',
  handlers: () => {
    const held: unknown[] = [];
    return [
      {
        channelRead(ctx: Context, message: unknown) {
          held.push(message);
          if (held.length === TEXTS.length) replaceWith(ctx, [], held);
        },
      },
    ];
  },
  input: TEXTS,
  output: TEXTS,
});
