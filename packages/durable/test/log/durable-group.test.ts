import { EngineBus, memoryBus } from '@headrace/bus';
import { meshBus } from '@headrace/bus/mesh';
import { Cluster, type ClusterGroup } from '@headrace/cluster';
import { ChannelMatchers } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { DurableGroup, durableGroup, type JoinOutcome, stateGroup } from '@headrace/durable';
import { BroadcastHandler } from '@headrace/handlers';
import { Simulation } from '@headrace/simulation';
import { type LogPosition, logOf } from '@headrace/store';
import { describe, expect, it, vi } from 'vitest';
import { type Member, VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';

function roomOf(
  cluster: Cluster,
  durable: { readonly recent?: number; readonly messages?: number } = {},
): DurableGroup<string> {
  return durableGroup<string>(cluster, 'room', {
    ...durable,
    format: (text, { offset }) => `${offset} ${text}`,
  });
}

/** Some nodes with their rooms. */
async function rooms(
  count: number,
  durable?: { readonly recent?: number; readonly messages?: number },
): Promise<{ nodes: VirtualNodes; clusters: Cluster[]; all: DurableGroup<string>[] }> {
  const nodes = new VirtualNodes();
  const clusters: Cluster[] = [];
  for (let i = 0; i < count; i++) clusters.push(await nodes.join());
  await nodes.pass(20);
  return { nodes, clusters, all: clusters.map((cluster) => roomOf(cluster, durable)) };
}

async function memberOf(nodes: VirtualNodes, room: DurableGroup<string>): Promise<Member> {
  const member = await nodes.member();
  room.add(member.channel);
  await nodes.pass(20);
  return member;
}

describe('a durable group', () => {
  it('delivers to the members of all nodes in one order, with the position', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const members = [await memberOf(nodes, here), await memberOf(nodes, there)];
    here.write('a');
    there.write('b');
    here.write('c');
    await nodes.pass(20);
    expect(members[0]!.got.map((text) => String(text).slice(2)).sort()).toEqual(['a', 'b', 'c']);
    expect(members[0]!.got).toEqual(members[1]!.got);
    expect(here.history.position?.offset).toBe(3);
  });

  it('refuses what is not a channel', async () => {
    const nodes = new VirtualNodes();
    const room = durableGroup<string>(await nodes.join(), 'room');
    for (const value of [{} as never, undefined as never]) {
      const text = /^channel is (an object|undefined), but must be a channel of this node/;
      expect(() => room.history.join(value)).toThrow(text);
      expect(() => room.add(value)).toThrow(text);
    }
    expect([room.size, room.history.joiners]).toEqual([0, 0]);
  });

  it('fails a write that is longer than its members take, and delivers the others', async () => {
    const nodes = new VirtualNodes();
    const room = durableGroup<string>(await nodes.join(), 'room', { maxMessageBytes: 10 });
    await nodes.pass(20);
    const member = await nodes.member();
    room.add(member.channel);
    const [longest, tooLong] = ['x'.repeat(10), 'x'.repeat(11)].map((text) => room.write(text));
    room.write('after it');
    await nodes.pass(20);
    expect(longest!.isSuccess).toBe(true);
    await expect(tooLong!.stored).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
      details: { length: 11, maxMessageBytes: 10 },
    });
    expect(member.got).toEqual(['x'.repeat(10), 'after it']);
    expect(room.counters.published).toMatchObject({ sent: 2, dropped: 1 });
  });

  it('takes by default what a WebSocket reads by default, with 1 KiB for its format', async () => {
    const { nodes, all } = await rooms(1);
    const [longest, tooLong] = [64_512, 64_513].map((bytes) => all[0]!.write('x'.repeat(bytes)));
    await nodes.pass(20);
    expect([longest!.isSuccess, tooLong!.isSuccess]).toEqual([true, false]);
  });

  it('gives members what is written right after they were added', async () => {
    const { nodes, all } = await rooms(1);
    const member = await nodes.member();
    all[0]!.add(member.channel);
    all[0]!.write('at once');
    await nodes.pass(20);
    expect(member.got).toEqual(['1 at once']);
  });

  it('stores a message with the same id once, whichever node it is written on', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const member = await memberOf(nodes, there);
    const first = here.write('once', { id: 'ann-1' });
    const again = here.write('once', { id: 'ann-1' });
    await nodes.pass(20);
    const elsewhere = there.write('once', { id: 'ann-1' });
    await nodes.pass(20);
    expect(member.got).toEqual(['1 once']);
    for (const outcome of [first, again, elsewhere]) {
      expect(outcome.position?.offset).toBe(1);
      expect(outcome.isBegun && outcome.isSuccess).toBe(true);
    }
    expect(there.backlog).toBe(0);
    const published = { sent: 2, kept: 0, dropped: 0 };
    expect(here.counters).toEqual({ published: { ...published, sent: 1 }, received: 0, lost: 0 });
    expect(there.counters.received).toBe(1);
    await nodes.pass(121_000);
    there.write('later', { id: 'ann-1' });
    await nodes.pass(20);
    expect(member.got).toEqual(['1 once', '2 later']);
  });

  it('leaves out the sender on the writing node, and nobody elsewhere', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const [sender, other, far] = [
      await memberOf(nodes, here),
      await memberOf(nodes, here),
      await memberOf(nodes, there),
    ];
    here.write('hi', ChannelMatchers.isNot(sender.channel));
    await nodes.pass(20);
    expect([sender.got, other.got, far.got]).toEqual([[], ['1 hi'], ['1 hi']]);
  });

  it('leaves out both connections of a sender that repeats a message on the same node', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const [before, after] = [await memberOf(nodes, room), await memberOf(nodes, room)];
    room.write('hi', { id: 'ann-1', matcher: ChannelMatchers.isNot(before.channel) });
    room.write('hi', { id: 'ann-1', matcher: ChannelMatchers.isNot(after.channel) });
    await nodes.pass(20);
    expect([before.got, after.got]).toEqual([[], []]);
  });

  it('sends what is for one member here at once, and does not store it', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const member = await memberOf(nodes, room);
    const outcome = room.writeAndFlush('for you', ChannelMatchers.is(member.channel));
    expect(member.got).toEqual(['for you']);
    expect(outcome.isBegun).toBe(true);
    await outcome;
    expect(outcome.position).toBeUndefined();
    expect(room.history.position?.offset).toBe(0);
  });

  it('refuses matchers that do not say what they mean elsewhere, and ids that are none', async () => {
    const { all } = await rooms(1);
    expect(() => all[0]!.write('x', () => true)).toThrow(/elsewhere/);
    expect(() => all[0]!.write('x', { id: '' })).toThrow(/1 to 128/);
    expect(() => all[0]!.write('x', { id: 'x'.repeat(129) })).toThrow(/1 to 128/);
    expect(() => all[0]!.write(null as unknown as string)).toThrow(TypeError);
  });

  it('holds the reads of a sender until its message was delivered here', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    // Where this member begins is not known yet.
    room.add((await nodes.member()).channel);
    const sender = EmbeddedChannel.with({ clock: nodes.clock }, new BroadcastHandler(room));
    sender.writeInbound('hi');
    expect(sender.readHolds).toEqual(['BroadcastHandler']);
    expect(room.backlog).toBe(1);
    let isDrained = false;
    room.onceDrained(() => {
      isDrained = true;
    });
    await nodes.pass(20);
    expect(sender.isReadHeld).toBe(false);
    expect(isDrained).toBe(true);
  });

  it('fails with BUS_DOWN after 5 s while the bus is away, and goes on in order', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const member = await memberOf(nodes, here);
    const far = await memberOf(nodes, there);
    nodes.hub.kill();
    const lost = here.write('lost');
    const began: boolean[] = [];
    lost.onceBegun(() => began.push(true));
    await nodes.pass(4900);
    expect(lost.isSettled).toBe(false);
    const kept = here.write('kept');
    await nodes.pass(200);
    await expect(lost.stored).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
    expect(began).toEqual([true]);
    nodes.hub.start();
    await nodes.pass(4000);
    expect(kept.isSuccess).toBe(true);
    expect(member.got).toEqual(['1 kept']);
    expect(far.got).toEqual(['1 kept']);
  });

  it('stores nothing before the members’ beginning is known, and fails after 5 s', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    nodes.hub.kill();
    const member = await memberOf(nodes, room);
    const lost = room.write('lost');
    await nodes.pass(5100);
    await expect(lost).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
    const kept = room.write('kept');
    nodes.hub.start();
    await nodes.pass(4000);
    expect(kept.isSuccess).toBe(true);
    expect(member.got).toEqual(['1 kept']);
  });

  it('gives a node that was cut off everything when the bus is back', async () => {
    const { nodes, all } = await rooms(2, { recent: 2 });
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    await memberOf(nodes, here);
    const far = await memberOf(nodes, there);
    for (let i = 0; i < 600; i++) here.write(`m${i}`);
    nodes.hub.kill();
    nodes.hub.start();
    await nodes.pass(5000);
    expect(far.got).toEqual(Array.from({ length: 600 }, (_, i) => `${i + 1} m${i}`));
  });

  it('stores what waits before it is left, also without a member', async () => {
    const { nodes, clusters, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const member = await memberOf(nodes, here);
    const far = await memberOf(nodes, there);
    nodes.hub.kill();
    await nodes.pass(10);
    const last = here.write('the last word');
    member.channel.close();
    await nodes.pass(20);
    expect(here.backlog).toBe(1);
    const leaving = clusters[0]!.leave();
    await nodes.pass(500);
    nodes.hub.start();
    await nodes.pass(5000);
    await leaving;
    expect([last.isSuccess, far.got]).toEqual([true, ['1 the last word']]);
  });

  it('lets a sender go on 5 s after its message was stored, and leaves it out when it comes back', async () => {
    const { nodes, all } = await rooms(2);
    const [room] = all as [DurableGroup<string>];
    const member = await memberOf(nodes, room);
    const matcher = ChannelMatchers.isNot(member.channel);
    room.write('before');
    await nodes.pass(3000);
    const message = room.write('hi', { id: 'one', matcher });
    await Promise.resolve();
    await Promise.resolve();
    nodes.hub.kill();
    await nodes.pass(10);
    expect([message.isSuccess, message.isBegun]).toEqual([true, false]);
    await nodes.pass(4900);
    expect(message.isBegun).toBe(false);
    await nodes.pass(200);
    expect(message.isBegun).toBe(true);
    const again = room.write('hi', { id: 'one', matcher });
    expect(again.isBegun).toBe(false);
    await nodes.pass(5100);
    expect([again.isSuccess, again.isBegun]).toEqual([true, true]);
    nodes.hub.start();
    await nodes.pass(4000);
    room.write('after');
    await nodes.pass(20);
    expect([room.backlog, member.got]).toEqual([0, ['1 before', '3 after']]);
  });

  it('goes on when listeners of its outcomes and of its backlog throw', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const member = await memberOf(nodes, here);
    const far = await memberOf(nodes, there);
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const throws = (text: string) => () => {
      throw new Error(text);
    };
    const called: string[] = [];
    const message = here.write('a');
    message.onceBegun(throws('begun'));
    message.onceBegun(() => void called.push('begun'));
    here.onceDrained(throws('drained'));
    here.onceDrained(() => void called.push('drained'));
    here.write('b');
    await nodes.pass(50);
    message.onceBegun(throws('begun before'));
    const warnings = warn.mock.calls.map(([error]) => (error as Error).message);
    warn.mockRestore();
    expect(called).toEqual(['begun', 'drained']);
    expect(warnings).toEqual(['begun', 'drained', 'begun before']);
    expect([member.got, far.got]).toEqual([
      ['1 a', '2 b'],
      ['1 a', '2 b'],
    ]);
  });

  it('counts messages that are none, and goes on', async () => {
    const { nodes, clusters, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const member = await memberOf(nodes, room);
    const { bus, subjects } = clusters[0]!.parts.wire;
    await logOf(bus)!.append(subjects.stream('room'), 'x', Buffer.from('rubbish'));
    room.write('sense');
    await nodes.pass(20);
    expect(member.got).toEqual(['2 sense']);
    // The live copy, and what the log has.
    expect(clusters[0]!.counters.ignored).toEqual({ foreign: 2 });
    nodes.lines.length = 0;
  });

  it('has presence as other groups do', async () => {
    const nodes = new VirtualNodes();
    const [one, two] = [await nodes.join(), await nodes.join()];
    const options = { presence: 'ids', idOf: () => 'ann' } as const;
    const here = durableGroup<string>(one, 'room', options);
    const there = durableGroup<string>(two, 'room', options);
    const joined: string[] = [];
    there.on('memberJoined', ({ id, node }) => joined.push(`${id} ${node === one.nodeId}`));
    here.add((await nodes.member()).channel);
    await nodes.pass(300);
    expect(joined).toEqual(['ann true']);
    expect([there.total, there.size]).toEqual([1, 0]);
    expect([...there.who()]).toEqual([{ id: 'ann', node: one.nodeId }]);
  });

  it('reads nothing and follows nothing without members', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    const outcome = here.write('to nobody');
    await nodes.pass(20);
    expect(outcome.isBegun && outcome.isSuccess).toBe(true);
    expect(here.history.position).toBeUndefined();
    const member = await memberOf(nodes, there);
    expect(there.history.position?.offset).toBe(1);
    there.remove(member.channel);
    expect(there.history.position).toBeUndefined();
  });
});

