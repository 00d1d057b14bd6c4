import type { Cluster, ClusterGroup, ClusterGroupOptions } from '@headrace/cluster';
import type { Channel } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { Nodes, sent } from '../nodes.ts';

const LIVES = { lives: 'with-members' } as const;
const IDS = { ...LIVES, presence: 'ids', idOf: (channel: Channel) => channel.id } as const;

async function twoNodes() {
  const nodes = new Nodes();
  const a = await nodes.join();
  const b = await nodes.join();
  await nodes.pass(1000);
  return { nodes, a, b };
}

/** What a node keeps for groups: in each of its parts a number. */
function kept(cluster: Cluster): Record<string, number> {
  const { presence, questions, directory, wire } = cluster.parts;
  return {
    groups: cluster.groupCount,
    own: presence.size,
    announced: presence['groups'].size,
    dirty: presence['own']['dirty'].size,
    asked: questions['groups'].size,
    heard: directory.heardLines.size,
    numbers: wire['numbers'].size,
    ended: wire['ended'].size,
  };
}

describe('a group that lives with its members', () => {
  it('is the same object while it has members, and is freed with the last one', async () => {
    const { nodes, a } = await twoNodes();
    const [one, two] = [nodes.channel(), nodes.channel()];
    const room = a.group('room', LIVES);
    room.add(one);
    room.add(two);
    await nodes.pass(10);
    one.close();
    await nodes.pass(10);
    expect([a.group('room', LIVES) === room, a.groupCount]).toEqual([true, 1]);
    two.close();
    await nodes.pass(10);
    expect([a.groupCount, a.knownGroup('room')]).toEqual([0, undefined]);
    expect(a.group('room', LIVES)).toBe(room);
  });

  it('is freed when no member comes to it, and not when one comes in the same turn', async () => {
    const { nodes, a } = await twoNodes();
    a.group('empty', LIVES);
    const room = a.group('room', LIVES);
    room.add(nodes.channel());
    await nodes.pass(10);
    expect([a.knownGroup('empty'), a.knownGroup('room')]).toEqual([undefined, room]);
  });

  it('stays when a member comes in the turn in which the last one leaves', async () => {
    const { nodes, a, b } = await twoNodes();
    const [one, two] = [nodes.channel(), nodes.channel()];
    const room = a.group<string>('room', LIVES);
    room.add(one);
    await nodes.pass(500);
    room.remove(one);
    a.group<string>('room', LIVES).add(two);
    await nodes.pass(500);
    b.group<string>('room', LIVES).writeAndFlush('hello');
    await nodes.pass(10);
    expect([a.knownGroup('room') === room, sent(two)]).toEqual([true, ['hello']]);
    expect(b.group('room', LIVES).total).toBe(1);
  });

  it('has its members again, and its numbers, when it is made again in the turn after', async () => {
    const { nodes, a, b } = await twoNodes();
    const there = nodes.channel();
    b.group<string>('room', IDS).add(there);
    const gaps: unknown[] = [];
    b.group<string>('room', IDS).on('gap', (gap) => void gaps.push(gap));
    const got: string[] = [];
    for (let i = 1; i <= 20; i += 1) {
      const channel = nodes.channel();
      const room = a.group<string>('room', IDS);
      room.add(channel);
      await nodes.pass(i % 3 === 0 ? 200 : 1);
      room.writeAndFlush(`${i}`);
      channel.close();
      await nodes.pass(i % 4 === 0 ? 200 : 1);
      expect(a.groupCount).toBe(0);
      got.push(...(sent(there) as string[]));
    }
    await nodes.pass(1000);
    got.push(...(sent(there) as string[]));
    expect([got.length, gaps]).toEqual([20, []]);
    expect([...b.group('room', IDS).who()].map(({ id }) => id)).toEqual([there.id]);
    expect(a.group('room', IDS).total).toBe(1);
  });

  it('leaves nothing in any part of the node, after 20,000 of them', async () => {
    const { nodes, a, b } = await twoNodes();
    // The first message of presence is on a line of its own.
    a.group('room', LIVES).add(nodes.channel());
    await nodes.pass(2000);
    const before = [kept(a), kept(b)];
    for (let i = 0; i < 20_000; i += 1) {
      const channel = nodes.channel();
      const room = a.group(`room ${i}`, i % 2 === 0 ? LIVES : IDS);
      room.add(channel);
      if (i % 3 === 0) room.writeAndFlush('hello');
      if (i % 1000 === 0) await nodes.pass(200);
      channel.close();
      if (i % 1000 === 500) await nodes.pass(200);
    }
    await nodes.pass(2000);
    const { own, ended, ...rest } = kept(a);
    expect(before[0]).toMatchObject(rest);
    expect(own).toBeLessThanOrEqual(1 + 1001);
    expect(ended).toBeLessThanOrEqual(Math.ceil(20_000 / 3));
    await nodes.pass(61_000);
    a.group('late', LIVES).writeAndFlush('hello');
    await nodes.pass(10);
    expect(kept(a).ended).toBe(1);
    expect(kept(b)).toEqual(before[1]);
    expect(b.group('room 7', LIVES).total).toBe(0);
  });

  it('is not freed while it has listeners, or messages that wait for a flush', async () => {
    const { nodes, a, b } = await twoNodes();
    const there = nodes.channel();
    b.group('written').add(there);
    const listener = (): void => {};
    const heard = a.group<string>('heard', IDS).on('memberJoined', listener);
    const once = a.group<string>('once', IDS).once('memberJoined', () => {});
    const written = a.group<string>('written', LIVES);
    written.write('hello');
    await nodes.pass(1000);
    expect([a.knownGroup('heard'), a.knownGroup('once'), a.knownGroup('written')]).toEqual([
      heard,
      once,
      written,
    ]);
    heard.off('memberJoined', listener);
    once.removeAllListeners();
    written.flush();
    await nodes.pass(10);
    expect([a.groupCount, sent(there)]).toEqual([0, ['hello']]);
  });

  it('is freed when a later message has sent the one that waited for a flush', async () => {
    const { nodes, a } = await twoNodes();
    const written = a.group<string>('written', LIVES);
    written.write('hello');
    await nodes.pass(10);
    expect(a.groupCount).toBe(1);
    written.writeAndFlush('hello');
    await nodes.pass(10);
    expect(a.groupCount).toBe(0);
  });

  it('of workers belongs to no application that has it from a time before', async () => {
    const { nodes, a } = await twoNodes();
    const room = a.group('room', LIVES);
    const joined = a.joinedGroup('room');
    joined.add(nodes.channel());
    await nodes.pass(10);
    expect(a.group('room')).toBe(room);
    room.close();
    await nodes.pass(10);
    // The application has asked for the group without `lives`.
    expect([joined === room, a.knownGroup('room')]).toEqual([true, room]);
  });

  it('of the application keeps its name and its options when workers ask for it', async () => {
    const { nodes, a } = await twoNodes();
    const room = a.group('room', IDS);
    await nodes.pass(10);
    const [theirs, ours] = [nodes.channel(), nodes.channel()];
    const joined = a.joinedGroup('room');
    joined.add(theirs);
    expect(room.add(ours)).toBe(true);
    await nodes.pass(500);
    expect([joined === room, a.group('room', IDS) === room, room.total]).toEqual([true, true, 2]);
  });

  it('has no listener when its name has gone to another group', async () => {
    const { nodes, a } = await twoNodes();
    const room = a.group('room', IDS);
    await nodes.pass(10);
    a.group('room', LIVES).add(nodes.channel());
    expect(() => room.on('memberJoined', () => {})).toThrow('made again with other options');
    expect(() => room.once('memberJoined', () => {})).toThrow('made again with other options');
    expect(room.eventNames()).toEqual([]);
    room.off('memberJoined', () => {});
  });

  it('announces no member twice to an earlier listener', async () => {
    const { nodes, a, b } = await twoNodes();
    const [stays, comes] = [nodes.channel(), nodes.channel()];
    b.group('room', IDS).add(stays);
    await nodes.pass(1000);
    const events: string[] = [];
    const room = a.group('room', IDS);
    room.on('memberJoined', ({ id }) => void events.push(id));
    for (let i = 0; i < 3; i += 1) {
      room.add(comes);
      await nodes.pass(200);
      room.remove(comes);
      await nodes.pass(200);
    }
    expect(events).toEqual([comes.id, stays.id, comes.id, comes.id]);
  });

  it('takes no answer from those that ask its members, and has none when it is gone', async () => {
    const { nodes, a, b } = await twoNodes();
    const channel = nodes.channel();
    a.group('room', LIVES).add(channel);
    await nodes.pass(500);
    const asking = answersOf(b.group('room', LIVES));
    channel.close();
    await nodes.pass(5000);
    expect((await asking).every(({ error }) => error !== undefined)).toBe(true);
    expect([a.groupCount, b.groupCount]).toEqual([0, 0]);
    const none = answersOf(b.group('room', LIVES));
    await nodes.pass(5000);
    expect(await none).toEqual([]);
  });

  it('takes nothing that comes late, and counts none of it in its next life', async () => {
    const { nodes, a, b } = await twoNodes();
    const received = () => a.group<string>('room', LIVES).counters.received;
    const [leaves, comes] = [nodes.channel(), nodes.channel()];
    a.group<string>('room', LIVES).add(leaves);
    await nodes.pass(500);
    const other = b.group<string>('room', LIVES);
    other.writeAndFlush('in time');
    await nodes.pass(1);
    other.writeAndFlush('late');
    leaves.close();
    other.writeAndFlush('later');
    await nodes.pass(500);
    expect([a.groupCount, sent(leaves)]).toEqual([0, ['in time']]);
    const before = received();
    const again = a.group<string>('room', LIVES);
    again.add(comes);
    await nodes.pass(10);
    other.writeAndFlush('again');
    await nodes.pass(10);
    expect([sent(comes), received() - before, again.counters.lost]).toEqual([['again'], 1, 0]);
    expect([a.counters.ignored, nodes.lines.filter((line) => !line.startsWith('info'))]).toEqual([
      {},
      [],
    ]);
  });

  it('is known to be empty when its node dies, and is made again by the node that comes back', async () => {
    const { nodes, a, b } = await twoNodes();
    const channel = nodes.channel();
    a.group('room', IDS).add(channel);
    b.group('room', IDS).add(nodes.channel());
    await nodes.pass(500);
    expect(b.group('room', IDS).total).toBe(2);
    a.parts.directory.stop();
    await nodes.pass(6000);
    expect([...b.group('room', IDS).who()]).toHaveLength(1);
    channel.close();
    await nodes.pass(500);
    expect([a.groupCount, b.group('room', IDS).total]).toEqual([0, 1]);
    const again = await nodes.join();
    again.group('room', IDS).add(nodes.channel());
    await nodes.pass(2000);
    expect([b.group('room', IDS).total, again.group('room', IDS).total]).toEqual([2, 2]);
  });

  it('is not durable, and does not listen without members', async () => {
    const { a } = await twoNodes();
    const conflict = { ...LIVES, listens: 'always' } as const;
    expect(() => a.group('room', conflict)).toThrow(/lives/);
    expect(() => durableGroup(a as never, 'durable', LIVES as never)).toThrow(/lives/);
  });
});

