import { type Bus, memoryBus } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import type { Clock } from '@headrace/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Envelope, KIND } from '../../src/envelope/envelope.ts';
import { EnvelopeSeal } from '../../src/envelope/envelope-seal.ts';
import { Nodes, sent } from '../nodes.ts';

const KEY = 'a secret of all the nodes';

/** A program without the key that may read the bus and publish on it. */
class Recorder {
  readonly bus: Bus;
  private readonly heard: { readonly subject: string; readonly bytes: Buffer }[] = [];

  constructor({ hub, clock }: Nodes, subjects: readonly string[]) {
    this.bus = memoryBus({ hub });
    const logger = { log: () => {} };
    this.bus.open({ clock, logger, random: () => 0.5, probe: 'recorder' });
    for (const subject of subjects) {
      this.bus.subscribe(subject, (bytes) => {
        this.heard.push({ subject, bytes: Buffer.from(bytes) });
      });
    }
  }

  /** The last recorded message of a node of a kind. */
  last(node: string, kind: number): { readonly subject: string; readonly bytes: Buffer } {
    return this.heard.findLast(({ bytes }) => {
      return bytes.toString('hex', 6, 22) === node && bytes[3] === kind;
    })!;
  }

  replay({ subject, bytes }: { readonly subject: string; readonly bytes: Buffer }): void {
    this.bus.publish(subject, Buffer.from(bytes));
  }
}

/** How long a promise takes, in virtual time. */
async function msUntil(nodes: Nodes, promise: Promise<unknown>): Promise<number> {
  const begin = nodes.clock.now();
  let end: number | undefined;
  void promise.then(() => {
    end = nodes.clock.now();
  });
  for (let i = 0; i < 100 && end === undefined; i++) await nodes.pass(100);
  return (end ?? Infinity) - begin;
}

describe('recorded messages of a node that is gone', () => {
  let nodes: Nodes;
  let here: Cluster;
  let there: Cluster;
  let gone: Cluster;
  let recorder: Recorder;

  beforeEach(async () => {
    nodes = new Nodes();
    const users = { onDuplicate: 'kick-older' } as const;
    recorder = new Recorder(nodes, [
      ...['hr.ptest.nodes', 'hr.ptest.p', 'hr.ptest.u', 'hr.ptest.g.proom'],
      // The nodes’ ids are counted.
      ...[1, 3, 5].flatMap((id) => {
        const node = id.toString(16).padStart(2, '0').repeat(16);
        return [`hr.ptest.u.${node}`, `hr.ptest.n.${node}`];
      }),
    ]);
    here = await nodes.join({ keys: [KEY], users });
    there = await nodes.join({ keys: [KEY], users });
    gone = await nodes.join({ keys: [KEY], users });
    await nodes.pass(2000);
  });

  /** The node ends without a word, is silent for so long, and its messages are said again each second. */
  async function saidAgain(kinds: readonly number[], silentMs: number): Promise<void> {
    const recorded = kinds.map((kind) => recorder.last(gone.nodeId, kind));
    void gone.parts.wire.bus.close();
    gone.parts.directory.stop();
    await nodes.pass(silentMs);
    for (let second = 0; second < 8; second++) {
      for (const each of recorded) recorder.replay(each);
      await nodes.pass(1000);
    }
  }

  it.each([6000, 100_000])(
    'slow no users when a heartbeat is said again each second, after %i ms',
    async (silentMs) => {
      await there.users.bind('ann', nodes.channel());
      await gone.users.bind('bob', nodes.channel());
      await nodes.pass(1500);
      await saidAgain([KIND.heartbeat], silentMs);
      expect(here.nodes.map(({ id }) => id).sort()).toEqual([here.nodeId, there.nodeId].sort());
      expect(await msUntil(nodes, here.users.isOnline('carl'))).toBeLessThanOrEqual(100);
      expect(await msUntil(nodes, here.users.deliver('ann', 'hello'))).toBeLessThanOrEqual(100);
    },
  );

  it.each([6000, 100_000])('bring no member back, after %i ms', async (silentMs) => {
    const member = nodes.channel();
    gone.group('room').add(member);
    await nodes.pass(1000);
    await saidAgain([KIND.heartbeat, KIND.presence], silentMs);
    expect(here.group('room').total).toBe(0);
    expect(here.users.size).toBe(0);
  });

  it('are delivered to no member', async () => {
    const member = nodes.channel();
    here.group<string>('room').add(member);
    await nodes.pass(1000);
    gone.group<string>('room').writeAndFlush('once');
    await nodes.pass(100);
    expect(sent(member)).toEqual(['once']);
    await saidAgain([KIND.broadcast], 100_000);
    expect(sent(member)).toEqual([]);
  });

  it('kick no user who signed in again, and are delivered to none', async () => {
    const first = nodes.channel();
    await here.users.bind('ann', first);
    await nodes.pass(1500);
    gone.users.send('ann', 'once');
    await nodes.pass(100);
    expect(sent(first)).toEqual(['once']);
    gone.users.kick('ann', 'policy');
    await nodes.pass(100);
    expect(first.isActive && !first.isEnding).toBe(false);
    const again = nodes.channel();
    await here.users.bind('ann', again);
    await saidAgain([KIND.user, KIND.ask], 100_000);
    expect(again.isActive && !again.isEnding).toBe(true);
    expect(sent(again)).toEqual([]);
  });

  it('are questions that get no answer', async () => {
    gone.group('room').add(nodes.channel());
    here.group('room').add(nodes.channel());
    await nodes.pass(1000);
    let answers = 0;
    recorder.bus.subscribe(`hr.ptest.n.${gone.nodeId}`, () => {
      answers += 1;
    });
    const { wire } = gone.parts;
    const subject = wire.subjects.node(here.nodeId);
    gone.parts.inbox.send(here.nodeId, KIND.ask, {
      to: 'presence',
      about: '',
      ...{ ask: 1, since: 0, from: { group: 0, id: 0 } },
    });
    await nodes.pass(100);
    expect(answers).toBe(1);
    expect(recorder.last(gone.nodeId, KIND.ask).subject).toBe(subject);
    await saidAgain([KIND.ask], 100_000);
    expect(answers).toBe(1);
  });

  it('are counted, and reported once', async () => {
    await saidAgain([KIND.heartbeat], 100_000);
    expect(here.counters.ignored['recorded']).toBe(8);
    expect(nodes.lines.filter((line) => line.includes('sent again')).length).toBeGreaterThan(0);
  });
});

