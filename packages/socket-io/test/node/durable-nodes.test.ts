import { describe, expect, it, vi } from 'vitest';
import { durableNodes } from '../../src/durable.ts';
import type { NamespaceLog } from '../../src/namespace/namespace-nodes.ts';
import { Nodes, type Options } from '../fixture/nodes.ts';
import { ReturningClient } from '../fixture/returning-client.ts';

type Namespace = Awaited<ReturnType<Nodes['namespace']>>;

/** The log of a node. */
function logAt({ namespace }: Namespace): NamespaceLog {
  return namespace.recovery!['log']!;
}

/** Two nodes with a log, and a client at the first one. */
async function world(options: Partial<Options> = {}) {
  const { nodes, here, there } = await Nodes.two(
    { recovery: {}, ...options } as Options,
    undefined,
    (cluster) => durableNodes(cluster),
  );
  const one = new ReturningClient(here.namespace, nodes.clock);
  await nodes.pass(10);
  const emit = async (at: Namespace, ...names: string[]) => {
    nodes.clock.run(() => {
      for (const name of names) at.namespace.emit(name);
    });
    await nodes.pass(10);
  };
  /** The client connects at a node. */
  const comes = async (at: Namespace) => {
    one.namespace = at.namespace;
    one.connect();
    await nodes.pass(10);
    one.reads();
  };
  const warnings = () => nodes.lines.filter((line) => /^(warn|error)/.test(line));
  return { nodes, here, there, one, emit, comes, warnings };
}

