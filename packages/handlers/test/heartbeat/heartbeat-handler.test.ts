import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { textHeartbeat } from '../../src/heartbeat/heartbeat-format.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';

describe('HeartbeatHandler, answering', () => {
  it('S369 answers a ping in any case and keeps it from the application', () => {
    const channel = new EmbeddedChannel(new HeartbeatHandler());
    channel.writeInbound('PING', 'hello', 'pInG');
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['PONG', 'PONG']);
    expect(channel.readInbound()).toBe('hello');
    expect(channel.readInbound()).toBeUndefined();
  });

  it('leaves what only looks alike to the application', () => {
    const channel = new EmbeddedChannel(new HeartbeatHandler());
    channel.writeInbound('PINGS', 'PONG', 4, Buffer.from('PING'));
    expect(channel.readOutbound()).toBeUndefined();
    expect(channel.readInbound()).toBe('PINGS');
    expect(channel.readInbound()).toBe('PONG');
    expect(channel.readInbound()).toBe(4);
    expect(channel.readInbound()).toEqual(Buffer.from('PING'));
  });

  it('L10 swallows one-way heartbeats without an answer', () => {
    const format = textHeartbeat({ ping: 'keepalive', pong: false });
    const channel = new EmbeddedChannel(new HeartbeatHandler({ format }));
    channel.writeInbound('keepalive');
    expect(channel.readOutbound()).toBeUndefined();
    expect(channel.readInbound()).toBeUndefined();
  });
});
