import type { ClusterGroup } from '@headrace/cluster';
import { type Channel, ChannelMatchers, isHeadraceError } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { PRINCIPAL } from '@headrace/handlers';
import { describe, expect, it, vi } from 'vitest';
import { BODY, encodeEnvelope, KIND, type Kind } from '../../src/envelope/envelope.ts';
import type { NoteListener } from '../../src/node/inbox.ts';
import { MAX_KEPT_BYTES } from '../../src/pace/paced-messages.ts';
import { Nodes, sent } from '../nodes.ts';

async function twoNodes() {
  const nodes = new Nodes();
  const a = await nodes.join();
  const b = await nodes.join();
  await nodes.pass(1000);
  return { nodes, a, b };
}

describe('a group over two nodes', () => {
  it('sends to the members here at once, and to those elsewhere over the bus', async () => {
    const { nodes, a, b } = await twoNodes();
    const [here, there] = [nodes.channel(), nodes.channel()];
    a.group('room').add(here);
    b.group('room').add(there);
    await nodes.pass(10);
    a.group('room').writeAndFlush('hello');
    nodes.clock.runTasks();
    expect(sent(here)).toEqual(['hello']);
    await nodes.pass(1);
    expect(sent(there)).toEqual(['hello']);
  });

  it('that always listens gets messages of other nodes even without local members', async () => {
    const { nodes, a, b } = await twoNodes();
    const always = b.group('always', { listens: 'always' });
    const usual = b.group('usual');
    await nodes.pass(50);
    const say = () => {
      for (const name of ['usual', 'always']) a.group(name).writeAndFlush('hello');
    };
    say();
    await nodes.pass(50);
    expect([usual.counters.received, always.counters.received]).toEqual([0, 1]);
    const there = nodes.channel();
    always.add(there);
    always.remove(there);
    say();
    await nodes.pass(50);
    expect([always.counters.received, sent(there)]).toEqual([2, []]);
    expect(() => a.group('other', { listens: 'never' as 'always' })).toThrow('listens');
  });

  it('sends what was written with the flush, as a channel does', async () => {
    const { nodes, a, b } = await twoNodes();
    const there = nodes.channel();
    b.group('room').add(there);
    await nodes.pass(10);
    a.group('room').write('one');
    a.group('room').write('two');
    await nodes.pass(10);
    expect(sent(there)).toEqual([]);
    a.group('room').flush();
    await nodes.pass(10);
    expect(sent(there)).toEqual(['one', 'two']);
  });

  it('asks a matcher what it means elsewhere', async () => {
    const { nodes, a, b } = await twoNodes();
    const [here, there] = [nodes.channel(), nodes.channel()];
    a.group('room').add(here);
    b.group('room').add(there);
    await nodes.pass(10);
    a.group('room').writeAndFlush('others', ChannelMatchers.isNot(here));
    a.group('room').writeAndFlush('me', ChannelMatchers.is(here));
    await nodes.pass(10);
    expect(sent(here)).toEqual(['me']);
    expect(sent(there)).toEqual(['others']);
    const matcher = () => true;
    expect(() => a.group('room').write('what?', matcher)).toThrow(/elsewhere/);
  });

  it('keeps texts, bytes and objects what they are, and what is too long from everybody', async () => {
    const { nodes, a, b } = await twoNodes();
    const [here, there] = [nodes.channel(), nodes.channel()];
    a.group('room').add(here);
    b.group('room').add(there);
    await nodes.pass(10);
    const messages = ['text', Buffer.from('bytes'), { an: ['object'] }];
    for (const message of messages) a.group('room').writeAndFlush(message);
    await nodes.pass(10);
    expect(sent(there)).toEqual(messages);
    sent(here);
    const tooLong = Buffer.alloc(1024 * 1024);
    let error: unknown;
    try {
      a.group('room').writeAndFlush(tooLong);
    } catch (thrown) {
      error = thrown;
    }
    expect(isHeadraceError(error, 'MESSAGE_TOO_LONG')).toBe(true);
    expect(() => a.group('room').write(10n)).toThrow(/JSON/);
    await nodes.pass(10);
    expect([sent(here), sent(there)]).toEqual([[], []]);
  });

  it('delivers to no member a message that a throwing matcher, or the group, refuses', async () => {
    const { nodes, a, b } = await twoNodes();
    const [here, there] = [nodes.channel(), nodes.channel()];
    a.group('room').add(here);
    b.group('room').add(there);
    await nodes.pass(10);
    const throws = ChannelMatchers.elsewhere(() => {
      throw new Error('no choice');
    }, 'all');
    expect(() => a.group('room').writeAndFlush('hello', throws)).toThrow('no choice');
    expect(() => a.group('room').write(null)).toThrow(/null/);
    a.group('room').flush();
    await nodes.pass(10);
    expect([sent(here), sent(there)]).toEqual([[], []]);
  });

  it('takes a codec in place of the body types', async () => {
    const { nodes, a, b } = await twoNodes();
    const codec = {
      encode: (message: number) => Buffer.from([message]),
      decode: (bytes: Buffer) => bytes[0]! + 1,
    };
    const there = nodes.channel();
    b.group('room', { codec }).add(there);
    await nodes.pass(10);
    a.group('room', { codec }).writeAndFlush(7);
    await nodes.pass(10);
    expect(sent(there)).toEqual([8]);
  });

  it('listens only while it has members', async () => {
    const { nodes, a, b } = await twoNodes();
    const room = b.group('room', { presence: false });
    const there = nodes.channel();
    const listeners = () => a.parts.wire.bus.receivers('hr.ptest.g.proom');
    expect(await listeners()).toBe(0);
    room.add(there);
    expect(await listeners()).toBe(1);
    there.close();
    await nodes.pass(1);
    expect(await listeners()).toBe(0);
  });

  it('counts what was lost on the way', async () => {
    const { nodes, a, b } = await twoNodes();
    const there = nodes.channel();
    const room = b.group('room');
    const gaps: unknown[] = [];
    room.on('gap', (gap) => gaps.push(gap));
    room.add(there);
    await nodes.pass(10);
    a.group('room').writeAndFlush(1);
    await nodes.pass(10);
    nodes.hub.stop();
    for (let i = 2; i <= 4; i += 1) a.group('room').writeAndFlush(i);
    await nodes.pass(10);
    nodes.hub.start();
    a.group('room').writeAndFlush(5);
    await nodes.pass(10);
    expect(sent(there)).toEqual([1, 5]);
    expect(gaps).toEqual([{ node: a.nodeId, group: 'room', lost: 3 }]);
    expect(room.counters).toMatchObject({ received: 2, lost: 3 });
    expect(a.group('room').counters.published).toEqual({ sent: 5, kept: 0, dropped: 0 });
  });

  it('takes what cannot be read for lost, whatever its number is', async () => {
    const { nodes, a, b } = await twoNodes();
    const there = nodes.channel();
    const room = b.group('room');
    room.add(there);
    await nodes.pass(10);
    const node = a.nodeId;
    const publish = (number: number, body: Buffer) =>
      a.parts.wire.bus.publish(
        'hr.ptest.g.proom',
        encodeEnvelope({ kind: KIND.broadcast, bodyType: BODY.text, flags: 0, node, number, body }),
      );
    publish(1, Buffer.from('one'));
    publish(2, Buffer.of(0xff));
    publish(1e6, Buffer.of(0xff));
    publish(3, Buffer.from('three'));
    await nodes.pass(10);
    expect(sent(there)).toEqual(['one', 'three']);
    expect(room.counters).toMatchObject({ received: 2, lost: 1 });
  });

  it('counts what comes faster than its members can be sent it', async () => {
    const { nodes, a, b } = await twoNodes();
    const room = b.group('room');
    for (let i = 0; i < 33; i += 1) room.add(nodes.channel());
    await nodes.pass(10);
    // So much waits for the members, and above 16,384 broadcasts that wait, a group refuses more.
    const count = 8500;
    const text = 'x'.repeat(2048);
    const senders = [a, await nodes.join(), await nodes.join(), await nodes.join()];
    await nodes.pass(1000);
    let waiting = 0;
    room.on('gap', () => {
      waiting ||= b.parts.waiting.bytes;
      for (const channel of room) room.remove(channel);
    });
    const clock = room.local.members()[0]!.clock as { now(): number };
    const now = clock.now.bind(clock);
    let time = 0;
    // Each look at the clock takes the whole slice: nothing is written meanwhile.
    clock.now = () => {
      time += 5;
      return now() + time;
    };
    for (const node of senders) {
      const group = node.group('room');
      for (let i = 0; i < count; i += 1) group.write(text);
      group.flush();
    }
    await nodes.pass(0);
    clock.now = now;
    const { lost } = room.counters;
    expect(waiting / MAX_KEPT_BYTES).toBeCloseTo(1, 3);
    expect(waiting).toBeLessThanOrEqual(MAX_KEPT_BYTES);
    expect(lost).toBeGreaterThan(0);
    expect(b.parts.waiting.bytes).toBe(0);
  });

  it('serves its members while the bus is down, and sends the others what it kept', async () => {
    const { nodes, a, b } = await twoNodes();
    const [here, there] = [nodes.channel(), nodes.channel()];
    a.group('room').add(here);
    b.group('room').add(there);
    await nodes.pass(10);
    nodes.hub.kill();
    expect(a.state).toBe('down');
    a.group('room').writeAndFlush('kept');
    nodes.clock.runTasks();
    expect(sent(here)).toEqual(['kept']);
    nodes.hub.start();
    await nodes.pass(4000);
    expect(sent(there)).toEqual(['kept']);
  });

  it('refuses other options for a group that is there, and names that are none', async () => {
    const { a } = await twoNodes();
    a.group('room', { presence: 'ids' });
    expect(a.group('room')).toBe(a.group('room', { presence: 'ids' }));
    expect(() => a.group('room', { presence: false })).toThrow(/another presence/);
    expect(() => a.group('')).toThrow(/name/);
    expect(() => a.group('x', { presense: 'ids' } as never)).toThrow(/presense/);
  });
});