describe('an object of a group that was freed', () => {
  async function freed<M = string>(options: ClusterGroupOptions<M> = LIVES) {
    const { nodes, a, b } = await twoNodes();
    const room = a.group<M>('room', options);
    const channel = nodes.channel();
    room.add(channel);
    await nodes.pass(500);
    channel.close();
    await nodes.pass(500);
    expect(a.groupCount).toBe(0);
    return { nodes, a, b, room };
  }

  it('has its name again with the next member', async () => {
    const { nodes, a, b, room } = await freed();
    const channel = nodes.channel();
    room.add(channel);
    await nodes.pass(500);
    expect([a.group('room', LIVES) === room, a.groupCount]).toEqual([true, 1]);
    b.group<string>('room').writeAndFlush('hello');
    await nodes.pass(10);
    expect([sent(channel), b.group('room').total]).toEqual([['hello'], 1]);
    channel.close();
    await nodes.pass(10);
    expect(a.groupCount).toBe(0);
  });

  it('is the group of its name when this is asked for again', async () => {
    const { nodes, a, b, room } = await freed();
    const [one, two] = [nodes.channel(), nodes.channel()];
    const [three, there] = [nodes.channel(), nodes.channel()];
    const { local } = room;
    const again = a.group<string>('room', LIVES);
    again.add(one);
    b.group<string>('room').add(there);
    await nodes.pass(500);
    expect([room.size, room.total, room.has(one), room.isEmpty]).toEqual([1, 2, true, false]);
    expect([...room]).toEqual([one]);
    room.add(two);
    local.add(three);
    expect([again === room, again.size, local.size]).toEqual([true, 3, 3]);
    room.writeAndFlush('hello');
    await nodes.pass(10);
    expect([one, two, three, there].map(sent)).toEqual(Array(4).fill(['hello']));
    expect([room.remove(two), again.size, a.groupCount]).toEqual([true, 2, 1]);
    expect(String(room)).toContain('here: 2');
    const events: unknown[] = [];
    const listener = (gap: unknown): void => void events.push(gap);
    room.on('gap', listener);
    again.emit('gap', { node: '', group: 'room', lost: 1 });
    expect(events).toHaveLength(1);
    room.off('gap', listener);
    room.close();
    await nodes.pass(500);
    expect([one.isOpen, three.isOpen, a.groupCount]).toEqual([false, false, 0]);
  });

  it('is refused while another one with other options has its name, and has it again after that', async () => {
    const { nodes, a, room } = await freed<unknown>(IDS);
    const [one, two, three] = [nodes.channel(), nodes.channel(), nodes.channel()];
    const other = a.group('room', LIVES);
    expect(a.group('room', LIVES)).toBe(other);
    other.add(one);
    await nodes.pass(10);
    const text = /other options: ask the cluster for the group again/;
    expect(() => room.add(two)).toThrow(text);
    expect(() => room.writeAndFlush('lost')).toThrow(text);
    expect(() => room.on('gap', () => {})).toThrow(text);
    room.removeAllListeners();
    room.local.add(two);
    expect([room.size, [...room.who()]]).toEqual([0, []]);
    one.close();
    await nodes.pass(500);
    room.add(three);
    expect([a.knownGroup('room'), a.group('room', IDS)]).toEqual([room, room]);
    expect(() => other.add(two)).toThrow(text);
  });

  it('still writes to the members elsewhere, in order and without a gap', async () => {
    const { nodes, a, b, room } = await freed();
    const there = nodes.channel();
    const gaps: unknown[] = [];
    const other = b.group<string>('room').on('gap', (gap) => void gaps.push(gap));
    other.add(there);
    await nodes.pass(10);
    for (let i = 0; i < 5; i += 1) {
      room.writeAndFlush(`${i}`);
      await nodes.pass(i === 2 ? 0 : 10);
    }
    expect([sent(there), gaps, a.groupCount]).toEqual([['0', '1', '2', '3', '4'], [], 0]);
  });

  it('begins above all its numbers when these are forgotten, and reports no gap', async () => {
    const { nodes, a, b, room } = await freed();
    const there = nodes.channel();
    const gaps: unknown[] = [];
    const other = b.group<string>('room').on('gap', (gap) => void gaps.push(gap));
    other.add(there);
    await nodes.pass(10);
    for (let i = 0; i < 5; i += 1) room.writeAndFlush(`${i}`);
    for (let i = 0; i < 9; i += 1) a.group<string>('busy', LIVES).writeAndFlush('hello');
    await nodes.pass(61_000);
    a.group<string>('another', LIVES).writeAndFlush('hello');
    await nodes.pass(10);
    room.writeAndFlush('5');
    await nodes.pass(10);
    room.writeAndFlush('6');
    await nodes.pass(10);
    expect([sent(there), gaps]).toEqual([['0', '1', '2', '3', '4', '5', '6'], []]);
    expect(other.counters).toMatchObject({ received: 7, lost: 0 });
  });
});

async function answersOf(group: ClusterGroup) {
  const answers = [];
  for await (const answer of group.request(Buffer.from('?'), { timeoutMs: 2000 })) {
    answers.push(answer);
  }
  return answers;
}