describe('GroupHistory.join', () => {
  it('gives a member what it missed, and then what comes', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const first = await memberOf(nodes, room);
    const member = await nodes.member();
    const start = await room.history.join(member.channel);
    expect(start).toMatchObject({ recovered: false, count: 0, position: { offset: 0 } });
    room.remove(member.channel);
    for (const text of ['a', 'b', 'c']) room.write(text);
    await nodes.pass(20);
    const back = await nodes.member();
    const joining = room.history.join(back.channel, start.position);
    room.write('d');
    await nodes.pass(20);
    expect(await joining).toMatchObject({ recovered: true });
    expect(back.got).toEqual(['1 a', '2 b', '3 c', '4 d']);
    expect(first.got).toEqual(back.got);
    expect(room.history.readCount).toBe(0);
  });

  it('answers between what was missed and what comes, and once', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    await memberOf(nodes, room);
    room.write('a');
    await nodes.pass(20);
    const { epoch } = room.history.position!;
    const { channel, got } = await nodes.member();
    const answer = ({ position, count }: JoinOutcome): string => {
      room.write('b');
      return `${position.offset} answer after ${count}, ${room.has(channel) ? 'late' : 'in time'}`;
    };
    const joining = room.history.join(channel, { epoch, offset: 0 }, { answer });
    await nodes.pass(20);
    await joining;
    expect(got).toEqual(['1 a', '1 answer after 1, in time', '2 b']);
  });

  it('rejects with the error of the answer, and adds no member', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const { channel } = await nodes.member();
    const answer = (): never => {
      throw new Error('no answer');
    };
    const joining = room.history.join(channel, undefined, { answer }).catch(String);
    await nodes.pass(20);
    expect([await joining, room.has(channel)]).toEqual(['Error: no answer', false]);
  });

  it('reads once for all who come at the same time', async () => {
    const { nodes, all } = await rooms(2, { recent: 2 });
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    await memberOf(nodes, there);
    const positions: LogPosition[] = [];
    for (let i = 0; i < 50; i++) {
      const outcome = here.write(`m${i}`);
      await outcome;
      positions.push(outcome.position!);
    }
    const members: Member[] = [];
    for (let i = 0; i < 40; i++) members.push(await nodes.member());
    const joining = Promise.all(
      members.map(({ channel }, i) => there.history.join(channel, positions[i]!)),
    );
    await nodes.pass(50);
    expect((await joining).every(({ recovered }) => recovered)).toBe(true);
    members.forEach(({ got }, i) => {
      expect(got).toEqual(Array.from({ length: 49 - i }, (_, j) => `${i + j + 2} m${i + j + 1}`));
    });
    expect(there.history.readCount).toBe(1);
  });

  it('waits for what a member had already on another node', async () => {
    const { nodes, all } = await rooms(2);
    const [here, there] = all as [DurableGroup<string>, DurableGroup<string>];
    await memberOf(nodes, there);
    const outcome = here.write('first');
    const member = await nodes.member();
    let joined = false;
    // The node of the member has not heard of it when it comes.
    const joining = outcome.stored.then(async (position) => {
      const result = await there.history.join(member.channel, position);
      joined = true;
      return result;
    });
    await nodes.pass(20);
    expect(joined).toBe(true);
    expect(await joining).toMatchObject({ recovered: true, count: 0, position: { offset: 1 } });
    here.write('second');
    await nodes.pass(20);
    expect(member.got).toEqual(['2 second']);
  });

  it('says that a position of another epoch, an invented one or a forgotten one is not recovered', async () => {
    const { nodes, all } = await rooms(1, { recent: 1, messages: 3 });
    const [room] = all as [DurableGroup<string>];
    await memberOf(nodes, room);
    for (let i = 0; i < 9; i++) room.write(`m${i}`);
    await nodes.pass(20);
    const { epoch } = room.history.position!;
    const outcomes: unknown[] = [];
    for (const position of [
      { epoch: 'other', offset: 9 },
      { epoch, offset: 1_000_000 },
      { epoch, offset: 4 },
      { epoch, offset: -1 },
      { epoch, offset: 2.5 },
      { epoch, offset: 6 },
    ]) {
      const { channel, got } = await nodes.member();
      const joining = room.history.join(channel, position);
      await nodes.pass(50);
      outcomes.push([(await joining).recovered, got.length, room.has(channel)]);
    }
    expect(outcomes).toEqual([
      [false, 0, true],
      [false, 0, true],
      [false, 0, true],
      [false, 0, true],
      [false, 0, true],
      [true, 3, true],
    ]);
  });

  it('gives a slow member no more at once than its output takes', async () => {
    const { nodes, all } = await rooms(1, { recent: 4 });
    const [room] = all as [DurableGroup<string>];
    await memberOf(nodes, room);
    const start = { epoch: room.history.position!.epoch, offset: 0 };
    for (let i = 0; i < 300; i++) room.write(`m${i}`);
    await nodes.pass(20);
    const { channel, got, transport } = await nodes.member();
    transport.isStuck = true;
    const joining = room.history.join(channel, start);
    await nodes.pass(100);
    expect(room.has(channel)).toBe(false);
    expect(channel.pendingOutboundBytes).toBeLessThan(100_000);
    room.write('meanwhile');
    for (let i = 0; i < 100 && !room.has(channel); i++) {
      transport.release();
      transport.isStuck = true;
      await nodes.pass(20);
    }
    transport.release();
    await nodes.pass(20);
    expect((await joining).recovered).toBe(true);
    room.write('later');
    await nodes.pass(20);
    expect(got).toEqual([
      ...Array.from({ length: 300 }, (_, i) => `${i + 1} m${i}`),
      '301 meanwhile',
      '302 later',
    ]);
  });

  it('ends with the channel, and with BUS_DOWN after 5 s', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    nodes.hub.kill();
    await nodes.pass(20);
    const { channel } = await nodes.member();
    const joining = room.history.join(channel);
    joining.catch(() => {});
    await nodes.pass(5100);
    await expect(joining).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
    expect(room.has(channel)).toBe(false);
    const gone = room.history.join(channel);
    channel.close();
    nodes.hub.start();
    gone.catch(() => {});
    await nodes.pass(4000);
    await expect(gone).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
  });

  it.each([
    ['before the join', true],
    ['while missed messages are read', false],
  ])('writes no message when the output of the channel ends %s', async (_when, isBefore) => {
    const { nodes, all } = await rooms(1, { recent: 1 });
    const [room] = all as [DurableGroup<string>];
    await memberOf(nodes, room);
    for (const text of ['a', 'b', 'c']) room.write(text);
    await nodes.pass(20);
    const { epoch } = room.history.position!;
    const { channel, got } = await nodes.member();
    const written: unknown[] = [];
    channel.pipeline.addLast({
      write: (ctx, message) => {
        written.push(message);
        return ctx.write(message);
      },
    });
    if (isBefore) channel.end();
    const joining = room.history.join(channel, { epoch, offset: 0 });
    joining.catch(() => {});
    channel.end();
    await nodes.pass(20);
    await expect(joining).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    expect([written, got, room.has(channel)]).toEqual([[], [], false]);
  });
});

