// What goes wrong around the recovery on all nodes: slow stores, clients that come twice, and nodes that are late.
import { logOf, recordsOf } from '@headrace/store';
import { expect, it } from 'vitest';
import { clusterNodes } from '../../src/cluster.ts';
import { durableNodes } from '../../src/durable.ts';
import type { Recovery } from '../../src/namespace/recovery.ts';
import { RecoverySession } from '../../src/namespace/recovery-session.ts';
import { Nodes, type Options } from '../fixture/nodes.ts';
import { ReturningClient } from '../fixture/returning-client.ts';

type Namespace = Awaited<ReturnType<Nodes['namespace']>>;

const OPTIONS = { recovery: {} } as Options;

/** Two nodes with a log, and a client at the first one that has got the event `1`. */
async function world(options: Options = OPTIONS) {
  const { nodes, here, there } = await Nodes.two(options, undefined, (cluster) =>
    durableNodes(cluster),
  );
  const one = new ReturningClient(here.namespace, nodes.clock);
  await nodes.pass(10);
  const emit = async (at: Namespace, name: string, room?: string) => {
    const to = room === undefined ? at.namespace : at.namespace.to(room);
    nodes.clock.run(() => void to.emit(name));
    await nodes.pass(10);
  };
  await emit(here, '1');
  one.reads();
  /** The client connects at a node, without a word to the connection before. */
  const comes = async (at: Namespace, waitMs = 10) => {
    one.namespace = at.namespace;
    one.connect();
    await nodes.pass(waitMs);
    one.reads();
  };
  return { nodes, here, there, one, emit, comes };
}

/** Number of sessions that a node keeps. */
function sessionsOf({ namespace }: Namespace): number {
  return (namespace.recovery as Recovery).held.sessions;
}

/** The node gets no event of the log until the test ends the silence. */
function silence({ namespace }: Namespace): () => void {
  const { feed } = (namespace as unknown as { rooms: { log: { delivery: { feed: object } } } })
    .rooms.log.delivery;
  Object.assign(feed, { live: () => {}, look: () => {} });
  return () => {
    for (const name of ['live', 'look']) Reflect.deleteProperty(feed, name);
    (feed as { look(): void }).look();
  };
}

/** Replaces a method of an object, as a store that is slow. */
function wrap<T extends object, K extends keyof T>(
  object: T,
  name: K,
  wrapped: (whole: T[K] & ((...args: never[]) => Promise<unknown>)) => unknown,
): void {
  const whole = (object[name] as { bind(to: T): never }).bind(object);
  Object.defineProperty(object, name, { value: wrapped(whole), configurable: true });
}

it('a client that connects twice at once to a node is there once', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  one.loses();
  await nodes.pass(10);
  const first = one.connect().connection;
  const second = one.connect().connection;
  await nodes.pass(50);
  one.reads();
  expect([first.isOpen, second.isOpen, here.namespace.size]).toEqual([false, true, 1]);
  here.namespace.find(one.id)!.join('late');
  await nodes.pass(10);
  await nodes.kill(0);
  one.loses();
  await emit(there, '2', 'late');
  await comes(there);
  expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
});

it('a connection that ends while its events are read does not end the next one', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  one.loses();
  await emit(here, '2');
  const third = await nodes.namespace(OPTIONS);
  await nodes.pass(3000);
  wrap(logOf(nodes.buses[2]!)!, 'read', (read) => async (...args: never[]) => {
    await new Promise((resolve) => nodes.clock.schedule(() => resolve(0), 100));
    return read(...args);
  });
  one.namespace = third.namespace;
  one.connect();
  await nodes.pass(10);
  one.loses();
  await comes(third, 1000);
  expect([one.recovered, third.namespace.size]).toEqual([true, 1]);
  third.namespace.find(one.id)!.join('late');
  await nodes.pass(10);
  await nodes.kill(2);
  one.loses();
  await emit(there, '3', 'late');
  await comes(there);
  expect([one.recovered, one.events]).toEqual([true, ['1', '2', '3']]);
});

