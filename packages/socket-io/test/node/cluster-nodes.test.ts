import { describe, expect, it } from 'vitest';
import { clusterNodes } from '../../src/cluster.ts';
import { durableNodes } from '../../src/durable.ts';
import { Nodes, type NodesOf, type Options } from '../fixture/nodes.ts';
import type { ScriptedClient } from '../fixture/scripted-connection.ts';

const KINDS: readonly (readonly [string, NodesOf, Options])[] = [
  ['over the bus', clusterNodes, {}],
  ['over a log', durableNodes, { recovery: {} }],
];

/** The packets of a client without offsets. */
function got({ client }: { client: ScriptedClient }): string[] {
  return client.got().map((text) => text.replace(/,"[^"]*\.\d+"\]$/, ']'));
}

describe.each(KINDS)('a namespace on two nodes %s', (_kind, nodesOf, options) => {
  const two = () => Nodes.two(options, undefined, nodesOf);

  it('sends events to the chosen clients of both, each once', async () => {
    const { nodes, here, there } = await two();
    const [a, b, c] = [here.enter(), there.enter(), there.enter()];
    a.socket.join('one');
    b.socket.join('one', 'two');
    const sent = async (emit: () => unknown) => {
      nodes.clock.run(emit);
      await nodes.pass(10);
      return [a, b, c].map(({ client }) => client.got().length).join('');
    };
    const { namespace } = here;
    expect(await sent(() => namespace.emit('x'))).toBe('111');
    expect(await sent(() => namespace.to('one').emit('x'))).toBe('110');
    expect(await sent(() => namespace.in('one', 'two').emit('x'))).toBe('110');
    expect(await sent(() => namespace.except('two').emit('x'))).toBe('101');
    expect(await sent(() => namespace.local.emit('x'))).toBe('100');
    expect(await sent(() => namespace.local.to('two').emit('x'))).toBe('000');
    expect(await sent(() => namespace.to(c.socket.id).emit('x'))).toBe('001');
    expect(await sent(() => a.socket.broadcast.emit('x'))).toBe('011');
    expect(await sent(() => a.socket.to('one').emit('x'))).toBe('010');
    expect(await sent(() => a.socket.emit('x'))).toBe('100');
    b.client.socket.isBlocked = true;
    expect(await sent(() => namespace.volatile.emit('x'))).toBe('101');
    b.client.socket.unblock();
    expect(await sent(() => undefined)).toBe('000');
    expect(nodes.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('carries the names, the arguments and the attachments of events', async () => {
    const { nodes, here, there } = await two();
    const entered = there.enter();
    nodes.clock.run(() =>
      here.namespace.emit('é', { a: [1, null] }, Buffer.of(1), 'z', Buffer.of(2, 3)),
    );
    await nodes.pass(10);
    const [first, second] = [0, 1].map((num) => `{"_placeholder":true,"num":${num}}`);
    const text = `452-["é",{"a":[1,null]},${first},"z",${second}]`;
    expect(got(entered)).toEqual([text, 'bytes 1', 'bytes 2,3']);
  });

  it('carries out actions in the order of the events', async () => {
    const { nodes, here, there } = await two();
    const { client, socket } = there.enter();
    nodes.clock.run(() => {
      const { namespace } = here;
      namespace.to('room').emit('too early');
      namespace.socketsJoin('room');
      namespace.to('room').emit('in the room');
      namespace.in('room').socketsLeave('room');
      namespace.to('room').emit('too late');
      namespace.to(socket.id).emit('goodbye');
      namespace.in(socket.id).disconnectSockets();
    });
    await nodes.pass(10);
    expect(got({ client })).toEqual(['42["in the room"]', '42["goodbye"]', '41']);
    expect([socket.connected, client.isOpen]).toEqual([false, true]);
  });

  it('ends connections of clients of the other node, and no others', async () => {
    const { nodes, here, there } = await two();
    const [a, b] = [here.enter(), there.enter()];
    nodes.clock.run(() => here.namespace.except(a.socket.id).disconnectSockets(true));
    await nodes.pass(10);
    expect([a.client.settle().isOpen, b.client.settle().isOpen]).toEqual([true, false]);
  });

  it('keeps actions that are local to this process', async () => {
    const { nodes, here, there } = await two();
    const [a, b] = [here.enter(), there.enter()];
    nodes.clock.run(() => here.namespace.local.socketsJoin('room'));
    await nodes.pass(10);
    expect([a.socket.rooms, b.socket.rooms]).toEqual([['room'], []]);
  });

  it('lists the clients of both', async () => {
    const { nodes, here, there } = await two();
    const [a, b] = [here.enter(), there.enter()];
    b.socket.join('room');
    b.socket.data['name'] = 'ann';
    const lists = [
      here.namespace.fetchSockets(),
      here.namespace.in('room').fetchSockets(),
      here.namespace.local.fetchSockets(),
    ];
    await nodes.pass(100);
    const one = { id: a.socket.id, rooms: [], data: {} };
    const other = { id: b.socket.id, rooms: ['room'], data: { name: 'ann' } };
    expect(await Promise.all(lists)).toEqual([[one, other], [other], [one]]);
  });
});

describe('a namespace on two nodes', () => {
  it('says that a list is not complete', async () => {
    const { nodes, here, there } = await Nodes.two({}, 2048);
    for (let i = 0; i < 40; i += 1) there.enter();
    const all = here.namespace.fetchSockets();
    all.catch(() => {});
    await nodes.pass(6000);
    await expect(all).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
      message: expect.stringMatching(/choose fewer clients by rooms/),
    });
    const { socket } = there.enter();
    socket.data['self'] = socket.data;
    const one = here.namespace.to(socket.id).fetchSockets();
    one.catch(() => {});
    await nodes.pass(6000);
    await expect(one).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
  });

  it('sends to no client an event that the bus cannot carry', async () => {
    const { here, there } = await Nodes.two({}, 2048);
    const [a, b] = [here.enter(), there.enter()];
    expect(() => here.namespace.emit('x', 'y'.repeat(2048))).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_TOO_LONG' }),
    );
    expect([a.client.got(), b.client.got()]).toEqual([[], []]);
    // Only for this process, no bus is needed.
    here.namespace.local.emit('x', 'y'.repeat(2048));
    expect([a.client.got().length, b.client.got().length]).toEqual([1, 0]);
  });

  it('keeps events of the other node for clients that come again', async () => {
    const { nodes, here, there } = await Nodes.two({ recovery: {} });
    const { client } = there.enter();
    nodes.clock.run(() => here.namespace.emit('x', 'y'));
    await nodes.pass(10);
    expect(client.got()).toEqual([expect.stringMatching(/^42\["x","y","[\w-]+\.1"\]$/)]);
  });

  it('gives a new session to a client that may miss an event that was lost between the nodes', async () => {
    const { nodes, here, there } = await Nodes.two({ recovery: {} });
    const { publish } = nodes.buses[0]!;
    const { client } = there.enter();
    const says = async (name: string) => {
      nodes.clock.run(() => here.namespace.emit(name));
      await nodes.pass(10);
    };
    await says('first');
    nodes.buses[0]!.publish = () => 'dropped';
    await says('lost');
    nodes.buses[0]!.publish = publish;
    await says('second');
    expect(client.got().map((text) => text.slice(0, 11))).toEqual(['42["first",', '42["second"']);
    there.enter();
    const recovery = there.namespace.recovery!;
    const missed = [...recovery['sessions'].all].map((session) => {
      // The client has an event that is newer than the loss.
      session.after = 2;
      return recovery.missed(session)?.length;
    });
    expect(missed).toEqual([undefined, 0]);
  });

  it('is made once on a node', async () => {
    const { nodes, here } = await Nodes.two();
    expect(() => nodes.on(here.cluster)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_CONFLICT' }),
    );
  });
});
