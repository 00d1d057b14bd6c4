import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { WebSocketBinaryCodec, WebSocketPing, WebSocketPong } from '../../src/index.ts';

describe('WebSocketBinaryCodec', () => {
  it('passes bytes on, both ways', () => {
    const channel = new EmbeddedChannel(new WebSocketBinaryCodec());
    channel.writeInbound(Buffer.from('in'));
    expect(channel.readInbound()).toEqual(Buffer.from('in'));
    channel.writeOutbound(new Uint8Array([1, 2]));
    expect(channel.readOutbound()).toEqual(new Uint8Array([1, 2]));
  });

  it('refuses text messages', () => {
    const channel = new EmbeddedChannel(new WebSocketBinaryCodec());
    expect(() => channel.writeInbound('text')).toThrow('only binary ones are allowed here');
  });

  it('drops pings and pongs that no handler before it took', () => {
    const channel = new EmbeddedChannel(new WebSocketBinaryCodec());
    channel.writeInbound(new WebSocketPing(Buffer.from('a')), new WebSocketPong(Buffer.from('b')));
    expect(channel.readInbound()).toBeUndefined();
  });

  it('fails the write of a text', () => {
    const channel = new EmbeddedChannel(new WebSocketBinaryCodec());
    expect(channel.writeAndFlush('text' as never).error?.message).toContain(
      'WebSocketBinaryCodec accepts bytes, but was given text',
    );
    expect(channel.readOutbound()).toBeUndefined();
  });
});
