import { EncodeError, type Handler } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { connectionsOf, Gateway } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { Nodes, sent } from '../../../cluster/test/nodes.ts';
import { world } from './remote-world.ts';

describe('connectionsOf', () => {
  it('puts connections of all gateways into a group from a worker, and sends to it with exceptions', async () => {
    const { channels, ids, given, of } = await world();
    for (const connection of ids) await given(of.join({ connection }, 'room'));
    expect((await given(of.list({ group: 'room' }))).map(({ id }) => id).sort()).toEqual(
      [...ids].sort(),
    );
    expect(await given(of.send({ group: 'room' }, 'hi', [ids[0]!]))).toBe(1);
    expect(channels.map(sent)).toEqual([[], ['hi']]);
    expect(await given(of.leave({ group: 'room' }, 'room'))).toBe(2);
    expect(await given(of.list({ group: 'room' }))).toEqual([]);
  });

  it('leaves out connections that are named by id, user or group', async () => {
    const { channels, ids, connect, given, of } = await world();
    for (let i = 0; i < 2; i += 1) await connect(i);
    await given(of.bind({ connection: ids[1]! }, 'ann'));
    await given(of.join({ connection: ids[2]! }, 'quiet'));
    const except = [{ connection: ids[0]! }, { user: 'ann' }, { group: 'quiet' }, { user: 'no' }];
    expect(await given(of.publish({ all: true }, 'hi', except))).toEqual({
      connections: 1,
      nodes: 1,
    });
    expect(channels.map(sent)).toEqual([[], [], [], ['hi']]);
    for (const wrong of ['nobody', { connection: 'nobody' }, { gruop: 'quiet' }]) {
      const sending = of.send({ all: true }, 'hi', [wrong as string]);
      await expect(sending).rejects.toThrow(/id of a connection|a group, or all/);
    }
  });

  it('lists connections in parts of a given length, in order, each once', async () => {
    const { ids, connect, given, of } = await world();
    for (let i = 0; i < 7; i += 1) await connect(i % 2);
    await given(of.join({ all: true }, 'room'));
    const group = 'room';
    for (const limit of [1, 2, 3, 4, 5, 8, 9, 10]) {
      const listed: string[] = [];
      let parts = 0;
      for (let after: string | undefined; parts === 0 || after !== undefined; parts += 1) {
        const part = await given(of.page({ group }, limit, after));
        expect([part.count, part.connections.length <= limit]).toEqual([9, true]);
        listed.push(...part.connections.map(({ id }) => id));
        after = part.next;
      }
      expect([listed.length, new Set(listed), parts]).toEqual([
        9,
        new Set(ids),
        Math.ceil(9 / limit),
      ]);
    }
    const one = await given(of.page({ connection: ids[3]! }, 10));
    expect([one.count, one.connections[0]?.groups]).toEqual([1, ['room']]);
    expect(await given(of.page({ group: 'no' }, 10))).toEqual({
      count: 0,
      connections: [],
      next: undefined,
    });
    await expect(of.page({ group }, 1, 'nobody')).rejects.toThrow(/after is .*id of a connection/);
  });

  it('lists at most 1 MiB in one part', async () => {
    const { connect, given, of } = await world();
    for (let i = 0; i < 38; i += 1) await connect(i % 2);
    await given(of.setSession({ all: true }, { text: 'x'.repeat(60_000) }));
    const first = await given(of.page({ all: true }, 1000));
    expect([first.count, first.connections.length]).toEqual([40, 16]);
    const second = await given(of.page({ all: true }, 1000, first.next));
    const third = await given(of.page({ all: true }, 1000, second.next));
    expect([third.connections.length, third.next]).toEqual([8, undefined]);
  });

  it('ends a part where a gateway is gone, without the others', async () => {
    const { nodes, fronts, ids, given, of } = await world();
    const [, last] = [...ids].sort();
    const node = last!.split(':')[0];
    const gone = fronts.find(({ nodeId }) => nodeId === node)!;
    const first = await given(of.page({ all: true }, 1));
    void gone.leave();
    await nodes.pass(2000);
    expect(await given(of.page({ all: true }, 1, first.next))).toEqual({
      count: 1,
      connections: [],
      next: undefined,
    });
  });

  it('does not count the connections that refuse a message', async () => {
    const { channels, connect, given, of } = await world();
    const refuses: Handler = {
      write() {
        throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no');
      },
    };
    await connect(0, refuses);
    const { connections, nodes } = await given(of.publish({ all: true }, 'hi'));
    expect(channels.map(sent)).toEqual([['hi'], ['hi'], []]);
    expect([connections, nodes]).toEqual([2, 2]);
  });

  it('frees a group that only workers asked for with its last member, and a rejoin makes it again', async () => {
    const { nodes, fronts, channels, ids, given, of } = await world();
    const connection = ids[0]!;
    const before = fronts[0]!.groupCount;
    for (let i = 0; i < 100; i += 1) await given(of.join({ connection }, `room ${i}`), 5);
    expect(fronts[0]!.groupCount).toBe(before + 100);
    for (let i = 0; i < 100; i += 1) await given(of.leave({ connection }, `room ${i}`), 5);
    expect(fronts[0]!.groupCount).toBe(before);
    void of.join({ connection }, 'room');
    void of.leave({ connection }, 'room');
    void of.join({ connection }, 'room');
    expect(await given(of.send({ group: 'room' }, 'hi'))).toBe(1);
    expect(sent(channels[0]!)).toEqual(['hi']);
    channels[0]!.close();
    await nodes.pass(1000);
    expect(fronts[0]!.groupCount).toBe(before);
  });

  it('keeps a group for which the application of a gateway has asked', async () => {
    const { nodes, fronts, ids, given, of } = await world();
    const [cluster] = fronts as [(typeof fronts)[0]];
    const connection = ids[0]!;
    await given(of.join({ connection }, 'kept'));
    await given(of.join({ connection }, 'freed'));
    await given(of.join({ connection }, 'other'));
    const kept = cluster.group('kept');
    cluster.group('freed', { lives: 'with-members' });
    expect(() => cluster.group('other', { presence: 'ids' })).toThrow(/with another presence/);
    for (const name of ['kept', 'freed', 'other']) await given(of.leave({ connection }, name));
    await nodes.pass(1000);
    expect(['kept', 'freed', 'other'].map((name) => cluster.knownGroup(name))).toEqual([
      kept,
      undefined,
      undefined,
    ]);
    await given(of.join({ connection }, 'kept'));
    expect([cluster.group('kept') === kept, kept.size]).toEqual([true, 1]);
    expect(() => cluster.group('kept', { lives: 'with-members' })).toThrow(/with another lives/);
  });

  it('binds users and keeps sessions at the gateway', async () => {
    const { fronts, channels, ids, given, of } = await world();
    const [one] = ids as [string, string];
    await given(of.bind({ connection: one }, 'ann'));
    await given(of.setSession({ connection: one }, { a: 1, b: 1 }));
    await given(of.updateSession({ connection: one }, { b: 2 }));
    expect(await given(of.list({ user: 'ann' }))).toEqual([
      { id: one, users: ['ann'], groups: [], session: { a: 1, b: 2 } },
    ]);
    expect(fronts[0]!.users.channels('ann')).toEqual([channels[0]]);
    await given(of.unbind({ connection: one }, 'ann'));
    expect(await given(of.send({ user: 'ann' }, 'hi'))).toBe(0);
  });

  it('lists sessions over a bus with a lower limit, and refuses one that could not be listed', async () => {
    const nodes = new Nodes();
    const bus = () => nodes.limitedBus(65_536);
    const [front, back] = [await nodes.join({ bus: bus() }), await nodes.join({ bus: bus() })];
    const gateway = new Gateway<string>({ cluster: front });
    await nodes.pass(3000);
    for (let i = 0; i < 5; i += 1) {
      EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    }
    const of = connectionsOf(back);
    const given = async <T>(promise: Promise<T>): Promise<T> => {
      promise.catch(() => {});
      await nodes.pass(100);
      return await promise;
    };
    const half = 'x'.repeat(30_000);
    expect(await given(of.setSession({ all: true }, { half }))).toBe(5);
    const sessions = (await given(of.list({ all: true }))).map(({ session }) => session);
    expect(sessions).toEqual(Array.from({ length: 5 }, () => ({ half })));
    await expect(given(of.updateSession({ all: true }, { other: half }))).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
    });
    expect(await given(of.count({ all: true }))).toBe(5);
  });

  it('fails at once if the answer of a gateway does not fit on the bus', async () => {
    const nodes = new Nodes();
    const bus = () => nodes.limitedBus(65_536);
    const [front, back] = [await nodes.join({ bus: bus() }), await nodes.join({ bus: bus() })];
    const gateway = new Gateway<string>({ cluster: front });
    await nodes.pass(3000);
    const channel = EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler());
    for (let i = 0; i < 1000; i += 1) front.users.bind(`${i}`.padEnd(100, 'u'), channel);
    const listing = connectionsOf(back).list({ all: true });
    listing.catch(() => {});
    await nodes.pass(100);
    await expect(listing).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
  });

  it('delivers in the order in which it was said, and closes after a last message', async () => {
    const { nodes, channels, ids, given, of } = await world();
    const connection = ids[0]!;
    void of.join({ connection }, 'room');
    void of.send({ connection }, '1');
    void of.send({ group: 'room' }, '2');
    void of.send({ all: true }, '3');
    expect(await given(of.close({ connection }, 'bye'))).toBe(1);
    expect(sent(channels[0]!)).toEqual(['1', '2', '3', 'bye']);
    expect(await given(of.send({ connection }, 'late'))).toBe(0);
    await nodes.pass(5000);
    expect(channels[0]!.isOpen).toBe(false);
  });

  it('encodes a message to a group, a user or all once at each gateway, and one to a connection for it alone', async () => {
    const { channels, ids, connect, given, of } = await world();
    const encoded: string[] = [];
    const encode = (message: unknown): string => {
      encoded.push(String(message));
      return `<${message}>`;
    };
    const encoder: Handler = {
      sharable: true,
      write: (ctx, message) => ctx.write(encodeOnce('angular', message, encode)),
    };
    for (let i = 0; i < 5; i += 1) await connect(0, encoder);
    await given(of.join({ all: true }, 'room'));
    await given(of.bind({ all: true }, 'ann'));
    expect(await given(of.send({ group: 'room' }, 'group'))).toBe(7);
    expect(await given(of.send({ user: 'ann' }, 'user'))).toBe(7);
    expect(await given(of.send({ all: true }, 'all'))).toBe(7);
    expect(await given(of.send({ connection: ids.at(-1)! }, 'one'))).toBe(1);
    expect(await given(of.close({ all: true }, 'bye'))).toBe(7);
    expect(encoded).toEqual(['group', 'user', 'all', 'one', 'bye']);
    expect(sent(channels.at(-1)!)).toEqual(['<group>', '<user>', '<all>', '<one>', '<bye>']);
    expect(sent(channels[2]!)).toEqual(['<group>', '<user>', '<all>', '<bye>']);
  });

  it('says how many nodes took a message', async () => {
    const { ids, given, of } = await world();
    expect(await given(of.publish({ all: true }, 'hi'))).toEqual({ connections: 2, nodes: 2 });
    const [connection] = ids as [string];
    expect(await given(of.publish({ all: true }, 'hi', [connection]))).toEqual({
      connections: 1,
      nodes: 1,
    });
    expect(await given(of.publish({ group: 'no' }, 'x'))).toEqual({ connections: 0, nodes: 0 });
  });

  it('keeps groups when the worker that made them has left, and forgets the connections of a gateway that has', async () => {
    const { nodes, fronts, back, ids, given, of } = await world();
    for (const connection of ids) await given(of.join({ connection }, 'room'));
    const other = connectionsOf(await nodes.join({ roles: ['worker'] }));
    await nodes.pass(2000);
    void back.leave();
    await nodes.pass(1000);
    expect(await given(other.list({ group: 'room' }))).toHaveLength(2);
    void fronts[0]!.leave();
    await nodes.pass(1000);
    const left = await given(other.list({ all: true }));
    expect(left.map(({ id }) => id)).toEqual([ids[1]]);
  });

  it('has a defined answer for ids that are gone, and an error for a value that is not an id', async () => {
    const { given, of } = await world();
    const gone = { connection: `${'f'.repeat(32)}:1` };
    expect(await given(of.send(gone, 'hi'), 2500)).toBe(0);
    await expect(of.send({ connection: 'nobody' }, 'hi')).rejects.toThrow(/id of a connection/);
    await expect(of.close({ group: undefined as never })).rejects.toThrow(/a group, or all/);
    // Such as what a `target` of the HTTP API returns.
    await expect(of.send({ gruop: 'room' } as never, 'hi')).rejects.toThrow(/a group, or all/);
  });
});
