import type { EngineBus } from '@headrace/bus';
import { BUS_ERRORS } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import { type Clock, type Context, isHeadraceError, type LogLevel } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { RelayBytes } from '../../../bus/test/fixture/relay.ts';
import { BODY, encodeEnvelope, KIND } from '../../src/envelope/envelope.ts';
import { VirtualNodes } from '../help/virtual-nodes.ts';
import { Nodes, sent } from '../nodes.ts';

async function twoNodes(onDuplicate: 'allow' | 'kick-older' = 'allow') {
  const nodes = new Nodes();
  const users = { onDuplicate };
  const a = await nodes.join<string>({ users });
  const b = await nodes.join<string>({ users });
  await nodes.pass(3000);
  const bind = async (id: string, cluster: Cluster<string>): Promise<EmbeddedChannel> => {
    const channel = nodes.channel();
    cluster.users.bind(id, channel);
    await nodes.pass(10);
    return channel;
  };
  /** The outcome after so long. */
  const after = async <T>(ms: number, promise: Promise<T>): Promise<unknown> => {
    let outcome: unknown = 'nothing yet';
    promise.then(
      (value) => {
        outcome = value;
      },
      (error: unknown) => {
        outcome = error;
      },
    );
    await nodes.pass(ms);
    return outcome;
  };
  return { nodes, a, b, bind, after };
}

/** Changes what is published about users for a node, or loses it. */
function claimsTo(
  nodes: Nodes,
  to: Cluster<string>,
  change: (bytes: Buffer) => Buffer | undefined,
) {
  const { relay } = nodes.hub;
  const publish = relay.publish.bind(relay);
  const onTheWay = {
    count: 0,
    stop: () => {
      relay.publish = publish;
    },
  };
  relay.publish = (subject, bytes) => {
    if (subject !== `hr.ptest.u.${to.nodeId}`) return publish(subject, bytes);
    onTheWay.count += 1;
    const changed = onTheWay.count > 1000 ? undefined : change(bytes.bytes);
    if (changed !== undefined) publish(subject, new RelayBytes(changed));
  };
  return onTheWay;
}