describe('a client that comes to another node', () => {
  it('has its id, its rooms and its data, and gets what it missed before new events', async () => {
    const { nodes, here, there, one, emit, comes, warnings } = await world();
    const [first] = here.sockets;
    first!.join('a', 'b');
    first!.leave('b');
    first!.data['name'] = 'Ann';
    await emit(there, 'before');
    one.reads().loses();
    nodes.clock.run(() => {
      here.namespace.to('a').emit('room');
      there.namespace.to('b').emit('other room');
      there.namespace.to(one.id).emit('own');
      here.namespace.except('a').emit('not for it');
      here.namespace.volatile.emit('volatile');
    });
    await nodes.pass(10);
    await comes(there);
    await emit(here, 'after');
    one.reads();
    const second = there.sockets.at(-1)!;
    expect(one.events).toEqual(['before', 'room', 'own', 'after']);
    expect([one.recovered, second.recovered, second.id, second.rooms, second.data]).toEqual([
      true,
      true,
      first!.id,
      ['a'],
      { name: 'Ann' },
    ]);
    expect(warnings()).toEqual([]);
  });

  it('is recovered after its node was killed', async () => {
    const { nodes, here, there, one, emit, comes } = await world();
    here.sockets[0]!.join('a');
    here.sockets[0]!.data['name'] = 'Ann';
    await emit(here, '1');
    one.reads(1);
    // Its data was written when it came, and with its rooms.
    await nodes.pass(1000);
    await nodes.kill(0);
    one.loses();
    nodes.clock.run(() => there.namespace.to('a').emit('2'));
    await nodes.pass(10);
    await comes(there);
    expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
    expect(there.sockets.at(-1)!.data).toEqual({ name: 'Ann' });
  });

  it('is not in two places: the node that it had ends its connection', async () => {
    const { nodes, here, there, one, emit, comes } = await world();
    const before = one.connection;
    await emit(here, '1');
    one.reads();
    await comes(there);
    await emit(here, '2');
    one.reads();
    expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
    expect([before.isOpen, here.namespace.size, there.namespace.size]).toEqual([false, 0, 1]);
    // The end at the first node does not end the session.
    await nodes.pass(100);
    one.loses();
    await emit(there, '3');
    await comes(here);
    expect([one.recovered, one.events]).toEqual([true, ['1', '2', '3']]);
  });

  it('gets events from before its node was there', async () => {
    const { nodes, here, there, one, emit } = await world();
    await emit(here, '1', '2');
    one.reads(1).loses();
    await emit(there, '3');
    const third = await nodes.namespace({ recovery: {} } as Options);
    await nodes.pass(5000);
    await emit(third, '4');
    one.namespace = third.namespace;
    one.connect();
    await nodes.pass(10);
    one.reads();
    expect([one.recovered, one.events]).toEqual([true, ['1', '2', '3', '4']]);
    expect(third.namespace.recovery?.held.events).toBe(3);
  });

  it('is a new one without the key of its session', async () => {
    const { there, one, emit, comes, here } = await world();
    const read = vi.spyOn(logAt(there).records, 'read');
    await emit(here, '1');
    one.reads().loses();
    const id = one.id;
    for (const key of ['', 'x'.repeat(24), '__proto__', 7, { $ne: 1 }]) {
      one.pid = key as string;
      await comes(there);
      expect([one.recovered, one.id === id]).toEqual([false, false]);
    }
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('makes its node read the log if it has received more than the node', async () => {
    const { here, there, one, emit, comes } = await world();
    const caughtUp = vi.spyOn(logAt(there), 'caughtUp');
    await emit(here, '1');
    one.reads().loses();
    await comes(there);
    expect([one.recovered, caughtUp.mock.calls.length]).toEqual([true, 0]);
    one.loses();
    one.offset = one.offset!.replace(/\d+$/, '99');
    await comes(there);
    // No client is ahead of the whole log.
    expect([one.recovered, caughtUp.mock.calls.length]).toEqual([false, 1]);
  });

  it('leaves a node that has not heard of it when the node writes its record', async () => {
    const { nodes, here, there, one, comes } = await world();
    vi.spyOn(logAt(there), 'claimed').mockImplementation(() => {});
    const before = one.connection;
    await comes(there);
    expect(before.settle().isOpen).toBe(true);
    here.sockets[0]!.join('x');
    await nodes.pass(10);
    expect(before.settle().isOpen).toBe(false);
    one.loses();
    await comes(there);
    expect([one.recovered, there.sockets.at(-1)!.rooms]).toEqual([true, []]);
  });

  it('is a new one after it has left, or was away for too long', async () => {
    const { nodes, here, there, one, comes } = await world({
      recovery: { maxDisconnectionMs: 1000 },
    });
    one.connection.says('1');
    await nodes.pass(10);
    await comes(there);
    expect(one.recovered).toBe(false);
    one.loses();
    await nodes.pass(3000);
    await comes(here);
    expect(one.recovered).toBe(false);
  });

  it('is recovered after hours in which no event was for it', async () => {
    const { nodes, here, there, one, comes } = await world({
      recovery: { maxDisconnectionMs: 1000 },
    });
    for (let hour = 0; hour < 3; hour++) {
      nodes.clock.run(() => here.namespace.to('others').emit('x'));
      await nodes.pass(100_000);
      nodes.clock.run(() => one.connection.socket.says('3'));
    }
    one.loses();
    await comes(there);
    expect(one.recovered).toBe(true);
  });

  it('is a new one if its data cannot be kept', async () => {
    const { nodes, here, there, one, comes, warnings } = await world();
    here.sockets[0]!.data['self'] = here.sockets[0]!.data;
    here.sockets[0]!.join('a');
    await nodes.pass(10);
    one.loses();
    await comes(there);
    expect(one.recovered).toBe(false);
    expect(warnings()).toEqual([expect.stringMatching(/session of a client of \/ is not kept/)]);
  });

  it('is a new one if the log has lost events', async () => {
    const { here, there, one, emit, comes } = await world({
      recovery: { maxBytes: 1000 },
    });
    await emit(here, '1');
    one.reads().loses();
    await emit(there, '2', '3', '4', '5');
    await comes(there);
    expect(one.recovered).toBe(false);
    expect(one.connection.log.join()).toMatch(/begins again in \/: the events that it missed/);
    await emit(here, '6');
    one.reads();
    expect(one.events).toEqual(['1', '6']);
  });
});

describe('the order of what a process sends', () => {
  it('holds for events, answers and the end', async () => {
    const { nodes, here, one } = await world({
      events: {
        ask: (socket: { emit(name: string): void }, answer: (text: string) => void) => {
          socket.emit('before');
          answer('answered');
        },
      },
    } as never);
    const [socket] = here.sockets;
    one.connection.says('27["ask"]');
    await nodes.pass(10);
    nodes.clock.run(() => {
      here.namespace.emit('1');
      socket!.emitWithAck('2').catch(() => {});
      socket!.emit('3');
      socket!.disconnect();
    });
    await nodes.pass(10);
    one.reads();
    const kinds = one.packets.slice(1).map((packet) => packet.replace(/,"[^"]*\.\d+"\]/, ']'));
    expect(kinds).toEqual([
      '42["before"]',
      '437["answered"]',
      '42["1"]',
      '421["2"]',
      '42["3"]',
      '41',
    ]);
  });

  it('is the same at all nodes', async () => {
    const { nodes, here, there, one } = await world();
    const other = new ReturningClient(there.namespace, nodes.clock);
    await nodes.pass(10);
    nodes.clock.run(() => {
      for (let i = 0; i < 20; i++) (i % 3 === 0 ? here : there).namespace.emit(`${i}`);
    });
    await nodes.pass(10);
    expect(one.reads().events.length).toBe(20);
    expect(other.reads().events).toEqual(one.events);
  });
});

describe('an event', () => {
  it('fails while the store is away, and no client receives it', async () => {
    const { nodes, here, one } = await world();
    nodes.hub.kill();
    const failed: unknown[] = [];
    nodes.clock.run(() => here.namespace.emit('lost').onSettled((error) => failed.push(error)));
    nodes.clock.run(() => here.namespace.local.emit('local'));
    await nodes.pass(6000);
    expect(failed).toEqual([expect.objectContaining({ code: 'HR_ERR_BUS_DOWN' })]);
    expect(one.reads().events).toEqual(['local']);
  });

  it('fails if it is longer than the log keeps', async () => {
    const { nodes, here, one } = await world();
    const error = await new Promise((resolve) => {
      nodes.clock.run(() => here.namespace.emit('x', 'y'.repeat(600_000)).onSettled(resolve));
    });
    expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    expect(one.reads().events).toEqual([]);
  });

  it('carries out actions itself while the store is away', async () => {
    const { nodes, here } = await world();
    nodes.hub.kill();
    nodes.clock.run(() => here.namespace.socketsJoin('room'));
    await nodes.pass(6000);
    expect(here.sockets[0]!.rooms).toEqual(['room']);
  });
});

it('needs recovery, and a bus with a store', async () => {
  const nodes = new Nodes((cluster) => durableNodes(cluster));
  await expect(nodes.namespace({})).rejects.toMatchObject({ code: 'HR_ERR_OPTION_CONFLICT' });
  expect(() => durableNodes(nodes.clusters[0] as never, { messages: 0 })).toThrow(/messages/);
});
