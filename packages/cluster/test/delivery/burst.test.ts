import type { Cluster, ClusterGroup, ClusterOptions } from '@headrace/cluster';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it, vi } from 'vitest';
import { MemberPace } from '../../src/pace/member-pace.ts';
import { MAX_KEPT_BYTES } from '../../src/pace/paced-messages.ts';
import { VirtualNodes } from '../help/virtual-nodes.ts';

const TEXT = 'x'.repeat(10_000);
/** 6 MB: six times what may wait for a member. */
const COUNT = 600;
/** Each takes 2 MB/s. */
const MS_PER_MESSAGE = 5;

async function twoNodes(options: Partial<ClusterOptions> = {}) {
  const nodes = new VirtualNodes();
  const [here, there] = [await nodes.join(options), await nodes.join(options)];
  await nodes.pass(20);
  return { nodes, here, there };
}

/** All in one turn of the event loop of the other node, as after a time in which it stood still. */
function burst(from: Cluster, name = 'room', count = COUNT): void {
  const group = from.group<string>(name);
  for (let i = 0; i < count; i++) group.write(`${i} ${TEXT}`);
  group.flush();
}

const numbers = (got: readonly unknown[]) => got.map((text) => Number.parseInt(String(text), 10));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a burst from the bus', () => {
  it('goes to members that read as fast as they take it, whole and in order', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room');
    const members = [await nodes.pacedMember(MS_PER_MESSAGE), await nodes.member()];
    for (const { channel } of members) room.add(channel);
    await nodes.pass(20);
    burst(here);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 500);
    for (const { got } of members) expect(numbers(got)).toEqual(upTo(COUNT));
    expect([room.size, room.counters.lost, room.local.slowMembers.closed]).toEqual([2, 0, 0]);
  });

  it('waits a second for a member that takes nothing, which is closed, and loses nothing of the others', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room');
    const stuck = await nodes.member();
    stuck.transport.isStuck = true;
    const paced = await nodes.pacedMember(MS_PER_MESSAGE);
    for (const { channel } of [stuck, paced]) room.add(channel);
    await nodes.pass(20);
    burst(here);
    await nodes.pass(900);
    expect(room.size).toBe(2);
    expect(paced.got.length).toBeLessThan(10);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 500);
    expect(stuck.channel.closeInfo?.reason).toBe('slow-consumer');
    expect(numbers(paced.got)).toEqual(upTo(COUNT));
  });

  it('gives members whose slow messages are dropped all of it', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room', { slowMember: 'drop-newest' });
    const paced = await nodes.pacedMember(MS_PER_MESSAGE);
    room.add(paced.channel);
    await nodes.pass(20);
    burst(here);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 500);
    expect(numbers(paced.got)).toEqual(upTo(COUNT));
  });
});

