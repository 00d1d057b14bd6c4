import { StringCodec, StringDecoder, StringEncoder } from '@headrace/codec';
import { ChannelGroup } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

describe('StringDecoder', () => {
  it('turns bytes into strings and leaves what is written alone', () => {
    const channel = new EmbeddedChannel(new StringDecoder());
    channel.writeInbound(Buffer.from('héllo'));
    channel.writeOutbound('text');
    expect(channel.readInbound()).toBe('héllo');
    expect(channel.readOutbound()).toBe('text');
  });

  it('refuses bytes that are not UTF-8, and ends the channel', () => {
    const channel = new EmbeddedChannel(new StringDecoder());
    expect(() => channel.writeInbound(Buffer.from('61e282', 'hex'))).toThrow(/not UTF-8: byte 1/);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('goes on after bad bytes with the policies for it', () => {
    const channel = new EmbeddedChannel(new StringDecoder({ frameErrorPolicy: 'skip' }));
    channel.writeInbound(Buffer.from('ff', 'hex'), Buffer.from('good'));
    expect(channel.readInbound()).toBe('good');
  });
});

describe('StringEncoder', () => {
  it('turns strings into bytes with a delimiter, and leaves what comes in alone', () => {
    const channel = new EmbeddedChannel(new StringEncoder({ delimiter: '\r\n' }));
    const bytes = Buffer.from('bytes');
    channel.writeInbound(bytes);
    channel.writeOutbound('é');
    expect(channel.readInbound()).toEqual(bytes);
    expect(channel.readOutbound<Buffer>()!.toString('hex')).toBe('c3a90d0a');
  });

  it('encodes a broadcast once, together with StringCodecs of the same delimiter', () => {
    const group = new ChannelGroup<string>('all');
    const shared = new StringEncoder({ delimiter: '\n' });
    const channels = [shared, shared, new StringCodec({ delimiter: '\n' })].map(
      (handler) => new EmbeddedChannel(handler),
    );
    for (const channel of channels) group.add(channel);
    group.writeAndFlush('hello');
    const [first, ...others] = channels.map((channel) => channel.readOutbound<Buffer>());
    expect(String(first)).toBe('hello\n');
    for (const other of others) expect(other).toBe(first);
  });
});
