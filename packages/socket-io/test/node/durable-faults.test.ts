// What goes wrong around the recovery on all nodes: slow stores, clients that come twice, and nodes that are late.
import { logOf, recordsOf } from '@headrace/store';
import { expect, it } from 'vitest';
import { durableNodes } from '../../src/durable.ts';
import type { Recovery } from '../../src/namespace/recovery.ts';
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