describe('a burst from the bus to a user', () => {
  async function ann(msPerMessage: number, onDuplicate: 'allow' | 'kick-older' = 'allow') {
    const { nodes, here, there } = await twoNodes({ users: { onDuplicate } });
    const { channel, got, transport } = await nodes.pacedMember(msPerMessage);
    there.users.bind('ann', channel);
    await nodes.pass(2000);
    const send = (count: number) => {
      for (let i = 0; i < count; i++) here.users.send('ann', `${i} ${TEXT}`);
    };
    return { nodes, here, there, channel, got, transport, send };
  }

  it('goes to a connection that reads as fast as it takes it, whole and in order', async () => {
    const { nodes, here, there, channel, got, send } = await ann(MS_PER_MESSAGE);
    send(COUNT);
    const delivered = here.users.deliver('ann', '600', { timeoutMs: 5000 });
    const bob = await nodes.member();
    there.users.bind('bob', bob.channel);
    await nodes.pass(20);
    expect(there.parts.waiting.bytes).toBeGreaterThan(0);
    here.users.send('bob', 'waits for nobody else');
    await nodes.pass(10);
    expect(bob.got).toHaveLength(1);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 500);
    expect([numbers(got), channel.isOpen]).toEqual([upTo(COUNT + 1), true]);
    expect([await delivered, there.parts.waiting.bytes]).toEqual([1, 0]);
    // One that takes everything again.
    send(2);
    await nodes.pass(100);
    expect(got).toHaveLength(COUNT + 3);
  });

  it('waits a second for a connection that takes nothing, which is closed', async () => {
    const { nodes, there, channel, transport, send } = await ann(MS_PER_MESSAGE);
    transport.isStuck = true;
    send(COUNT);
    await nodes.pass(900);
    expect(channel.isOpen).toBe(true);
    await nodes.pass(500);
    expect(channel.closeInfo?.reason).toBe('slow-consumer');
    expect([there.users.size, there.parts.waiting.bytes]).toEqual([0, 0]);
  });

  it('goes out before a kick, which does not wait', async () => {
    const { nodes, here, there, channel, got, send } = await ann(MS_PER_MESSAGE);
    send(10);
    here.users.send('ann', '10: signed in elsewhere');
    here.users.kick('ann');
    await nodes.pass(10);
    expect([there.users.size, there.parts.waiting.bytes]).toEqual([0, 0]);
    await nodes.pass(6000);
    expect([numbers(got), channel.closeInfo?.reason]).toEqual([upTo(11), 'replaced']);
  });

  it('goes out before the connection gives way to a newer one of another node', async () => {
    const { nodes, here, channel, got, send } = await ann(MS_PER_MESSAGE, 'kick-older');
    send(11);
    here.users.bind('ann', (await nodes.member()).channel);
    await nodes.pass(6000);
    expect([numbers(got), channel.closeInfo?.reason]).toEqual([upTo(11), 'replaced']);
  });

  it('waits 5 s for a connection that is always just quick enough, and after that for a thirtieth of the time', async () => {
    const { nodes, there, send } = await ann(90);
    const { waiting } = there.parts;
    let waitedMs = 0;
    for (let second = 0; second < 30; second++) {
      send(10);
      for (let ms = 0; ms < 1000; ms += 10) {
        await nodes.pass(10);
        if (waiting.bytes > 0) waitedMs += 10;
      }
    }
    expect(waitedMs).toBeGreaterThan(4000);
    expect(waitedMs).toBeLessThanOrEqual(6000);
  });

  it('leaves nothing when the cluster is left', async () => {
    const { nodes, here, there, channel, transport, send } = await ann(MS_PER_MESSAGE);
    transport.isStuck = true;
    send(50);
    const delivered = [here, there].map(({ users }) =>
      users.deliver('ann', 'still on its way', { timeoutMs: 60_000 }),
    );
    await nodes.pass(100);
    const leaving = [there.leave(), here.leave()];
    await nodes.pass(20);
    await Promise.all(leaving);
    expect(await Promise.all(delivered)).toEqual([0, 0]);
    // The timer of the channel, whose output waits.
    expect([there.parts.waiting.bytes, nodes.clock.pendingTimers]).toEqual([0, 1]);
    transport.release();
    channel.close();
    await nodes.pass(100);
    expect(nodes.clock.pendingTimers).toBe(0);
  });
});

describe('a burst from the log of a durable group', () => {
  it('goes to members that read as fast as they take it, whole and in order', async () => {
    const { nodes, here, there } = await twoNodes();
    const writers = durableGroup<string>(here, 'room');
    const room = durableGroup<string>(there, 'room');
    const members = [await nodes.pacedMember(MS_PER_MESSAGE), await nodes.member()];
    for (const { channel } of members) room.add(channel);
    await nodes.pass(20);
    for (let i = 0; i < COUNT; i++) writers.write(`${i} ${TEXT}`);
    await nodes.pass(40);
    const { position } = room.history;
    expect(position?.offset).toBe(members[1]!.got.length);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 1000);
    for (const { got } of members) expect(numbers(got)).toEqual(upTo(COUNT));
    expect(room.size).toBe(2);
  });

  it('waits for a member that came back with a position as for the others', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = durableGroup<string>(there, 'room', { recent: 64 });
    const writers = durableGroup<string>(here, 'room', { recent: 64 });
    const paced = await nodes.pacedMember(MS_PER_MESSAGE);
    room.add(paced.channel);
    await nodes.pass(20);
    const start = room.history.position!;
    for (let i = 0; i < COUNT; i++) writers.write(`${i} ${TEXT}`);
    await nodes.pass(500);
    const back = await nodes.member();
    const joining = room.history.join(back.channel, start);
    await nodes.pass(COUNT * MS_PER_MESSAGE + 1000);
    expect((await joining).recovered).toBe(true);
    expect(numbers(back.got)).toEqual(upTo(COUNT));
  });
});

