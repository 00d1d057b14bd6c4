import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { GreetingHandler } from '../src/greeting.ts';

describe('GreetingHandler', () => {
  it('greets a peer that was silent for a second with one line, once', () => {
    const channel = new EmbeddedChannel(new GreetingHandler());
    channel.advance(999);
    expect(channel.readOutbound()).toBeUndefined();
    channel.advance(1);
    expect(String(channel.readOutbound())).toMatch(/^Headrace chat\. .*AUTH:your-name.*\n$/);
    expect(channel.pipeline.names()).toEqual([]);
    channel.advance(60_000);
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('does nothing if the peer sends something before', () => {
    const channel = new EmbeddedChannel(new GreetingHandler());
    channel.advance(999);
    channel.writeInbound(Buffer.from('A'));
    expect(String(channel.readInbound())).toBe('A');
    expect(channel.pipeline.names()).toEqual([]);
    channel.advance(60_000);
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('sends nothing to a connection that has ended', () => {
    const channel = new EmbeddedChannel(new GreetingHandler());
    channel.close();
    channel.advance(1000);
    expect(channel.readOutbound()).toBeUndefined();
  });
});
