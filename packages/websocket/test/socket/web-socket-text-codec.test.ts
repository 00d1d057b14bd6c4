import { ChannelGroup, DecodeError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { closeCodeOf, TextMessage, WebSocketTextCodec } from '../../src/index.ts';

describe('WebSocketTextCodec', () => {
  it('passes text on and makes text messages of strings', () => {
    const channel = new EmbeddedChannel(new WebSocketTextCodec());
    channel.writeInbound('grüße');
    expect(channel.readInbound()).toBe('grüße');
    channel.writeOutbound('grüße');
    const message = channel.readOutbound<TextMessage>();
    expect(message).toBeInstanceOf(TextMessage);
    expect(String(message?.bytes)).toBe('grüße');
  });

  it('refuses binary messages', () => {
    const channel = new EmbeddedChannel(new WebSocketTextCodec());
    expect(() => channel.writeInbound(Buffer.from('x'))).toThrow('only text is allowed here');
  });

  it('fails the write of bytes, which no text message may carry unchecked', () => {
    const channel = new EmbeddedChannel(new WebSocketTextCodec());
    expect(channel.writeAndFlush(Buffer.from([0xff]) as never).error?.message).toContain(
      'WebSocketTextCodec accepts text, but was given bytes',
    );
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('encodes a broadcast once for all members', () => {
    const group = new ChannelGroup();
    const channels = [1, 2, 3].map(() => new EmbeddedChannel(new WebSocketTextCodec()));
    for (const channel of channels) group.add(channel);
    group.writeAndFlush('to all');
    const messages = channels.map((channel) => channel.readOutbound());
    expect(messages[0]).toBeInstanceOf(TextMessage);
    expect(messages[1]).toBe(messages[0]);
    expect(messages[2]).toBe(messages[0]);
  });
});

describe('closeCodeOf', () => {
  it('tells a browser why', () => {
    expect(closeCodeOf('bad-input', new DecodeError('MESSAGE_UNREADABLE', 'text'))).toBe(1003);
    expect(closeCodeOf('bad-input', new DecodeError('DECODER_FAILED', 'a bug'))).toBe(1011);
    expect(closeCodeOf('local')).toBe(1000);
    expect(closeCodeOf('shutdown')).toBe(1001);
    expect(closeCodeOf('idle')).toBe(1008);
    expect(closeCodeOf('error')).toBe(1011);
    expect(closeCodeOf('refused')).toBe(1013);
    expect(closeCodeOf('a reason of my own')).toBe(1000);
  });
});