describe('members that are slow on purpose', () => {
  it('hold up a group for 5 s, and after that for a thirtieth of the time', async () => {
    const { nodes, here, there } = await twoNodes();
    const room: ClusterGroup<string> = there.group<string>('room');
    const lazy = await nodes.pacedMember(100);
    const quick = await nodes.member();
    for (const { channel } of [lazy, quick]) room.add(channel);
    await nodes.pass(20);
    burst(here);
    await nodes.pass(4000);
    expect(quick.got.length).toBeLessThan(COUNT);
    await nodes.pass(2000);
    expect(numbers(quick.got)).toEqual(upTo(COUNT));
    expect(lazy.channel.closeInfo?.reason).toBe('slow-consumer');
  });
});

describe('a node that stands still while it waits for a member', () => {
  it('takes nothing of that time for the slowness of the member', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room');
    const paced = await nodes.pacedMember(MS_PER_MESSAGE);
    const far = await nodes.member();
    far.transport.isStuck = true;
    for (const { channel } of [far, paced]) room.add(channel);
    await nodes.pass(20);
    burst(here);
    await nodes.pass(100);
    nodes.clock.advanceQuietly(3000);
    await nodes.pass(800);
    far.transport.release();
    await nodes.pass(COUNT * MS_PER_MESSAGE + 500);
    for (const { got } of [far, paced]) expect(numbers(got)).toEqual(upTo(COUNT));
  });
});

describe('what waits for members', () => {
  it('has a limit for all groups together, above which the oldest goes out', async () => {
    const { nodes, here, there } = await twoNodes();
    const rooms = ['one', 'two', 'three'].map((name) =>
      there.group<string>(name, { slowMember: 'drop-newest' }),
    );
    const stuck = await nodes.member();
    stuck.transport.isStuck = true;
    for (const room of rooms) room.add(stuck.channel);
    const quick = await nodes.member();
    for (const room of rooms) room.add(quick.channel);
    await nodes.pass(20);
    for (const { name } of rooms) {
      burst(here, name, 1200);
      await nodes.pass(10);
    }
    const { waiting } = there.parts;
    expect(waiting.bytes / MAX_KEPT_BYTES).toBeCloseTo(1, 2);
    expect(waiting.bytes).toBeLessThanOrEqual(MAX_KEPT_BYTES);
    await nodes.pass(3000);
    expect(quick.got).toHaveLength(3600);
    expect(waiting.bytes).toBe(0);
  });

  it('goes with the last of them, and is delivered even after the cluster was left', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room');
    const [first, second] = [await nodes.pacedMember(100), await nodes.pacedMember(1)];
    room.add(first.channel);
    await nodes.pass(20);
    burst(here, 'room', 50);
    await nodes.pass(10);
    expect(there.parts.waiting.bytes).toBeGreaterThan(0);
    first.channel.close();
    await nodes.pass(10);
    expect(there.parts.waiting.bytes).toBe(0);
    burst(here, 'room', 1);
    await nodes.pass(10);
    room.add(second.channel);
    await nodes.pass(20);
    burst(here, 'room', 50);
    await nodes.pass(1);
    const leaving = there.leave();
    await nodes.pass(1000);
    await leaving;
    expect(numbers(second.got)).toEqual(upTo(50));
    expect(room.counters.lost).toBe(0);
    expect(there.parts.waiting.bytes).toBe(0);
  });

  it('waits once, even after it went and more came', async () => {
    const { nodes, here, there } = await twoNodes();
    const room = there.group<string>('room');
    const waits = vi.spyOn(MemberPace.prototype, 'onceFree');
    const counts: number[] = [];
    for (let i = 0; i < 3; i++) {
      const stuck = await nodes.member();
      stuck.transport.isStuck = true;
      room.add(stuck.channel);
      await nodes.pass(20);
      burst(here, 'room', 50);
      await nodes.pass(10);
      expect(there.parts.waiting.bytes).toBeGreaterThan(0);
      room.remove(stuck.channel);
      counts.push(waits.mock.calls.length);
    }
    waits.mockRestore();
    expect(counts[2]).toBe(counts[0]);
  });
});