describe('presence', () => {
  it('counts the members of all nodes', async () => {
    const { nodes, a, b } = await twoNodes();
    a.group('room').add(nodes.channel());
    b.group('room').add(nodes.channel());
    const leaves = nodes.channel();
    b.group('room').add(leaves);
    await nodes.pass(200);
    expect([a.group('room').total, b.group('room').total]).toEqual([3, 3]);
    leaves.close();
    await nodes.pass(200);
    expect(a.group('room').total).toBe(2);
    expect(() => a.group('room').who()).toThrow(/presence: 'ids'/);
  });

  it('gives no list of members if members are only counted', async () => {
    const { nodes, a, b } = await twoNodes();
    const published: string[] = [];
    const { relay } = nodes.hub;
    const { publish } = relay;
    relay.publish = (subject, bytes) => {
      published.push(bytes.bytes.toString());
      publish.call(relay, subject, bytes);
    };
    const idOf = () => 'a secret name';
    const room = a.group('room', { idOf });
    const events: string[] = [];
    room.on('memberJoined', ({ id }) => void events.push(id));
    room.on('memberLeft', ({ id }) => void events.push(id));
    const member = nodes.channel();
    room.add(member);
    await nodes.pass(3000);
    expect(b.group('room', { idOf }).total).toBe(1);
    member.close();
    await nodes.pass(200);
    expect(b.group('room').total).toBe(0);
    expect(published.length).toBeGreaterThan(0);
    expect(published.filter((text) => text.includes('a secret name'))).toEqual([]);
    expect(events).toEqual([]);
  });

  it('lists the members, and announces joins and leaves', async () => {
    const { nodes, a, b } = await twoNodes();
    const options = { presence: 'ids' } as const;
    const events: string[] = [];
    a.group('room', options).on('memberJoined', ({ id, node }) => {
      events.push(`+${id} ${node === a.nodeId ? 'here' : 'there'}`);
    });
    a.group('room').on('memberLeft', ({ id, reason }) => void events.push(`-${id} ${reason}`));
    const join = (id: string, cluster: typeof a) => {
      const channel = nodes.channel();
      channel.attributes.set(PRINCIPAL, { id });
      cluster.group('room', options).add(channel);
      return channel;
    };
    join('ann', a);
    const bob = join('bob', b);
    const twice = join('bob', b);
    await nodes.pass(200);
    expect([...a.group('room').who()]).toEqual([
      { id: 'ann', node: a.nodeId },
      { id: 'bob', node: b.nodeId },
    ]);
    bob.close();
    await nodes.pass(200);
    expect(a.group('room').total).toBe(2);
    twice.close();
    await nodes.pass(200);
    expect(events).toEqual(['+ann here', '+bob there', '-bob left']);
  });

  it.each(['over the bus', 'through the log'] as const)(
    'gives a member the messages of a listener that is notified of it: %s',
    async (way) => {
      const nodes = new Nodes();
      const [a, b] = [await nodes.join(), await nodes.join()];
      await nodes.pass(1000);
      const options = { presence: 'ids', idOf: () => 'ann' } as const;
      const [here, there] = [a, b].map((cluster) =>
        way === 'over the bus'
          ? cluster.group<string>('room', options)
          : durableGroup<string>(cluster, 'room', options),
      ) as [ClusterGroup<string>, ClusterGroup<string>];
      here.on('memberJoined', () => void here.writeAndFlush('welcome'));
      const heard: unknown[][] = [];
      for (const group of [here, there]) {
        const channel = nodes.channel();
        group.add(channel);
        await nodes.pass(200);
        heard.push(sent(channel));
      }
      expect(heard).toEqual([['welcome'], ['welcome']]);
    },
  );

  it('asks for a snapshot, in pages, when it comes late', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const room = a.group('room', { presence: 'ids', idOf: (channel) => channel.id });
    const ids = Array.from({ length: 2500 }, () => {
      const channel = nodes.channel();
      room.add(channel);
      return channel.id;
    });
    await nodes.pass(5000);
    const b = await nodes.join();
    const late = b.group('room', { presence: 'ids' });
    await nodes.pass(2000);
    expect([...late.who()].map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });

  it('takes leave of the members of a node that is gone, after 5 s, and not before', async () => {
    const { nodes, a } = await twoNodes();
    const hub = nodes.hub;
    const c = await nodes.join();
    const left: string[] = [];
    const room = a.group('room', { presence: 'ids' });
    room.on('memberLeft', ({ reason }) => void left.push(reason));
    c.group('room', { presence: 'ids' }).add(nodes.channel());
    await nodes.pass(1000);
    expect(room.total).toBe(1);
    hub.stop();
    await nodes.pass(2000);
    hub.start();
    await nodes.pass(3000);
    expect(left).toEqual([]);
    await c.parts.wire.bus.close();
    await nodes.pass(4500);
    expect(left).toEqual([]);
    await nodes.pass(2000);
    expect(left).toEqual(['node-gone']);
    expect(room.total).toBe(0);
  });

  it('counts a member whose id is none of a text of 128 characters', async () => {
    const { nodes, a } = await twoNodes();
    const room = a.group('room', { presence: 'ids', idOf: () => 'x'.repeat(129) });
    room.add(nodes.channel());
    expect([room.total, [...room.who()]]).toEqual([1, []]);
    expect(nodes.lines.at(-1)).toMatch(/without an id: 129 characters/);
  });

  it('counts a member whose idOf throws, until it leaves', async () => {
    const { nodes, a, b } = await twoNodes();
    const idOf = () => {
      throw new Error('no name');
    };
    const room = a.group<string>('room', { presence: 'ids', idOf });
    const member = nodes.channel();
    room.add(member);
    await nodes.pass(1000);
    expect([room.total, [...room.who()]]).toEqual([1, []]);
    expect(nodes.lines.at(-1)).toMatch(/without an id: no name/);
    b.group<string>('room', { presence: 'ids' }).writeAndFlush('hello');
    await nodes.pass(10);
    expect(sent(member)).toEqual(['hello']);
    room.remove(member);
    expect(room.total).toBe(0);
  });

  it('delivers the messages of others while a codec gives promises, which may reject', async () => {
    const { nodes, a, b } = await twoNodes();
    const late = async (): Promise<never> => {
      throw new Error('too late');
    };
    const codec = {
      encode: (text: string) => (text === 'out' ? (late() as never) : Buffer.from(text)),
      decode: (bytes: Buffer) => (bytes.toString() === 'in' ? (late() as never) : `${bytes}`),
    };
    const member = nodes.channel();
    b.group<string>('room', { codec }).add(member);
    await nodes.pass(10);
    const room = a.group<string>('room', { codec });
    expect(() => room.writeAndFlush('out')).toThrow(/encode returned a promise/);
    room.writeAndFlush('in');
    room.writeAndFlush('both');
    await nodes.pass(10);
    expect(sent(member)).toEqual(['both']);
    expect(b.counters.ignored).toEqual({ body: 1 });
  });

  it('refuses a value that is not a channel, such as the connection of a worker', async () => {
    const { a } = await twoNodes();
    const add = (channel: unknown) => () => a.group('room').add(channel as never);
    expect(add({ id: 'gateway:1', write() {} })).toThrow(
      /channel is an object, but must be a channel/,
    );
    expect(add(undefined)).toThrow(expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }));
  });

  it('asks a node for one answer after the other, as long as there are more', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const room = a.group('room', { presence: 'ids' });
    await nodes.pass(1000);
    const { bus, subjects } = a.parts.wire;
    const node = 'ab'.repeat(16);
    const asked: { ask: number; since: number; from: object }[] = [];
    bus.subscribe(subjects.node(node), (bytes) => {
      asked.push(JSON.parse(bytes.toString('utf8', 28)));
    });
    const send = (subject: string, kind: Kind, number: number, value: object) => {
      const body = Buffer.from(JSON.stringify(value));
      bus.publish(
        subject,
        encodeEnvelope({ kind, bodyType: BODY.json, flags: 0, node, number, body }),
      );
    };
    send(subjects.presence, KIND.presence, 5, { rows: [] });
    await nodes.pass(10);
    for (const id of [1, 2, 3]) {
      await nodes.pass(700);
      const rows = [['proom', 3, [`member ${id}`]]];
      const next = id < 3 ? { group: 0, id } : undefined;
      const answer = { ask: asked.at(-1)!.ask, upTo: 5, next, rows };
      send(subjects.node(a.nodeId), KIND.answer, id, { to: 'presence', about: '', ...answer });
      await nodes.pass(10);
    }
    expect([...room.who()].map(({ id }) => id)).toEqual(['member 1', 'member 2', 'member 3']);
    await nodes.pass(2000);
    expect(asked.map(({ since, from }) => [since, from])).toEqual([
      [0, { group: 0, id: 0 }],
      [0, { group: 0, id: 1 }],
      [0, { group: 0, id: 2 }],
    ]);
  });

  it('takes no place among the messages that are kept while the bus is down', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    a.group('room').add(nodes.channel());
    await nodes.pass(1000);
    const { wire, inbox } = a.parts;
    const heard = vi.spyOn(inbox, 'send');
    const node = 'ab'.repeat(16);
    // Messages before this one are asked for, and nobody answers.
    const body = Buffer.from('{"rows":[]}');
    const missed = { kind: KIND.presence, bodyType: BODY.json, flags: 0, node, number: 5, body };
    wire.bus.publish(wire.subjects.presence, encodeEnvelope(missed));
    await nodes.pass(10);
    expect(heard).toHaveBeenCalledTimes(1);
    nodes.hub.kill();
    await nodes.pass(3000);
    expect(wire.bus.state).toBe('down');
    // Comes while the bus is connected again.
    const { listeners } = inbox as unknown as { listeners: Map<string, NoteListener> };
    const question = { to: 'presence', about: '', ask: 1, since: 0, from: { group: 0, id: 0 } };
    listeners.get('presence ')!(question, node);
    expect(heard).toHaveBeenCalledTimes(1);
    nodes.hub.start();
    await nodes.pass(2000);
    expect(heard.mock.calls.length).toBeGreaterThan(1);
  });

  it('sends nothing for groups without joins and leaves, however many there are', async () => {
    const { nodes, a, b } = await twoNodes();
    const options = { presence: 'ids', idOf: (channel: Channel) => channel.id } as const;
    for (let i = 0; i < 500; i += 1) {
      a.group(`room ${i}`, options).add(nodes.channel());
      b.group(`room ${i}`, options);
    }
    await nodes.pass(1000);
    expect(b.group('room 499').total).toBe(1);
    const published = vi.spyOn(a.parts.wire.bus, 'publish');
    const asked = vi.spyOn(b.parts.wire.bus, 'publish');
    await nodes.pass(60_000);
    // Heartbeats.
    expect([published.mock.calls.length, asked.mock.calls.length]).toEqual([60, 60]);
  });

  it('of a forged node is known up to a limit, with one line, and that of the others whole', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const b = await nodes.join({ maxNodePresence: 1000 });
    for (let i = 0; i < 300; i += 1) a.group(`g${i}`, { presence: 'count' }).add(nodes.channel());
    const room = b.group('room', { presence: 'ids' });
    const forger = { node: 'f'.repeat(32), kind: KIND.presence, bodyType: BODY.json, flags: 0 };
    for (let number = 1; number <= 10; number += 1) {
      const ids = Array.from({ length: 400 }, (_, i) => `${number} ${i}`);
      const body = Buffer.from(JSON.stringify({ rows: [['proom', 1, ids]] }));
      a.parts.wire.bus.publish('hr.ptest.p', encodeEnvelope({ ...forger, number, body }));
    }
    await nodes.pass(1000);
    expect([...room.who()]).toHaveLength(999);
    expect(b.counters.ignored).toEqual({ presence: 1 });
    expect(nodes.lines.filter((line) => line.includes('1000 groups and ids'))).toHaveLength(1);
    const totals = [...Array(300).keys()].map((i) => b.group(`g${i}`, { presence: 'count' }).total);
    expect(totals).toEqual(Array(300).fill(1));
    // Silent from here on.
    await nodes.pass(5000);
    expect([...room.who()]).toEqual([]);
  });

  it('puts what comes and goes in all groups within 100 ms into one message', async () => {
    const { nodes, a, b } = await twoNodes();
    for (let i = 0; i < 400; i += 1) b.group(`room ${i}`);
    const published = vi.spyOn(a.parts.wire.bus, 'publish');
    for (let i = 0; i < 400; i += 1) {
      const member = nodes.channel();
      a.group(`room ${i}`).add(member);
      a.group(`room ${i}`).add(nodes.channel());
      member.close();
    }
    await nodes.pass(200);
    const subjects = published.mock.calls.map(([subject]) => subject);
    expect(subjects.filter((subject) => subject === 'hr.ptest.p')).toHaveLength(1);
    expect(b.group('room 399').total).toBe(1);
  });

  it('finds out by a heartbeat what it missed, also that the last member left', async () => {
    const { nodes, a, b } = await twoNodes();
    const member = nodes.channel();
    const room = b.group('room');
    a.group('room').add(member);
    await nodes.pass(1000);
    expect(room.total).toBe(1);
    nodes.hub.stop();
    member.close();
    await nodes.pass(300);
    nodes.hub.start();
    expect(room.total).toBe(1);
    await nodes.pass(1500);
    expect(room.total).toBe(0);
  });

  it('publishes what changed while the bus was away once it is back', async () => {
    const { nodes, a, b } = await twoNodes();
    const room = b.group('room');
    nodes.hub.kill();
    await nodes.pass(100);
    const published = vi.spyOn(a.parts.wire.bus, 'publish');
    for (let i = 0; i < 20; i += 1) {
      a.group('room').add(nodes.channel());
      await nodes.pass(200);
    }
    expect(published).not.toHaveBeenCalled();
    nodes.hub.start();
    await nodes.pass(4000);
    expect(room.total).toBe(20);
  });

  it('announces to a late group the earlier members that have not left by then', async () => {
    const { nodes, a, b } = await twoNodes();
    const options = { presence: 'ids', idOf: (channel: Channel) => channel.id } as const;
    b.group('another');
    const stays = nodes.channel();
    a.group('room', options).add(stays);
    await nodes.pass(1000);
    const late = b.group('room', options);
    const events: string[] = [];
    late.on('memberJoined', ({ id }) => void events.push(`+${id}`));
    late.on('memberLeft', ({ id }) => void events.push(`-${id}`));
    expect([late.total, events]).toEqual([1, []]);
    await nodes.pass(1);
    expect(events).toEqual([`+${stays.id}`]);
    stays.close();
    await nodes.pass(1000);
    expect(events).toEqual([`+${stays.id}`, `-${stays.id}`]);
  });

  it('announces a member once that joins while a group is made', async () => {
    const { nodes, a, b } = await twoNodes();
    const options = { presence: 'ids', idOf: (channel: Channel) => channel.id } as const;
    b.group('another');
    const comes = nodes.channel();
    a.group('room', options).add(comes);
    a.parts.presence.flush();
    const events: string[] = [];
    b.group('room', options).on('memberJoined', ({ id }) => void events.push(id));
    await nodes.pass(1000);
    expect(events).toEqual([comes.id]);
  });
});
