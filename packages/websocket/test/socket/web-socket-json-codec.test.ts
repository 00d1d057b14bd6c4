import type { StandardSchema } from '@headrace/codec';
import { ChannelGroup, type Context, type Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  TextMessage,
  WebSocketJsonCodec,
  type WebSocketJsonCodecOptions,
  WebSocketPing,
  WebSocketPong,
} from '../../src/index.ts';
import { clientFrame, textFrame } from './client-frame.ts';
import { framesIn, member } from './member.ts';

const schema: StandardSchema<{ id: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as { id?: unknown } | null)?.id === 'number'
        ? { value: value as { id: number } }
        : { issues: [{ message: 'no number', path: ['id'] }] },
  },
};

/** What becomes of inbound messages: values, and the codes of errors. */
function outcome(
  options: WebSocketJsonCodecOptions<unknown, unknown>,
  ...messages: (string | Buffer)[]
): unknown[] {
  const seen: unknown[] = [];
  const after: Handler = {
    channelRead: (_ctx: Context, value: unknown) => void seen.push(value),
    exceptionCaught: (_ctx: Context, error: Error) =>
      void seen.push(`!${(error as NodeJS.ErrnoException).code}`),
  };
  const channel = new EmbeddedChannel(new WebSocketJsonCodec(options), after);
  for (const message of messages) if (channel.isOpen) channel.writeInbound(message);
  return seen;
}

function written(message: unknown): TextMessage | undefined {
  const channel = new EmbeddedChannel(new WebSocketJsonCodec());
  channel.writeOutbound(message);
  return channel.readOutbound<TextMessage>();
}

describe('WebSocketJsonCodec', () => {
  it('makes values of text messages, and text messages of values', () => {
    expect(outcome({}, '{"a":[1,null]}', '"grüße"', '0')).toEqual([{ a: [1, null] }, 'grüße', 0]);
    const message = written({ text: 'grüße' });
    expect(message).toBeInstanceOf(TextMessage);
    expect(String(message?.bytes)).toBe('{"text":"grüße"}');
  });

  it('refuses input that is not JSON, and what does not fit the schema', () => {
    expect(outcome({}, 'no JSON')).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    const options = { schema } as unknown as WebSocketJsonCodecOptions<unknown, unknown>;
    expect(outcome(options, '{"id":7}')).toEqual([{ id: 7 }]);
    expect(outcome(options, '{"id":"7"}')).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('says how the text begins that it cannot read', () => {
    const channel = new EmbeddedChannel(new WebSocketJsonCodec());
    expect(() => channel.writeInbound('ü{')).toThrow(
      /WebSocketJsonCodec cannot read a message of 3 bytes \(c3bc7b\)/,
    );
  });

  it('skips it, or lets a handler decide, where it is told to', () => {
    expect(outcome({ frameErrorPolicy: 'skip' }, '{', '1')).toEqual([1]);
    expect(outcome({ frameErrorPolicy: 'emit' }, '{', '1')).toEqual(['!HR_ERR_MESSAGE_INVALID', 1]);
  });

  it('counts the values of a text as those of bytes', () => {
    const text = `["ü",${'{},'.repeat(99)}{}]`;
    const count = Buffer.byteLength(text) + 64 * (2 + 101 + 100 - 1);
    expect(outcome({ maxMessageBytes: count + 200 }, text)[0]).toBeInstanceOf(Array);
    expect(outcome({ maxMessageBytes: count - 200 }, text)).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });

  it('refuses binary messages, and reads them with readBinary', () => {
    expect(outcome({}, Buffer.from('1'))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    expect(outcome({ readBinary: true }, Buffer.from('1'), '2')).toEqual([1, 2]);
    expect(outcome({ readBinary: true }, Buffer.from([0x22, 0xff, 0x22]))).toEqual([
      '!HR_ERR_TEXT_NOT_UTF8',
    ]);
  });

  it('passes bytes on both ways beside its JSON with otherMessages', () => {
    const options = { otherMessages: 'pass-on' } as const;
    expect(outcome(options, Buffer.from('x'), '1')).toEqual([Buffer.from('x'), 1]);
    const channel = new EmbeddedChannel(new WebSocketJsonCodec(options));
    channel.writeOutbound(Buffer.from('x'));
    expect(channel.readOutbound()).toEqual(Buffer.from('x'));
  });

  it.each([
    ['bytes', Buffer.from('x')],
    ['a text message', TextMessage.of('{}')],
    ['a ping', new WebSocketPing()],
    ['a function', () => {}],
  ])('fails the write of %s', (_what, message) => {
    const channel = new EmbeddedChannel(new WebSocketJsonCodec());
    const { error } = channel.writeAndFlush(message);
    expect((error as NodeJS.ErrnoException | undefined)?.code).toBe('HR_ERR_MESSAGE_NOT_ENCODABLE');
  });

  it('drops unhandled pings and pongs', () => {
    const channel = new EmbeddedChannel(new WebSocketJsonCodec());
    channel.writeInbound(new WebSocketPong(Buffer.alloc(4)), new WebSocketPing());
    expect(channel.readInbound()).toBeUndefined();
    expect(channel.isOpen).toBe(true);
  });

  it('encodes a broadcast once for all members, and makes one frame of it', () => {
    const group = new ChannelGroup();
    let encoded = 0;
    const value = {
      toJSON(): string {
        encoded += 1;
        return 'to all';
      },
    };
    const members = [1, 2, 3].map(() => member({ handlers: [new WebSocketJsonCodec()] }));
    for (const { channel } of members) group.add(channel);
    group.writeAndFlush(value);
    const frames = members.flatMap((one) => framesIn(one));
    expect([encoded, frames.length]).toEqual([1, 3]);
    expect(String(frames[0]!.subarray(2))).toBe('"to all"');
    expect(frames[1]!.buffer).toBe(frames[0]!.buffer);
  });

  it('makes another with its options', () => {
    const codec = new WebSocketJsonCodec({ readBinary: true }).fresh();
    expect(codec).toBeInstanceOf(WebSocketJsonCodec);
    const channel = new EmbeddedChannel(codec);
    channel.writeInbound(Buffer.from('1'));
    expect(channel.readInbound()).toBe(1);
  });

  it('refuses an option that it does not have', () => {
    expect(() => new WebSocketJsonCodec({ delimiter: '\n' } as never)).toThrow(
      /WebSocketJsonCodec has no option delimiter/,
    );
  });
});

describe('a WebSocket of JSON', () => {
  it.each([
    ['that is no JSON', textFrame('{'), 1003],
    ['that is binary', clientFrame({ first: 0x82, payload: Buffer.from('1') }), 1003],
    ['that is not UTF-8', clientFrame({ first: 0x81, payload: Buffer.from([0x22, 0xff]) }), 1007],
  ])('closes after a message %s with its code', (_which, frame, code) => {
    const one = member({ handlers: [new WebSocketJsonCodec()] });
    one.parent.writeInbound(frame);
    expect(framesIn(one).at(-1)?.readUInt16BE(2)).toBe(code);
  });
});
