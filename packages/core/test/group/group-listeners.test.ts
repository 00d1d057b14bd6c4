import { inspect } from 'node:util';
import { ChannelGroup, ChannelMatchers, type Listener, type Logger, Server } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

function lines(): Logger & { readonly entries: string[] } {
  const entries: string[] = [];
  return {
    entries,
    log: (level, message, error) => void entries.push(`${level} ${message} ${error?.message}`),
  };
}

const LISTENER: Listener = {
  isActive: true,
  localAddress: undefined,
  open() {},
  requestAccept() {},
  pauseAccepting() {},
  close() {},
};

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('listeners of a group', () => {
  it('one that throws or rejects is logged; the others are called, and the channel joins', async () => {
    const logger = lines();
    const channel = EmbeddedChannel.with({ logger });
    const group = new ChannelGroup('room');
    const heard: string[] = [];
    group.on('channelJoined', () => {
      throw new Error('thrown');
    });
    group.on('channelJoined', async () => {
      throw new Error('rejected');
    });
    group.on('channelJoined', () => void heard.push('joined'));
    expect(group.add(channel)).toBe(true);
    await settled();
    expect(heard).toEqual(['joined']);
    expect(logger.entries).toEqual([
      expect.stringMatching(/^error .* a listener of room’s channelJoined threw thrown$/),
      expect.stringMatching(/^error .* a listener of room’s channelJoined threw rejected$/),
    ]);
  });

  it('come and go as given: off takes the listener itself, once calls it once', () => {
    const [a, b] = [new EmbeddedChannel(), new EmbeddedChannel()];
    const group = new ChannelGroup();
    const heard: string[] = [];
    const listener = () => void heard.push('on');
    group.on('channelJoined', listener);
    group.once('channelJoined', () => void heard.push('once'));
    group.add(a);
    group.off('channelJoined', listener);
    group.add(b);
    expect(heard).toEqual(['on', 'once']);
    expect(group.listenerCount('channelJoined')).toBe(0);
  });
});

describe('listeners of a server', () => {
  it('one that throws or rejects is logged, and the connection stays', async () => {
    const logger = lines();
    const server = new Server(EmbeddedChannel.with({ logger }), LISTENER);
    server.on('connection', () => {
      throw new Error('thrown');
    });
    server.on('connection', async () => {
      throw new Error('rejected');
    });
    const child = new EmbeddedChannel();
    server.adopt(child);
    await settled();
    expect(logger.entries).toHaveLength(2);
    expect(child.isOpen).toBe(true);
  });
});

describe('in a log', () => {
  it('a group, a server and a channel are one line', () => {
    const channel = EmbeddedChannel.with({ id: '00c0ffee' });
    const group = new ChannelGroup('room');
    group.add(channel);
    const server = new Server(channel, LISTENER);
    expect([inspect(group), inspect(server), inspect(channel)]).toEqual([
      'ChannelGroup(name: room, size: 1)',
      'Server(address: embedded, connections: 0)',
      '[id: 0x00c0ffee, L:embedded - R:embedded]',
    ]);
    channel.close();
    expect(String(server)).toBe('Server(address: embedded, connections: 0, closed)');
  });
});

describe('stayClosed', () => {
  it('holds for what a matcher matches, however it is written', () => {
    const group = new ChannelGroup('g', { stayClosed: true });
    const kept = new EmbeddedChannel();
    group.close('shutdown', ChannelMatchers.isNot(kept));
    const late = new EmbeddedChannel();
    expect([group.add(late), late.isOpen]).toEqual([false, false]);
    expect([group.add(kept), kept.isOpen]).toEqual([true, true]);
    group.close('shutdown', ChannelMatchers.compose(ChannelMatchers.all));
    const last = new EmbeddedChannel();
    expect([group.add(last), last.isOpen]).toEqual([false, false]);
  });
});