describe('users on two nodes', () => {
  it('get what follows a message that cannot be read, whatever its number was', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const desk = await bind('ann', b);
    const broken = { kind: KIND.user, bodyType: BODY.text, flags: 0, node: a.nodeId, number: 1e6 };
    const body = Buffer.of(4, ...Buffer.from('pann'), 0xff);
    a.parts.wire.bus.publish(`hr.ptest.u.${b.nodeId}`, encodeEnvelope({ ...broken, body }));
    a.users.send('ann', 'hello');
    await nodes.pass(10);
    expect(sent(desk)).toEqual(['hello']);
  });

  it('have a message encoded once for all their connections of a node', async () => {
    const { nodes, a, b, bind, after } = await twoNodes();
    const encoded: string[] = [];
    const encode = (message: unknown): unknown => {
      encoded.push(String(message));
      return message;
    };
    for (const [id, cluster] of [
      ['ann', a],
      ['ann', a],
      ['bob', a],
      ['ann', b],
      ['ann', b],
    ] as const) {
      const channel = await bind(id, cluster);
      const write = (ctx: Context, message: unknown) => ctx.write(encodeOnce('c', message, encode));
      channel.pipeline.addLast({ write });
    }
    a.users.send(['ann', 'bob'], 'sent');
    await nodes.pass(10);
    expect(encoded).toEqual(['sent', 'sent']);
    expect(await after(50, a.users.deliver('ann', 'delivered'))).toBe(4);
    expect(encoded).toEqual(['sent', 'sent', 'delivered', 'delivered']);
  });

  it('get what is sent to them, on all their connections', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const phone = await bind('ann', a);
    const desk = await bind('ann', b);
    const bob = await bind('bob', b);
    a.users.send('ann', 'to ann');
    a.users.send(['ann', 'bob', 'bob', 'nobody'], 'to both', { except: phone });
    await nodes.pass(10);
    expect(sent(phone)).toEqual(['to ann']);
    expect(sent(desk)).toEqual(['to ann', 'to both']);
    expect(sent(bob)).toEqual(['to both']);
  });

  it('pass over a connection whose output has ended, on both nodes, and log nothing', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const lines: string[] = [];
    const logger = { log: (level: LogLevel, text: string) => void lines.push(`${level} ${text}`) };
    for (const cluster of [a, b]) {
      const leaving = EmbeddedChannel.with({ clock: nodes.clock, logger });
      cluster.users.bind('ann', leaving);
      leaving.run(() => void leaving.end());
    }
    const phone = await bind('ann', b);
    nodes.clock.run(() => a.users.send('ann', 'hello'));
    await nodes.pass(10);
    expect([sent(phone), lines]).toEqual([['hello'], []]);
  });

  it('go out at once after a while, and in one message for each 10 ms of two nodes where many come', async () => {
    const { nodes, a, b } = await twoNodes();
    const publish = vi.spyOn(a.parts.wire.bus, 'publish');
    const messages = () => publish.mock.calls.filter(([subject]) => subject.endsWith('.p')).length;
    const signIn = async (count: number) => {
      for (let i = 0; i < count; i += 1) {
        a.users.bind(`${count} ${i}`, nodes.channel());
        await nodes.pass(1);
      }
    };
    await signIn(1);
    expect(messages()).toBe(1);
    await nodes.pass(100);
    await signIn(50);
    await nodes.pass(10);
    expect(messages()).toBeLessThanOrEqual(8);
    expect(await Promise.all([b.users.isOnline('1 0'), b.users.isOnline('50 49')])).toEqual([
      true,
      true,
    ]);
  });

  it('are found, and forgotten when their connections close', async () => {
    const { a, b, bind, after } = await twoNodes();
    const desk = await bind('ann', b);
    expect(await after(10, a.users.isOnline('ann'))).toBe(true);
    expect(await after(10, a.users.nodesOf('ann'))).toEqual([b.nodeId]);
    expect(await after(10, a.users.isOnline('bob'))).toBe(false);
    expect(await after(10, a.users.nodesOf('bob'))).toEqual([]);
    await bind('ann', a);
    expect(await after(10, a.users.nodesOf('ann'))).toEqual([a.nodeId, b.nodeId]);
    desk.close();
    expect(await after(10, a.users.nodesOf('ann'))).toEqual([a.nodeId]);
    expect([a.users.size, b.users.size]).toEqual([1, 0]);
  });

  it('may be several on one channel: each is unbound alone, and all that are left with its close', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const phone = await bind('ann', b);
    for (const id of ['bob', 'carl', 'ann']) b.users.bind(id, phone);
    await nodes.pass(10);
    a.users.send(['ann', 'bob', 'carl'], 'hello');
    await nodes.pass(10);
    expect(sent(phone)).toEqual(['hello', 'hello', 'hello']);
    expect([b.users.unbind('ann', phone), b.users.unbind('ann', phone)]).toEqual([true, false]);
    expect(b.users.unbind('bob', phone)).toBe(true);
    expect([b.users.channels('ann').length, b.users.channels('carl').length]).toEqual([0, 1]);
    b.users.bind('ann', phone);
    expect(b.users.size).toBe(2);
    phone.close();
    await nodes.pass(10);
    expect(b.users.size).toBe(0);
  });

  it('deliver says how many connections took a message', async () => {
    const { nodes, a, b, bind, after } = await twoNodes();
    await bind('ann', b);
    await bind('ann', b);
    expect(await after(10, a.users.deliver('ann', 'hello'))).toBe(2);
    await bind('ann', a);
    expect(await after(10, a.users.deliver('ann', 'hello'))).toBe(3);
    expect(await after(10, a.users.deliver('nobody', 'hello'))).toBe(0);
    nodes.hub.kill();
    expect(await after(10, a.users.deliver('ann', 'hello'))).toBe(1);
    const failed = await after(10, b.users.deliver('nobody', 'hello'));
    expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
  });

  describe('while an answer of another node is missing', () => {
    async function lateNode(isLost: (count: number) => boolean) {
      const nodes = new Nodes();
      const c = await nodes.join<string>();
      const a = await nodes.join<string>();
      const phone = nodes.channel();
      a.users.bind('ann', phone);
      for (const node of [a, c]) node.users.bind('cho', nodes.channel());
      await nodes.pass(3000);
      const send = a.parts.inbox.send.bind(a.parts.inbox);
      let count = 0;
      vi.spyOn(a.parts.inbox, 'send').mockImplementation((node, kind, note) => {
        count += note.to === 'presence' ? 1 : 0;
        if (note.to !== 'presence' || !isLost(count)) send(node, kind, note);
      });
      const b = await nodes.join<string>();
      await nodes.pass(1500);
      return { nodes, a, b, c, phone };
    }

    it('reports no user as offline', async () => {
      const { nodes, b } = await lateNode((count) => count === 1);
      const online = vi.fn();
      void b.users.isOnline('ann').then(online);
      await nodes.pass(1500);
      expect(online).toHaveBeenCalledWith(true);
      expect(b.parts.presence.isSure).toBe(true);
    });

    it('finds and delivers to users anyway, and waits its time for nodes that it does not know', async () => {
      const { nodes, a, b, c, phone } = await lateNode(() => true);
      const found = vi.fn();
      const delivered = vi.fn();
      void b.users.nodesOf('ann', { timeoutMs: 500 }).then(found);
      void b.users.deliver('ann', 'hello', { timeoutMs: 500 }).then(delivered);
      void b.users.nodesOf('cho', { timeoutMs: 500 }).then(found);
      await nodes.pass(3000);
      expect(b.parts.presence.isSure).toBe(false);
      expect(found.mock.calls).toEqual([[[a.nodeId]], [[c.nodeId, a.nodeId]]]);
      expect(delivered).toHaveBeenCalledWith(1);
      expect(sent(phone)).toEqual(['hello']);
    });

    it('waits no longer when the cluster is left', async () => {
      const { nodes, b } = await lateNode(() => true);
      const failed = vi.fn();
      b.users.isOnline('ann').catch(failed);
      await nodes.pass(10);
      void b.leave();
      await nodes.pass(0);
      expect(failed.mock.calls[0]?.[0]).toMatchObject({ code: BUS_ERRORS.BUS_DOWN.code });
    });
  });

  it('deliver does not fail when the bus goes down after a connection of its node got the message', async () => {
    const { nodes, a, bind, after } = await twoNodes();
    const phone = await bind('ann', a);
    Object.defineProperty(a.parts.presence, 'isSure', { value: false });
    const delivering = a.users.deliver('ann', 'hello');
    await nodes.pass(10);
    nodes.hub.kill();
    expect(await after(9000, delivering)).toBe(1);
    expect(sent(phone)).toEqual(['hello']);
  });

  it('deliver gives up waiting for a node after 2 s', async () => {
    const { nodes, a, b, bind, after } = await twoNodes();
    await bind('ann', b);
    const delivering = a.users.deliver('ann', 'hello');
    await Promise.resolve();
    await Promise.resolve();
    nodes.hub.stop();
    expect(await after(1900, delivering)).toBe('nothing yet');
    expect(await after(200, delivering)).toBe(0);
  });

  it('are found and delivered to although one of their connections is slow', async () => {
    const nodes = new VirtualNodes();
    const [a, b] = [await nodes.join(), await nodes.join()];
    const [phone, desk, slow] = [await nodes.member(), await nodes.member(), await nodes.member()];
    a.users.bind('ann', phone.channel);
    for (const { channel } of [desk, slow]) b.users.bind('ann', channel);
    await nodes.pass(1000);
    slow.transport.isStuck = true;
    for (const message of ['one', 'two']) {
      const delivering = a.users.deliver('ann', message);
      await nodes.pass(2010);
      expect(await delivering).toBe(2);
    }
    const delivering = a.users.deliver('ann', 'three', { timeoutMs: 100 });
    await nodes.pass(110);
    expect(await delivering).toBe(1);
    await nodes.pass(3000);
    const found = a.users.nodesOf('ann');
    await nodes.pass(20);
    expect(await found).toEqual([a.nodeId, b.nodeId]);
    expect(desk.got).toEqual(['one', 'two', 'three']);
  });

  it('are found again on a node that was only late', async () => {
    const { nodes, a, b, bind, after } = await twoNodes();
    await bind('ann', a);
    await bind('ann', b);
    nodes.hub.stop();
    const asked = a.users.nodesOf('ann', { timeoutMs: 500 });
    await nodes.pass(400);
    nodes.hub.start();
    expect(await after(200, asked)).toEqual([a.nodeId]);
    expect(await after(10, a.users.nodesOf('ann', { timeoutMs: 500 }))).toEqual([
      a.nodeId,
      b.nodeId,
    ]);
  });

  it('are waited for once by deliver after a node gave them up and that was lost', async () => {
    const { nodes, a, b, bind, after } = await twoNodes();
    await bind('ann', a);
    const desk = await bind('ann', b);
    nodes.hub.stop();
    desk.close();
    await nodes.pass(10);
    nodes.hub.start();
    const delivering = a.users.deliver('ann', 'one');
    expect(await after(1900, delivering)).toBe('nothing yet');
    expect(await after(3000, delivering)).toBe(1);
    expect(await after(10, a.users.deliver('ann', 'two'))).toBe(1);
  });

  it('need no subject each, and no message without sign-ins and sign-outs', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const listening = (b.parts.wire.bus as EngineBus).subscriptionCount;
    const channels = Array.from({ length: 1000 }, () => nodes.channel());
    const published = vi.spyOn(b.parts.wire.bus, 'publish');
    for (const [i, channel] of channels.entries()) b.users.bind(`user ${i}`, channel);
    const desk = await bind('ann', b);
    expect((b.parts.wire.bus as EngineBus).subscriptionCount).toBe(listening);
    // A thousand entries and their parts need two messages; the last bind has its own.
    expect(published.mock.calls.length).toBeLessThanOrEqual(3);
    published.mockClear();
    await nodes.pass(10_000);
    expect(published).toHaveBeenCalledTimes(10);
    a.users.send(['user 999', 'ann'], 'hello');
    await nodes.pass(10);
    expect(sent(desk)).toEqual(['hello']);
  });

  it('are sent to by the nodes that have them alone', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const c = await nodes.join<string>();
    await nodes.pass(3000);
    const desk = await bind('ann', b);
    const published = vi.spyOn(a.parts.wire.bus, 'publish');
    a.users.send(['ann', 'nobody'], 'hello');
    expect(published.mock.calls.map(([subject]) => subject)).toEqual([`hr.ptest.u.${b.nodeId}`]);
    await nodes.pass(10);
    expect([sent(desk), c.users.size]).toEqual([['hello'], 0]);
  });

  it('get what a node sends that does not know them, since their node has more than it keeps of one', async () => {
    const nodes = new Nodes();
    const a = await nodes.join<string>();
    const b = await nodes.join<string>({ maxNodePresence: 10 });
    await nodes.pass(3000);
    const channels = Array.from({ length: 20 }, () => nodes.channel());
    for (const [i, channel] of channels.entries()) a.users.bind(`user ${i}`, channel);
    await nodes.pass(2000);
    for (const i of channels.keys()) b.users.send(`user ${i}`, 'hello');
    const delivered = b.users.deliver('user 19', 'hello');
    await nodes.pass(5000);
    expect(channels.map((channel) => sent(channel)[0])).toEqual(channels.map(() => 'hello'));
    expect(await delivered).toBe(1);
  });

  it('get what a node sends that has just joined, and knows no users yet', async () => {
    const { nodes, b, bind } = await twoNodes();
    const desk = await bind('ann', b);
    const c = await nodes.join<string>();
    c.users.send('ann', 'at once');
    await nodes.pass(10);
    expect(sent(desk)).toEqual(['at once']);
    let isOnline: boolean | undefined;
    void c.users.isOnline('ann').then((is) => {
      isOnline = is;
    });
    await nodes.pass(2000);
    expect(isOnline).toBe(true);
  });

  it('are kicked everywhere', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    const [phone, desk] = [await bind('ann', a), await bind('ann', b)];
    a.users.kick('ann', 'limit');
    await nodes.pass(10);
    expect([phone, desk].map(({ isEnding }) => isEnding)).toEqual([true, true]);
    expect([a.users.size, b.users.size]).toEqual([0, 0]);
  });

  it('keep the newest connection, although claims between two nodes were lost', async () => {
    const { nodes, a, b, bind } = await twoNodes('kick-older');
    const phone = await bind('ann', a);
    await nodes.pass(500);
    await bind('ann', b);
    await nodes.pass(500);
    expect(phone.isEnding).toBe(true);
    const again = await bind('ann', a);
    await nodes.pass(500);
    // A node that does not learn of another claim keeps its connection: bus and presence are as before.
    const onTheWay = claimsTo(nodes, a, () => undefined);
    const desk = await bind('ann', b);
    await nodes.pass(2500);
    expect([again.isEnding, desk.isEnding]).toEqual([false, false]);
    onTheWay.stop();
    await nodes.pass(1000);
    expect([again.isEnding, desk.isEnding]).toEqual([true, false]);
    // Nothing is sent any more.
    const published = vi.spyOn(nodes.hub.relay, 'publish');
    await nodes.pass(10_000);
    expect(published.mock.calls.some(([subject]) => subject.startsWith('hr.ptest.u.'))).toBe(false);
    expect(onTheWay.count).toBeLessThan(10);
  });

  it('send a claim that nobody answers a few times, and no more', async () => {
    const { nodes, a, b, bind } = await twoNodes();
    await bind('ann', a);
    await nodes.pass(500);
    const onTheWay = claimsTo(nodes, a, () => undefined);
    await bind('ann', b);
    await nodes.pass(60_000);
    expect(onTheWay.count).toBeGreaterThan(3);
    expect(onTheWay.count).toBeLessThan(30);
  });

  it('keep the newest connection, wherever it is, with kick-older', async () => {
    const { nodes, a, b, bind } = await twoNodes('kick-older');
    const first = await bind('ann', a);
    const second = await bind('ann', b);
    await nodes.pass(100);
    expect([first.isEnding, second.isEnding]).toEqual([true, false]);
    const third = await bind('ann', a);
    await nodes.pass(100);
    expect([second.isEnding, third.isEnding]).toEqual([true, false]);
  });

  it('keep the newest connection after the bus was away', async () => {
    const { nodes, a, b, bind } = await twoNodes('kick-older');
    nodes.hub.kill();
    const first = await bind('ann', a);
    const second = await bind('ann', b);
    expect([first.isEnding, second.isEnding]).toEqual([false, false]);
    nodes.hub.start();
    await nodes.pass(4000);
    expect([first.isEnding, second.isEnding]).toEqual([true, false]);
  });

  it.each([600_000, 59_000, 30_000, 6000, -6000, -30_000, -600_000])(
    'keep the newest connection although the clock of one node differs by %i ms',
    async (offMs) => {
      const nodes = new Nodes();
      const users = { onDuplicate: 'kick-older' } as const;
      const clock: Clock = Object.assign(Object.create(nodes.clock) as Clock, {
        timeOfDay: () => nodes.clock.timeOfDay() + offMs,
      });
      const off = await nodes.join<string>({ users, clock });
      const right = await nodes.join<string>({ users });
      await nodes.pass(1000);
      let last = nodes.channel();
      off.users.bind('ann', last);
      for (const node of [right, off, right, off]) {
        await nodes.pass(5000);
        const next = nodes.channel();
        node.users.bind('ann', next);
        await nodes.pass(1000);
        expect([last.isEnding, next.isEnding]).toEqual([true, false]);
        last = next;
      }
    },
  );

  it.each([30_000, -30_000])(
    'keep the newest connection after the bus was away, although a clock differs by %i ms',
    async (offMs) => {
      const nodes = new Nodes();
      const users = { onDuplicate: 'kick-older' } as const;
      const clock: Clock = Object.assign(Object.create(nodes.clock) as Clock, {
        timeOfDay: () => nodes.clock.timeOfDay() + offMs,
      });
      const off = await nodes.join<string>({ users, clock });
      const right = await nodes.join<string>({ users });
      await nodes.pass(1000);
      nodes.hub.kill();
      await nodes.pass(500);
      const channels = [nodes.channel(), nodes.channel()];
      off.users.bind('ann', channels[0]!);
      await nodes.pass(3000);
      right.users.bind('ann', channels[1]!);
      await nodes.pass(500);
      nodes.hub.start();
      await nodes.pass(6000);
      expect(channels.map((channel) => channel.isEnding)).toEqual([true, false]);
    },
  );

  it('need an id', async () => {
    const { nodes, a } = await twoNodes();
    const session = { channel: nodes.channel(), principal: 7 as never, kick: () => {} };
    expect(() => a.users.add(session)).toThrow(/idOf/);
  });

  it('refuse to bind a value that is not an id, or not a channel', async () => {
    const { nodes, a } = await twoNodes();
    expect(() => a.users.bind(7 as never, nodes.channel())).toThrow(/id is 7, but must be a text/);
    expect(() => a.users.bind('ann', { id: 'gateway:1' } as never)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }),
    );
    expect(a.users.size).toBe(0);
  });

  it('leave with their last session although idOf throws by then', async () => {
    const nodes = new Nodes();
    let isBroken = false;
    const idOf = (principal: string) => {
      if (isBroken) throw new Error('no more');
      return principal;
    };
    const a = await nodes.join<string>({ users: { idOf } });
    const session = { channel: nodes.channel(), principal: 'ann', kick: () => {} };
    a.users.add(session);
    isBroken = true;
    expect(a.users.remove(session)).toBe(true);
    expect(a.users.size).toBe(0);
    expect(() => a.users.remove(session)).toThrow('no more');
  });
});
