import { EngineBus, MemoryHub, memoryBus } from '@headrace/bus';
import { Relay } from '@headrace/bus/authoring';
import { Cluster } from '@headrace/cluster';
import { type Clock, OptionError, silentLogger } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import type { RelayBytes } from '../../../bus/test/fixture/relay.ts';
import { BODY, encodeEnvelope, KIND } from '../../src/envelope/envelope.ts';
import { Nodes, sent } from '../nodes.ts';

/** Passes on to another hub what is published, unless it was killed. */
class LinkedHub extends MemoryHub {
  other: LinkedHub | undefined = undefined;
  isCut = false;

  constructor() {
    super();
    const { relay } = this;
    relay.publish = (subject, bytes) => {
      Relay.prototype.publish.call(relay, subject, bytes);
      if (!this.isCut && this.other?.isCut === false) this.other.arrived(subject, bytes);
    };
  }

  cut(): void {
    this.isCut = true;
    this.kill();
  }

  mend(): void {
    this.isCut = false;
    this.start();
  }

  private arrived(subject: string, bytes: RelayBytes): void {
    Relay.prototype.publish.call(this.relay, subject, bytes);
  }
}

describe('a cluster', () => {
  it('is not joined over a bus that can never connect', async () => {
    const text = 'the package x is not installed: npm install x';
    const connect = () => Promise.reject(new OptionError('OPTION_INVALID', text, {}));
    const bus = new EngineBus({ name: 'x', connect }, {});
    const options = { app: 'chat', bus, logger: silentLogger };
    await expect(Cluster.join(options)).rejects.toThrow(text);
    expect(bus.state).toBe('down');
    await expect(Cluster.join(options)).rejects.toThrow('was closed');
  });

  it('works in one process without a bus', async () => {
    await using cluster = await Cluster.join({ app: 'alone' });
    expect(cluster.state).toBe('up');
    expect(cluster.nodes).toMatchObject([{ id: cluster.nodeId, state: 'ready', life: 'alive' }]);
  });

  it('knows the other nodes, and what they say of themselves', async () => {
    const nodes = new Nodes();
    const address = { host: '10.0.0.1', port: 18888 };
    let connections = 5;
    const a = await nodes.join({ address, roles: ['worker'], connections: () => connections });
    const b = await nodes.join();
    await nodes.pass(1500);
    expect(b.nodes[1]).toMatchObject({ id: a.nodeId, address, roles: ['worker'], connections: 5 });
    const changes: number[] = [];
    b.on('nodeChanged', (node) => void changes.push(node.connections));
    connections = 6;
    await nodes.pass(1500);
    expect(changes).toEqual([6]);
  });

  it('does not list a node that has sent something, and no heartbeat yet', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const room = a.group('room');
    const channel = nodes.channel();
    room.add(channel);
    await nodes.pass(1000);
    const node = 'ab'.repeat(16);
    const body = Buffer.from('early');
    const early = { kind: KIND.broadcast, bodyType: BODY.text, flags: 0, node, number: 1, body };
    a.parts.wire.bus.publish('hr.ptest.g.proom', encodeEnvelope(early));
    await nodes.pass(10);
    expect(sent(channel)).toEqual(['early']);
    expect(a.nodes.map(({ id }) => id)).toEqual([a.nodeId]);
  });

  it('suspects a silent node after 3 s, and takes it for gone after 5', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const b = await nodes.join();
    const events: string[] = [];
    const at = () => nodes.clock.now();
    a.on('nodeChanged', ({ life }) => void events.push(life));
    a.on('nodeLeft', (_node, reason) => void events.push(reason));
    await nodes.pass(1500);
    const silentSince = at();
    await b.parts.wire.bus.close();
    await nodes.pass(7000);
    expect(events).toEqual(['suspect', 'node-gone']);
    expect(a.nodes).toHaveLength(1);
    expect(at() - silentSince).toBe(7000);
  });

  it('whose own bus was away for 3 s does not count that time as the silence of others', async () => {
    for (let phase = 0; phase < 1000; phase += 50) {
      const nodes = new Nodes();
      const { clock } = nodes;
      // A busy machine's timers are late: five heartbeats of it take more than 5 s.
      const late: Clock = Object.assign(Object.create(clock) as Clock, {
        schedule: (task: () => void, delayMs: number) => clock.schedule(task, delayMs + 100),
      });
      const far = new LinkedHub();
      const near = new LinkedHub();
      [far.other, near.other] = [near, far];
      await nodes.join({ bus: memoryBus({ hub: far }), clock: late });
      await nodes.pass(phase);
      const random = () => 0.99;
      const cluster = await nodes.join({ bus: memoryBus({ hub: near }), random });
      const events: string[] = [];
      cluster.on('nodeLeft', (_node, reason) => void events.push(reason));
      await nodes.pass(3000);
      near.cut();
      await nodes.pass(3000);
      near.mend();
      await nodes.pass(3000);
      expect([cluster.state, cluster.nodes.length, events], `phase ${phase}`).toEqual([
        'up',
        2,
        [],
      ]);
    }
  });

  it('does not count the time in which its own process stood still as the silence of others', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    await nodes.join();
    await nodes.pass(2000);
    const gone: string[] = [];
    a.on('nodeLeft', (_node, reason) => void gone.push(reason));
    nodes.clock.advanceQuietly(15_000);
    await nodes.pass(900);
    expect([gone, a.nodes.length]).toEqual([[], 2]);
  });

  it('learns at once that a node leaves', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const b = await nodes.join();
    await nodes.pass(1500);
    const left: string[] = [];
    a.on('nodeLeft', (_node, reason) => void left.push(reason));
    void b.leave();
    await nodes.pass(10);
    expect(left).toEqual(['left']);
    expect(b.leave()).toBe(b.leave());
  });

  it('resolves after 2 s without a bus, and goes on when it comes', async () => {
    const nodes = new Nodes();
    nodes.hub.kill();
    let joined: Cluster | undefined;
    void nodes.join().then((cluster) => {
      joined = cluster;
    });
    await nodes.pass(1900);
    expect(joined).toBe(undefined);
    await nodes.pass(200);
    expect(joined!.state).toBe('down');
    expect(nodes.lines).toEqual([
      expect.stringMatching(/the bus memory: is down: the hub was killed; trying again/),
    ]);
    nodes.hub.start();
    await nodes.pass(2500);
    expect(joined!.state).toBe('up');
  });

  it('gives two nodes with one id new ones', async () => {
    const nodes = new Nodes();
    let made = 0;
    // The first two ids are the same, as in copies of one machine.
    const randomBytes = (size: number) => {
      made += 1;
      return Buffer.alloc(size, size === 16 && made <= 3 ? 0 : made);
    };
    const a = await nodes.join({ randomBytes });
    const b = await nodes.join({ randomBytes });
    const room = a.group('room');
    room.add(nodes.channel());
    await nodes.pass(3000);
    expect(a.nodeId).not.toBe(b.nodeId);
    expect(b.group('room').total).toBe(1);
    await nodes.pass(2000);
    expect(nodes.lines).toContainEqual(expect.stringMatching(/another node has the id/));
    expect(b.nodes).toHaveLength(2);
  });

  it('takes a new id once a minute at most, whatever heartbeats with its own id come', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    await nodes.pass(1000);
    const ids = new Set<string>();
    for (let second = 0; second < 100; second += 1) {
      ids.add(a.nodeId);
      const status = { state: 'ready', connections: 0, load: 0, roles: [], nonce: 'forged' };
      const body = Buffer.from(JSON.stringify(status));
      const kind = KIND.heartbeat;
      const envelope = { kind, bodyType: BODY.json, flags: 0, node: a.nodeId, number: 1, body };
      a.parts.wire.bus.publish('hr.ptest.nodes', encodeEnvelope(envelope));
      await nodes.pass(1000);
    }
    expect(ids.size).toBe(3);
  });

  it('counts messages that are not of the cluster, and logs the first of a kind', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const { bus } = a.parts.wire;
    for (let i = 0; i < 3; i += 1) bus.publish('hr.ptest.nodes', Buffer.from('GET / HTTP/1.1'));
    bus.publish('hr.ptest.nodes', Buffer.from('HR'));
    bus.publish(
      `hr.ptest.n.${a.nodeId}`,
      Buffer.concat([Buffer.from([0x48, 0x52, 9]), Buffer.alloc(40)]),
    );
    await nodes.pass(10);
    expect(a.counters.ignored).toEqual({ foreign: 3, short: 1, version: 1 });
    expect(nodes.lines.filter((line) => line.includes('foreign'))).toHaveLength(1);
  });

  it('refuses options that it does not know, and a bus that is in use', async () => {
    await expect(Cluster.join({} as never)).rejects.toThrow(/app/);
    await expect(Cluster.join({ app: 'x', bux: 1 } as never)).rejects.toThrow(/bux/);
    await expect(Cluster.join({ app: 'x', clock: {} } as never)).rejects.toThrow(/must be a Clock/);
    const bus = memoryBus();
    await using _cluster = await Cluster.join({ app: 'x', bus });
    await expect(Cluster.join({ app: 'y', bus })).rejects.toThrow(/in use/);
  });

  it('leaves nothing on a bus that another cluster has, and refuses one that was closed', async () => {
    const bus = memoryBus();
    await using _cluster = await Cluster.join({ app: 'x', bus });
    const listeners = () => [bus.listenerCount('up'), bus.listenerCount('down')];
    const before = listeners();
    await expect(Cluster.join({ app: 'y', bus })).rejects.toThrow(/in use/);
    expect(listeners()).toEqual(before);
    const closed = memoryBus();
    await closed.close();
    await closed.close();
    await expect(Cluster.join({ app: 'x', bus: closed })).rejects.toThrow(/was closed/);
  });

  it('has no timer after it was left, also with a group that is made then', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    a.group('before', { presence: 'ids' }).add(nodes.channel());
    const leaving = a.leave();
    await nodes.pass(7000);
    await leaving;
    a.group('after', { presence: 'ids' }).add(nodes.channel());
    durableGroup(a, 'kept after').add(nodes.channel());
    await nodes.pass(1000);
    expect(nodes.clock.nextDelay).toBe(-1);
  });

  it('refuses what the other nodes would not take: they would not see it', async () => {
    const join = (options: object) => Cluster.join({ app: 'x', ...options });
    for (const address of [{ host: 'a', port: 0 }, { host: 'a' }, { port: 1 }, 'a:1']) {
      await expect(join({ address })).rejects.toThrow(/address/);
    }
    await expect(join({ roles: Array(33).fill('r') })).rejects.toThrow(/roles/);
    await expect(join({ roles: ['r'.repeat(65)] })).rejects.toThrow(/roles/);
    await expect(join({ roles: [1] })).rejects.toThrow(/roles/);
    await expect(join({ roles: 'worker' })).rejects.toThrow(/roles/);
  });

  it('is seen although the figures of the application are none', async () => {
    const nodes = new Nodes();
    const b = await nodes.join();
    await nodes.join({
      load: () => Number.NaN,
      connections: () => {
        throw new Error('not yet');
      },
    });
    await nodes.pass(2500);
    expect(b.nodes[1]).toMatchObject({ connections: 0, load: 0, life: 'alive' });
    expect(nodes.lines).toEqual([
      'error connections of Cluster.join: not yet; the other nodes hear 0',
      'error load of Cluster.join: load gave NaN; the other nodes hear 0',
    ]);
  });

  it('survives figures that are promises, also those that reject', async () => {
    const nodes = new Nodes();
    const b = await nodes.join();
    await nodes.join({
      load: (async () => 0.5) as never,
      connections: (async () => {
        throw new Error('the database is away');
      }) as never,
    });
    await nodes.pass(2500);
    expect(b.nodes[1]).toMatchObject({ connections: 0, load: 0, life: 'alive' });
    const lines = (option: string) =>
      `error ${option} of Cluster.join: ${option} returned a promise, ` +
      'but must return its answer at once; the other nodes hear 0';
    expect(nodes.lines).toEqual([lines('connections'), lines('load')]);
  });

  it('ignores a heartbeat with roles of any length', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    const status = { state: 'ready', connections: 0, load: 0, roles: ['r'.repeat(65)], nonce: '' };
    const body = Buffer.from(JSON.stringify(status));
    const node = 'ab'.repeat(16);
    const envelope = { kind: KIND.heartbeat, bodyType: BODY.json, flags: 0, node, number: 1, body };
    a.parts.wire.bus.publish('hr.ptest.nodes', encodeEnvelope(envelope));
    await nodes.pass(10);
    expect(a.nodes).toHaveLength(1);
    expect(a.counters.ignored).toEqual({ body: 1 });
  });

  it('keeps nothing of nodes that come and go', async () => {
    const nodes = new Nodes();
    const a = await nodes.join();
    a.group('room', { presence: 'ids' }).add(nodes.channel());
    await nodes.pass(1000);
    const { wire } = a.parts;
    const lines = (): number => wire['numbers'].size + wire['ended'].size;
    const before = lines();
    for (let i = 0; i < 5; i++) {
      const b = await nodes.join();
      b.group('room', { presence: 'ids' }).add(nodes.channel());
      await nodes.pass(2000);
      // It asked who is there.
      expect(lines()).toBe(before + 1);
      if (i % 2 === 0) {
        const leaving = b.leave();
        await nodes.pass(1000);
        await leaving;
      } else {
        await b.parts.wire.bus.close();
        await nodes.pass(70_000);
      }
      expect(lines()).toBe(before);
    }
  });
});