it('a session that the store gives too late is left again', async () => {
  const { nodes, here, there, one, comes } = await world();
  const { pid } = one;
  one.loses();
  await nodes.pass(10);
  let free = (): void => {};
  const wait = new Promise<void>((resolve) => (free = resolve));
  wrap(recordsOf(nodes.buses[1]!)!, 'append', (append) => async (...args: never[]) => {
    await wait;
    return append(...args);
  });
  await comes(there, 6000);
  expect(one.recovered).toBe(false);
  free();
  await nodes.pass(10);
  one.loses();
  await nodes.pass(10);
  expect(sessionsOf(there)).toBe(0);
  one.pid = pid;
  await comes(here);
  expect(one.recovered).toBe(true);
});

it('an event that is too long does not let the end overtake the events before', async () => {
  const { nodes, here, one } = await world();
  nodes.clock.run(() => {
    here.namespace.emit('2');
    here.namespace.emit('x', 'y'.repeat(600_000)).onSettled(() => {});
    here.sockets[0]!.disconnect();
  });
  await nodes.pass(10);
  one.reads();
  expect([one.events, one.packets.at(-1)]).toEqual([['1', '2'], '41']);
});

it('a client is a new one at a node that does not get as far as the client', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  const speak = silence(there);
  await emit(here, '2');
  one.reads().loses();
  await nodes.pass(10);
  await comes(there, 6000);
  expect(one.recovered).toBe(false);
  one.events.length = 0;
  speak();
  await emit(here, '3');
  await nodes.pass(1000);
  expect(one.reads().events).toEqual(['2', '3']);
});

it('a client that has left a room is a new one at a node that does not know it yet', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  here.sockets[0]!.join('a');
  await nodes.pass(10);
  const speak = silence(there);
  await emit(here, '2', 'a');
  here.sockets[0]!.leave('a');
  await nodes.pass(10);
  one.loses();
  await nodes.pass(10);
  await comes(there, 6000);
  speak();
  await nodes.pass(1000);
  expect([one.recovered, one.reads().events]).toEqual([false, ['1']]);
});

it('a client is a new one with an offset after the end of the log', async () => {
  const { nodes, there, one, emit, comes } = await world();
  one.loses();
  await nodes.pass(10);
  await emit(there, '2');
  const [epoch] = one.offset!.split('.');
  one.offset = `${epoch}.999`;
  await comes(there);
  expect(one.recovered).toBe(false);
});

it('a session of a log that is replaced while it is taken over is a new one', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  one.loses();
  await nodes.pass(10);
  const recovery = there.namespace.recovery!;
  let isFirst = true;
  wrap(recordsOf(nodes.buses[1]!)!, 'append', (append) => (...args: never[]) => {
    if (isFirst) {
      isFirst = false;
      recovery.passed({ epoch: 'other', offset: 0 }, false);
    }
    return append(...args);
  });
  await comes(there);
  await emit(here, '2');
  expect(one.recovered).toBe(false);
});

it('a session can have very many rooms', () => {
  const rooms = Array.from({ length: 200_000 }, (_, i) => [`${i}`, i] as const);
  const session = new RecoverySession('key', { id: 'id', after: 1, rooms });
  expect(session.noted).toBe(199_999);
});

it('a client that enters and leaves without end costs the store nothing', async () => {
  const { nodes, here } = await world();
  let written = 0;
  wrap(recordsOf(nodes.buses[0]!)!, 'append', (append) => (...args: never[]) => {
    written += 1;
    return append(...args);
  });
  const client = new ReturningClient(here.namespace, nodes.clock);
  const packets = Array.from({ length: 1000 }, () => ['1', '0{}']).flat();
  client.connection.says(...packets);
  await nodes.pass(10);
  expect([written, sessionsOf(here)]).toEqual([1, 2]);
});

it('no more than maxSessions of clients that are away wait for the store', async () => {
  const { nodes, here } = await world({ recovery: { maxSessions: 5 } } as Options);
  nodes.hub.kill();
  for (let i = 0; i < 50; i++) {
    const client = new ReturningClient(here.namespace, nodes.clock);
    await nodes.pass(1);
    client.loses();
    await nodes.pass(1);
  }
  expect(sessionsOf(here)).toBe(6);
  await nodes.pass(300_000);
  expect(sessionsOf(here)).toBe(1);
});