describe('messages with a seal', () => {
  const seal = new EnvelopeSeal([KEY]);
  const node = 'ab'.repeat(16);
  const envelope: Envelope = {
    kind: KIND.broadcast,
    bodyType: 1,
    flags: 0,
    node,
    number: 1,
    body: Buffer.from('hello'),
  };

  it.each([
    [-61_000, 0],
    [-59_000, 1],
    [59_000, 1],
    [61_000, 0],
  ])('of a node whose clock differs by %i ms come %i times', async (aheadMs, count) => {
    const nodes = new Nodes();
    const here = await nodes.join({ keys: [KEY] });
    const member = nodes.channel();
    here.group<string>('room').add(member);
    const recorder = new Recorder(nodes, []);
    await nodes.pass(100);
    const subject = 'hr.ptest.g.proom';
    const bytes = seal.encode(subject, envelope, nodes.clock.timeOfDay() + aheadMs);
    recorder.replay({ subject, bytes });
    recorder.replay({ subject, bytes });
    await nodes.pass(100);
    expect(sent(member)).toHaveLength(count);
    expect(here.counters.ignored['recorded']).toBe(2 - count);
  });

  it('without a time are none but a will', async () => {
    const nodes = new Nodes();
    const here = await nodes.join({ keys: [KEY] });
    const member = nodes.channel();
    here.group<string>('room').add(member);
    const recorder = new Recorder(nodes, []);
    await nodes.pass(100);
    const subject = 'hr.ptest.g.proom';
    recorder.replay({ subject, bytes: seal.encode(subject, envelope, 0) });
    const heartbeat = { state: 'ready', connections: 0, load: 0, roles: [], nonce: 'x' };
    const json = (value: object): Envelope => ({
      ...envelope,
      kind: KIND.heartbeat,
      bodyType: 2,
      body: Buffer.from(JSON.stringify(value)),
    });
    const all = 'hr.ptest.nodes';
    recorder.replay({ subject: all, bytes: seal.encode(all, json(heartbeat), 0) });
    await nodes.pass(100);
    expect(sent(member)).toEqual([]);
    expect(here.counters.ignored).toEqual({ recorded: 1, body: 1 });
    const time = nodes.clock.timeOfDay();
    recorder.replay({ subject: all, bytes: seal.encode(all, json(heartbeat), time) });
    await nodes.pass(100);
    expect(here.nodes.map(({ id }) => id)).toEqual([here.nodeId, node]);
    const will = { ...heartbeat, state: 'left', isGone: true };
    recorder.replay({ subject: all, bytes: seal.encode(all, json(will), 0) });
    await nodes.pass(100);
    expect(here.nodes.map(({ id }) => id)).toEqual([here.nodeId]);
  });
});

