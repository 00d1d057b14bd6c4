import { type Bus, MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { clusterNodes } from '../../src/cluster.ts';
import {
  SocketIoNamespace,
  type SocketIoNamespaceOptions,
  type SocketIoSocket,
} from '../../src/index.ts';
import { ScriptedClient } from '../fixture/scripted-connection.ts';

type Options = SocketIoNamespaceOptions<never, never>;

/** Two nodes in this process, on virtual time, over one hub, each with a namespace. */
class Nodes {
  readonly clock = new VirtualClock();
  readonly lines: string[] = [];
  readonly clusters: Cluster[] = [];
  readonly buses: Bus[] = [];
  private readonly hub = new MemoryHub();

  static async two(options: Options = {}, maxBytes?: number) {
    const nodes = new Nodes();
    const here = await nodes.namespace(options, maxBytes);
    const there = await nodes.namespace(options, maxBytes);
    await nodes.pass(5000);
    return { nodes, here, there };
  }

  async namespace(options: Options, maxBytes?: number) {
    const { clock, hub, lines } = this;
    const bus: Bus = memoryBus({ hub });
    this.buses.push(bus);
    if (maxBytes !== undefined) Object.defineProperty(bus, 'maxBytes', { value: maxBytes });
    const id = this.clusters.length + 1;
    const joining = Cluster.join({
      app: 'test',
      bus,
      clock,
      logger: { log: (level, text) => void lines.push(`${level} ${text}`) },
      random: () => 0.5,
      randomBytes: (size) => Buffer.alloc(size, id),
      load: () => 0,
    });
    await this.pass(50);
    const cluster = await joining;
    this.clusters.push(cluster);
    return this.on(cluster, options);
  }

  on(cluster: Cluster, options: Options = {}) {
    const sockets: SocketIoSocket[] = [];
    const connection = (socket: SocketIoSocket) => void sockets.push(socket);
    const nodes = clusterNodes(cluster as Cluster<never>);
    const namespace = new SocketIoNamespace('/', { ...(options as object), connection, nodes });
    const enter = () => {
      const client = new ScriptedClient([namespace], {}, this.clock).enters('/');
      return { client, socket: sockets.at(-1)! };
    };
    return { namespace, enter, cluster };
  }

  /** Time passes, and promises are kept up with it. */
  async pass(ms: number): Promise<void> {
    const { clock } = this;
    const end = clock.now() + ms;
    await this.settle();
    while (clock.nextDelay >= 0 && clock.now() + clock.nextDelay <= end) {
      clock.advance(clock.nextDelay);
      await this.settle();
    }
    clock.advance(end - clock.now());
    await this.settle();
  }

  private async settle(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.runTasks();
    }
  }
}

describe('a namespace on two nodes', () => {
  it('sends events to the chosen clients of both, each once', async () => {
    const { nodes, here, there } = await Nodes.two();
    const [a, b, c] = [here.enter(), there.enter(), there.enter()];
    a.socket.join('one');
    b.socket.join('one', 'two');
    const got = async (emit: () => unknown) => {
      nodes.clock.run(emit);
      await nodes.pass(10);
      return [a, b, c].map(({ client }) => client.got().length).join('');
    };
    const { namespace } = here;
    expect(await got(() => namespace.emit('x'))).toBe('111');
    expect(await got(() => namespace.to('one').emit('x'))).toBe('110');
    expect(await got(() => namespace.in('one', 'two').emit('x'))).toBe('110');
    expect(await got(() => namespace.except('two').emit('x'))).toBe('101');
    expect(await got(() => namespace.local.emit('x'))).toBe('100');
    expect(await got(() => namespace.local.to('two').emit('x'))).toBe('000');
    expect(await got(() => namespace.to(c.socket.id).emit('x'))).toBe('001');
    expect(await got(() => a.socket.broadcast.emit('x'))).toBe('011');
    expect(await got(() => a.socket.to('one').emit('x'))).toBe('010');
    expect(await got(() => a.socket.emit('x'))).toBe('100');
    b.client.socket.isBlocked = true;
    expect(await got(() => namespace.volatile.emit('x'))).toBe('101');
    b.client.socket.unblock();
    expect(await got(() => undefined)).toBe('000');
    expect(nodes.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('carries the names, the arguments and the attachments of events', async () => {
    const { nodes, here, there } = await Nodes.two();
    const { client } = there.enter();
    nodes.clock.run(() =>
      here.namespace.emit('é', { a: [1, null] }, Buffer.of(1), 'z', Buffer.of(2, 3)),
    );
    await nodes.pass(10);
    const [first, second] = [0, 1].map((num) => `{"_placeholder":true,"num":${num}}`);
    const text = `452-["é",{"a":[1,null]},${first},"z",${second}]`;
    expect(client.got()).toEqual([text, 'bytes 1', 'bytes 2,3']);
  });

  it('carries out actions in the order of the events', async () => {
    const { nodes, here, there } = await Nodes.two();
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
    expect(client.got()).toEqual(['42["in the room"]', '42["goodbye"]', '41']);
    expect([socket.connected, client.isOpen]).toEqual([false, true]);
  });

  it('ends connections of clients of the other node, and no others', async () => {
    const { nodes, here, there } = await Nodes.two();
    const [a, b] = [here.enter(), there.enter()];
    nodes.clock.run(() => here.namespace.except(a.socket.id).disconnectSockets(true));
    await nodes.pass(10);
    expect([a.client.settle().isOpen, b.client.settle().isOpen]).toEqual([true, false]);
  });

  it('keeps actions that are local to this process', async () => {
    const { nodes, here, there } = await Nodes.two();
    const [a, b] = [here.enter(), there.enter()];
    nodes.clock.run(() => here.namespace.local.socketsJoin('room'));
    await nodes.pass(10);
    expect([a.socket.rooms, b.socket.rooms]).toEqual([['room'], []]);
  });

  it('lists the clients of both', async () => {
    const { nodes, here, there } = await Nodes.two();
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
    const missed = [...recovery['sessions'].values()].map((session) => {
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
