// The counts of docs/capacity.md: how many messages a room, heartbeats and presence put on the bus, and who gets them.
import type { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { cluster } from './counting-hub.ts';

describe('what docs/capacity.md counts', () => {
  it('a message of a room is published once, and goes to the nodes with members of it', async () => {
    const { nodes, hub, all } = await cluster(20);
    const rooms = all.map((one) => one.group<string>('lobby'));
    for (const room of rooms.slice(0, 5)) for (let i = 0; i < 3; i += 1) room.add(nodes.channel());
    await nodes.pass(1000);
    hub.reset();
    for (let i = 0; i < 100; i += 1) rooms[0]!.writeAndFlush('hello');
    // Who writes may have no member.
    for (let i = 0; i < 100; i += 1) rooms[19]!.writeAndFlush('hello');
    await nodes.pass(10);
    expect(hub.of('g')).toMatchObject({ messages: 200, copies: 200 * 5 });
    expect(rooms[1]!.counters.received).toBe(200);
    expect(rooms[10]!.counters.received).toBe(0);
  });

  it('N nodes publish N heartbeats a second, and each gets all', async () => {
    const { nodes, hub } = await cluster(12);
    hub.reset();
    await nodes.pass(10_000);
    const { messages, copies } = hub.of('nodes');
    expect(messages).toBe(12 * 10);
    expect(copies).toBe(messages * 12);
  });

  it('presence of all rooms that change all the time is ten messages a second for each node, and at rest nothing', async () => {
    const { nodes, hub, all } = await cluster(6);
    const rooms = all.flatMap((one) => [one.group('lobby'), one.group('garden')]);
    await nodes.pass(2000);
    hub.reset();
    for (let i = 0; i < 1000; i += 1) {
      for (const room of rooms) room.add(nodes.channel());
      await nodes.pass(10);
    }
    const busy = hub.of('p');
    expect(busy.messages).toBeGreaterThan(6 * 90);
    expect(busy.messages).toBeLessThanOrEqual(6 * 110);
    expect(busy.copies).toBe(busy.messages * 6);
    expect(rooms[3]!.total).toBeGreaterThan(5900);
    await nodes.pass(3000);
    hub.reset();
    await nodes.pass(600_000);
    expect(hub.of('p').messages).toBe(0);
    // A question would be one.
    expect(hub.of('n').messages).toBe(0);
  });

  it('users who come all the time are 200 messages a second of all nodes together, with their rooms', async () => {
    const { nodes, hub, all } = await cluster(3);
    const room = all[0]!.group('lobby');
    hub.reset();
    for (let i = 0; i < 1000; i += 1) {
      const channel = nodes.channel();
      all[0]!.users.bind(`user ${i}`, channel);
      room.add(channel);
      await nodes.pass(1);
    }
    // One of three nodes.
    expect(hub.of('p').messages).toBeGreaterThan(55);
    expect(hub.of('p').messages).toBeLessThanOrEqual(68);
  });

  it.each([2, 4, 8])(
    'a storm of sign-ins and of losses at %i nodes grows with the nodes, not with their square',
    async (size) => {
      const { nodes, hub, all } = await cluster(size);
      const channels = Array.from({ length: 1000 }, () => nodes.channel());
      const storm = async (act: (channel: EmbeddedChannel, i: number) => void) => {
        hub.reset();
        for (const [i, channel] of channels.entries()) {
          act(channel, i);
          await nodes.pass(1);
        }
        await nodes.pass(100);
        return hub.of('p');
      };
      const comes = await storm((channel, i) => all[i % size]!.users.bind(`user ${i}`, channel));
      expect(comes.copies).toBe(comes.messages * size);
      expect(comes.messages).toBeLessThanOrEqual(220);
      expect(await all[0]!.users.isOnline(`user ${999}`)).toBe(true);
      const goes = await storm((channel) => channel.close());
      expect(goes.copies).toBe(goes.messages * size);
      expect(goes.messages).toBeLessThanOrEqual(220);
      expect(await all[0]!.users.isOnline(`user ${999}`)).toBe(false);
    },
  );

  it('a node of many is at most 100 ms late, however many come', async () => {
    const { nodes, all } = await cluster(30);
    const comes = (i: number) => all[0]!.users.bind(`user ${i}`, nodes.channel());
    comes(0);
    await nodes.pass(10);
    expect(await all[1]!.users.isOnline('user 0')).toBe(true);
    for (let i = 1; i < 100; i += 1) {
      comes(i);
      await nodes.pass(1);
    }
    await nodes.pass(100);
    expect(await all[1]!.users.isOnline('user 99')).toBe(true);
  });
});