describe('GroupHistory.since', () => {
  it('gives messages after a position, with and without members', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const first = room.write('a', { id: 'a1' });
    room.write('b', { id: 'b1' });
    room.write('c', { id: 'c1' });
    await nodes.pass(20);
    const asked = room.history.since(first.position!);
    const two = room.history.since(first.position!, { limit: 1 });
    await nodes.pass(20);
    const { epoch } = first.position!;
    const b = { message: 'b', id: 'b1', position: { epoch, offset: 2 } };
    const c = { message: 'c', id: 'c1', position: { epoch, offset: 3 } };
    expect(await asked).toEqual({
      recovered: true,
      entries: [b, c],
      position: c.position,
      isComplete: true,
    });
    expect(await two).toEqual({
      recovered: true,
      entries: [b],
      position: b.position,
      isComplete: false,
    });
    expect(room.history.readCount).toBe(1);
    await memberOf(nodes, room);
    const nothing = await room.history.since(room.history.position!);
    expect(nothing).toMatchObject({ recovered: true, entries: [], isComplete: true });
    expect(room.history.readCount).toBe(1);
  });

  it('rejects with BUS_DOWN while the log cannot be read', async () => {
    const { nodes, all } = await rooms(1);
    nodes.hub.kill();
    const asked = all[0]!.history.since({ epoch: 'x', offset: 1 });
    asked.catch(() => {});
    await nodes.pass(20);
    await expect(asked).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });
});