it('the events of a node with clusterNodes take no numbers of the log', async () => {
  const nodes = new Nodes((cluster) =>
    (nodes.clusters.length === 3 ? clusterNodes : durableNodes)(cluster),
  );
  const here = await nodes.namespace(OPTIONS);
  const there = await nodes.namespace(OPTIONS);
  const other = await nodes.namespace(OPTIONS);
  await nodes.pass(5000);
  const one = new ReturningClient(here.namespace, nodes.clock);
  await nodes.pass(10);
  const emit = async ({ namespace }: Namespace, name: string) => {
    nodes.clock.run(() => void namespace.emit(name));
    await nodes.pass(10);
  };
  await emit(here, '1');
  await emit(other, 'x');
  one.reads().loses();
  await emit(there, '2');
  await emit(there, '3');
  one.namespace = there.namespace;
  one.connect();
  await nodes.pass(10);
  one.reads();
  expect([one.recovered, one.events]).toEqual([true, ['1', 'x', '2', '3']]);
});

it('a node that is late does not bring back a session that has ended at another node', async () => {
  const { nodes, here, there, one, comes } = await world();
  silence(here);
  await comes(there);
  expect(one.recovered).toBe(true);
  there.sockets.at(-1)!.join('b');
  await nodes.pass(10);
  one.connection.says('1');
  await nodes.pass(10);
  here.sockets[0]!.join('c');
  await nodes.pass(10);
  await comes(there);
  expect(one.recovered).toBe(false);
});

it('a node that hears late of a former owner keeps its client', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  // What the second node tells the others is on its way for long.
  wrap(logOf(nodes.buses[1]!)!, 'append', (append) => async (...args: never[]) => {
    await new Promise((resolve) => nodes.clock.schedule(() => resolve(0), 1000));
    return append(...args);
  });
  await comes(there);
  one.loses();
  await comes(here);
  const { connection } = one;
  await nodes.pass(2000);
  await emit(here, '2');
  one.reads();
  expect([one.recovered, one.events, connection.isOpen]).toEqual([true, ['1', '2'], true]);
});

it('a client is recovered by a node that has just begun', async () => {
  const { nodes, one, emit, here } = await world();
  one.loses();
  await emit(here, '2');
  const { on } = nodes;
  nodes.on = (cluster, options) => {
    wrap(logOf(nodes.buses[2]!)!, 'read', (read) => async (...args: never[]) => {
      await new Promise((resolve) => nodes.clock.schedule(() => resolve(0), 10));
      return read(...args);
    });
    const late = on.call(nodes, cluster, options);
    one.namespace = late.namespace;
    one.connect();
    return late;
  };
  await nodes.namespace(OPTIONS);
  await nodes.pass(100);
  one.reads();
  expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
});

it('a client gets an answer although the log is not read', async () => {
  const { nodes, here, one, emit, comes } = await world();
  const { pid } = one;
  one.loses();
  await emit(here, '2');
  const third = await nodes.namespace(OPTIONS);
  await nodes.pass(3000);
  wrap(logOf(nodes.buses[2]!)!, 'read', (read) => async (...args: never[]) => {
    await new Promise((resolve) => nodes.clock.schedule(() => resolve(0), 29_000));
    return read(...args);
  });
  await comes(third, 6000);
  expect([one.recovered, one.pid === pid]).toEqual([false, false]);
});

it('events that a client has not answered for are sent again, however long its process stood still', async () => {
  const { nodes, here, there, one, emit, comes } = await world();
  await emit(here, '2');
  // The first process writes into a socket whose client is gone, and stands still.
  const { clock } = nodes;
  const now = clock.now.bind(clock);
  clock.now = () => now() + 100_000;
  one.loses();
  await nodes.pass(10);
  clock.now = now;
  await comes(there);
  expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
});

it('a client whose answers wait for the store is not read', async () => {
  let answers = 0;
  const { nodes, here, one } = await world({
    recovery: {},
    events: {
      ask: (_socket: unknown, answer: () => void) => {
        answers += 1;
        answer();
      },
    },
  } as never);
  nodes.hub.kill();
  nodes.clock.run(() => here.namespace.emit('2').onSettled(() => {}));
  for (let i = 0; i < 200; i++) one.connection.says(`2${i}["ask"]`);
  expect(answers).toBeLessThan(100);
  nodes.hub.start();
  await nodes.pass(20_000);
  expect(answers).toBe(200);
});