describe('a node that does not answer', () => {
  it('stops counting after a while, and counts again when it answers', async () => {
    const nodes = new Nodes();
    const here = await nodes.join();
    const there = await nodes.join();
    const channel = nodes.channel();
    await there.users.bind('ann', channel);
    await nodes.pass(2000);
    const recorder = new Recorder(nodes, ['hr.ptest.nodes']);
    await nodes.pass(2000);
    const { bytes } = recorder.last(there.nodeId, KIND.heartbeat);
    const forged = Buffer.from(bytes);
    forged.write('cd'.repeat(16), 6, 16, 'hex');
    for (let second = 0; second < 14; second++) {
      recorder.replay({ subject: 'hr.ptest.nodes', bytes: forged });
      await nodes.pass(1000);
    }
    expect(here.nodes).toHaveLength(3);
    expect(await msUntil(nodes, here.users.isOnline('bob'))).toBeLessThanOrEqual(100);
    expect(await msUntil(nodes, here.users.deliver('ann', 'hello'))).toBeLessThanOrEqual(100);
    expect(sent(channel)).toEqual(['hello']);
  });
});

describe('a node with keys whose clock was wrong', () => {
  const HOUR = 3_600_000;

  it.each([
    ['one node', HOUR, false],
    ['one node', -HOUR, false],
    ['one node', 50_000, false],
    ['all nodes', HOUR, true],
    ['all nodes', -HOUR, true],
    ['all nodes', 50_000, true],
  ] as const)('of %s, by %i ms for 8 s, is heard again at once', async (_who, offMs, isOfAll) => {
    const nodes = new Nodes();
    let isWrong = false;
    const clock: Clock = Object.assign(Object.create(nodes.clock) as Clock, {
      timeOfDay: () => nodes.clock.timeOfDay() + (isWrong ? offMs : 0),
    });
    const wrong = await nodes.join({ keys: [KEY], clock });
    const other = await nodes.join({ keys: [KEY], ...(isOfAll ? { clock } : {}) });
    const members = [wrong, other].map((cluster) => {
      const member = nodes.channel();
      cluster.group<string>('room').add(member);
      return member;
    });
    await nodes.pass(2000);
    isWrong = true;
    await nodes.pass(4000);
    wrong.group<string>('room').writeAndFlush('meanwhile');
    await nodes.pass(4000);
    isWrong = false;
    await nodes.pass(6000);
    for (const member of members) sent(member);
    wrong.group<string>('room').writeAndFlush('one');
    other.group<string>('room').writeAndFlush('two');
    await nodes.pass(100);
    expect(members.map((member) => sent(member).toSorted())).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
    expect(other.nodes).toHaveLength(2);
    expect(wrong.nodes).toHaveLength(2);
  });

  it('accepts no recorded message afterwards', async () => {
    const nodes = new Nodes();
    let offMs = 0;
    const clock: Clock = Object.assign(Object.create(nodes.clock) as Clock, {
      timeOfDay: () => nodes.clock.timeOfDay() + offMs,
    });
    const recorder = new Recorder(nodes, ['hr.ptest.g.proom']);
    const here = await nodes.join({ keys: [KEY], clock });
    const there = await nodes.join({ keys: [KEY], clock });
    const member = nodes.channel();
    here.group<string>('room').add(member);
    await nodes.pass(1000);
    offMs = HOUR;
    await nodes.pass(500);
    there.group<string>('room').writeAndFlush('once');
    await nodes.pass(100);
    expect(sent(member)).toEqual(['once']);
    const recorded = recorder.last(there.nodeId, KIND.broadcast);
    offMs = 0;
    await nodes.pass(8000);
    recorder.replay(recorded);
    await nodes.pass(100);
    expect(sent(member)).toEqual([]);
  });
});