describe('a durable group after its cluster was left', () => {
  it('rejects with BUS_DOWN what needs the log, and counts the members that stay and come', async () => {
    const { nodes, clusters, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const stays = await memberOf(nodes, room);
    const position = { epoch: 'x', offset: 1 };
    const leaving = clusters[0]!.leave();
    await nodes.pass(50);
    await leaving;
    const { channel } = await nodes.member();
    const asked = [
      room.history.join(channel, position),
      room.history.since(position),
      room.history.newest(1),
    ];
    const outcomes = Promise.allSettled(asked);
    await nodes.pass(20);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'HR_ERR_BUS_DOWN' } });
    }
    expect([room.has(channel), room.total]).toEqual([false, 1]);
    expect([room.add(channel), room.total]).toEqual([true, 2]);
    channel.close();
    stays.channel.close();
    await nodes.pass(20);
    expect([room.size, room.total]).toEqual([0, 0]);
    expect(nodes.lines).toEqual([]);
  });

  it('rejects with BUS_DOWN what it is asked just before', async () => {
    const { nodes, clusters, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    room.write('a');
    await nodes.pass(20);
    const asked = room.history.newest(1).catch((error: unknown) => error);
    const leaving = clusters[0]!.leave();
    await nodes.pass(50);
    await leaving;
    expect(await asked).toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });
});

describe('durableGroup', () => {
  it('gives the same group again, and refuses another kind or other options', async () => {
    const { clusters, all } = await rooms(1, { recent: 8 });
    const [cluster] = clusters as [Cluster];
    expect(durableGroup(cluster, 'room')).toBe(all[0]);
    expect(durableGroup(cluster, 'room', { recent: 8 })).toBe(all[0]);
    expect(() => durableGroup(cluster, 'room', { recent: 9 })).toThrow(/another recent/);
    const known: ClusterGroup = cluster.group('room');
    expect(known).toBe(all[0]);
    const plain: ClusterGroup = cluster.group('plain');
    expect(plain).not.toBeInstanceOf(DurableGroup);
    expect(() => plain.write('x', { id: 'x' })).toThrow(/make it by durableGroup/);
    expect(() => durableGroup(cluster, 'plain')).toThrow(/is not durable/);
  });

  it('refuses options that contradict each other', async () => {
    const { clusters } = await rooms(1);
    const [cluster] = clusters as [Cluster];
    const make = (options: object) => () => durableGroup(cluster, 'new', options);
    expect(make({ messages: 10, recent: 11 })).toThrow(/exceeds messages/);
    expect(make({ slowMember: 'drop-oldest' })).toThrow(/leaves messages out/);
    expect(make({ listens: 'always' })).toThrow(/no option listens/);
    expect(make({ messages: 0 })).toThrow(/messages/);
    expect(make({ ageMs: 0 })).toThrow(/ageMs/);
    expect(make({ size: 1 })).toThrow(/no option size/);
    expect(make({ format: 'x' })).toThrow(/format/);
    expect(make({ presence: 'some' })).toThrow(/presence/);
  });

  it('writes the messages of others while format gives promises, or throws', async () => {
    const nodes = new VirtualNodes();
    const cluster = await nodes.join();
    await nodes.pass(20);
    const format = (text: string) => {
      if (text === 'late') return Promise.reject(new Error('too late'));
      if (text === 'never') return new Promise(() => {});
      if (text === 'wrong') throw new Error('no format');
      return text;
    };
    const room = durableGroup<string>(cluster, 'room', { format });
    const member = await memberOf(nodes, room);
    for (const text of ['late', 'a', 'never', 'wrong', 'b']) room.write(text);
    await nodes.pass(20);
    expect(member.got).toEqual(['a', 'b']);
  });

  it('refuses a message of which messageId throws, and stores the next', async () => {
    const nodes = new VirtualNodes();
    const cluster = await nodes.join();
    await nodes.pass(20);
    const messageId = (text: string) => {
      if (text === 'wrong') throw new Error('no id');
      return text;
    };
    const room = durableGroup<string>(cluster, 'room', { messageId });
    const member = await memberOf(nodes, room);
    expect(() => room.write('wrong')).toThrow('no id');
    room.write('a');
    await nodes.pass(20);
    expect(member.got).toEqual(['a']);
  });

  it('names the buses that have a log', async () => {
    const nodes = new VirtualNodes();
    const bus = new EngineBus({
      name: 'fast://here',
      connect: () => new Promise(() => {}),
    });
    const joining = nodes.join({ bus, joinTimeoutMs: 10 });
    await nodes.pass(50);
    const cluster = await joining;
    expect(() => durableGroup(cluster, 'room')).toThrow(
      /fast:\/\/here has no log; memoryBus\(\), processBus\(\), natsBus\(\) and redisBus\(\)/,
    );
  });

  it('names the buses that have a log or a store for states, also on a mesh', async () => {
    const nodes = new VirtualNodes();
    const network = new Simulation({ seed: 1 }).host('node', () => {});
    const joining = nodes.join({ bus: meshBus({ port: 1, network }), joinTimeoutMs: 10 });
    await nodes.pass(50);
    const cluster = await joining;
    expect(() => durableGroup(cluster, 'room')).toThrow(
      /mesh:\/\/127.0.0.1:1 has no log; .*natsBus\(\)/,
    );
    expect(() => stateGroup(cluster, 'room')).toThrow(
      /mesh:\/\/127.0.0.1:1 has no store for states; memoryBus\(\), processBus\(\), natsBus\(\) and redisBus\(\)/,
    );
    const leaving = cluster.leave();
    await nodes.pass(1000);
    await leaving;
  });

  it('works without a bus, in one process', async () => {
    const nodes = new VirtualNodes();
    const cluster = await nodes.join({ bus: memoryBus() });
    const room = roomOf(cluster);
    const member = await memberOf(nodes, room);
    room.write('alone');
    await nodes.pass(20);
    expect(member.got).toEqual(['1 alone']);
    const leaving = cluster.leave();
    await nodes.pass(50);
    await leaving;
    await expect(room.write('late').stored).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });

  it('delivers what comes after a message whose matcher throws', async () => {
    const { nodes, all } = await rooms(1);
    const [room] = all as [DurableGroup<string>];
    const member = await memberOf(nodes, room);
    nodes.hub.kill();
    await nodes.pass(100);
    const bad = ChannelMatchers.elsewhere(() => {
      throw new Error('no such channel');
    }, 'all');
    const first = room.write('for whom?', bad);
    room.write('for all');
    nodes.hub.start();
    // Both come out of one read of the log.
    await nodes.pass(3000);
    expect(member.got).toEqual(['2 for all']);
    expect(nodes.lines).toContain('a matcher of the group room threw');
    await expect(first.stored).resolves.toMatchObject({ offset: 1 });
    expect(room.backlog).toBe(0);
  });
});
