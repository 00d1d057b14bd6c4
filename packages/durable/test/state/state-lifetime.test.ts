import { type Bus, memoryBus } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import { type StateGroup, type StateGroupOptions, stateGroup } from '@headrace/durable';
import { statesOf } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { type Member, VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { statesIn } from '../../../store/test/fixture/engines.ts';
import { words } from '../help/state-words.ts';

interface Node {
  readonly cluster: Cluster;
  readonly bus: Bus;
  readonly group: StateGroup<number>;
}

/** Nodes with one group. */
class Nodes extends VirtualNodes {
  async node(options: StateGroupOptions<number> = {}): Promise<Node> {
    const bus = memoryBus({ hub: this.hub });
    const cluster = await this.join({ bus });
    return { cluster, bus, group: stateGroup<number>(cluster, 'room', options) };
  }

  /** What members of a node get. */
  async watch({ group }: Node): Promise<Member> {
    const member = await this.member();
    await this.of(group.join(member.channel));
    return member;
  }

  async of<T>(promise: Promise<T>, ms = 60): Promise<T> {
    promise.catch(() => {});
    await this.pass(ms);
    return promise;
  }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );

describe('a key with a time to live', () => {
  it('is removed when its time is over, once, and for all nodes', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const [one, two] = [await nodes.watch(a), await nodes.watch(b)];
    await nodes.of(a.group.set('k', 1, { ttlMs: 1000 }));
    await nodes.pass(900);
    expect(words(two.got)).toEqual(['begin', 'ready@0', 'k=1@1']);
    await nodes.pass(100);
    for (const { got } of [one, two]) expect(words(got).slice(2)).toEqual(['k=1@1', '-k@2']);
    await nodes.pass(10_000);
    expect(words(two.got)).toHaveLength(4);
    expect(a.group.counters).toMatchObject({ stored: 1, failed: 0 });
  });

  it('begins a new life with each change', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    await nodes.of(a.group.set('k', 1, { ttlMs: 1000 }));
    await nodes.pass(600);
    await nodes.of(b.group.set('k', 2, { ttlMs: 1000 }));
    await nodes.pass(800);
    expect(words(got).slice(2)).toEqual(['k=1@1', 'k=2@2']);
    await nodes.of(a.group.update('k', () => 3));
    await nodes.pass(60_000);
    expect(words(got).slice(2)).toEqual(['k=1@1', 'k=2@2', 'k=3@3']);
    await nodes.of(a.group.update('k', () => 4, { ttlMs: 50 }));
    await nodes.pass(60);
    expect(words(got).slice(5)).toEqual(['k=4@4', '-k@5']);
  });

  it('is removed by its node while nobody keeps the state', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    await nodes.of(a.group.set('k', 1, { ttlMs: 1000 }));
    await nodes.pass(1000);
    const { got } = await nodes.watch(b);
    expect(words(got)).toEqual(['begin', 'ready@2']);
  });

  it('is removed by another node when its node is gone', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    await nodes.of(a.group.set('k', 1, { ttlMs: 500 }));
    await a.bus.close();
    await nodes.pass(2600);
    expect(words(got).slice(2)).toEqual(['k=1@1', '-k@2']);
  });

  it('does not exist for anybody after its time, even if no node was there to remove it', async () => {
    const nodes = new Nodes();
    const [a, b, c] = [await nodes.node(), await nodes.node(), await nodes.node()];
    for (const key of ['k', 'l', 'm']) await nodes.of(a.group.set(key, 1, { ttlMs: 500 }));
    await a.bus.close();
    await nodes.pass(60_000);
    expect(await nodes.of(b.group.get('k'))).toBeUndefined();
    expect(await nodes.of(b.group.entries())).toEqual(new Map());
    const { offset } = await nodes.of(b.group.set('k', 2, { version: 0 }));
    expect(await nodes.of(c.group.get('k'))).toEqual({ value: 2, version: offset });
    const sum = await nodes.of(c.group.update('l', (value) => (value ?? 10) + 1));
    expect(sum?.value).toBe(11);
    const { got } = await nodes.watch(b);
    await nodes.pass(3000);
    expect(words(got).filter((word) => word.startsWith('m'))).toEqual([]);
    const entries = await nodes.of(c.group.entries());
    expect([...entries.keys()].sort()).toEqual(['k', 'l']);
  });

  it('is removed later if the bus was down at its end', async () => {
    const nodes = new Nodes();
    const a = await nodes.node();
    const { got } = await nodes.watch(a);
    await nodes.of(a.group.set('k', 1, { ttlMs: 1000 }));
    nodes.hub.kill();
    await nodes.pass(8000);
    nodes.hub.start();
    await nodes.pass(8000);
    expect(words(got).slice(2)).toEqual(['k=1@1', 'again', '-k@2', 'ready@2']);
  });
});

describe('a key of a channel', () => {
  it('is removed when the channel closes, unless somebody else has changed it', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    const { channel } = await nodes.member();
    for (let i = 1; i <= 3; i++) await nodes.of(a.group.set('k', i, { channel }));
    await nodes.of(a.group.set('l', 4, { channel }));
    await nodes.of(b.group.set('l', 5));
    await nodes.of(a.group.set('m', 6, { channel }));
    await nodes.of(a.group.set('m', 7));
    await nodes.of(a.group.update('n', () => 8, { channel }));
    await nodes.of(a.group.set('o', 9, { channel }));
    await nodes.of(a.group.delete('o'));
    channel.close();
    await nodes.pass(100);
    expect(words(got).slice(11).sort()).toEqual(['-k@11', '-n@12', '-o@10'].sort());
    expect(Object.fromEntries(await nodes.of(b.group.entries()))).toEqual({
      l: { value: 5, version: 5 },
      m: { value: 7, version: 7 },
    });
    await nodes.pass(20_000);
    expect(a.group.size).toBe(0);
  });

  it('is not stored for a channel that ends, and removed if the channel closes meanwhile', async () => {
    const nodes = new Nodes();
    const a = await nodes.node();
    const { got } = await nodes.watch(a);
    const { channel } = await nodes.member();
    const setting = a.group.set('k', 1, { channel });
    channel.close();
    await nodes.of(setting);
    await nodes.pass(100);
    expect(words(got).at(-1)).toBe('-k@2');
    expect(await nodes.of(codeOf(a.group.set('k', 1, { channel })))).toBe('HR_ERR_CHANNEL_CLOSED');
    await nodes.pass(100);
    expect(words(got).at(-1)).toBe('-k@2');
  });

  it('is removed by another node when its node is gone, and not earlier', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    const { got } = await nodes.watch(b);
    await nodes.pass(20_000);
    await a.bus.close();
    await nodes.pass(4500);
    expect(words(got)).toEqual(['begin', 'k=1@1', 'ready@1']);
    await nodes.pass(2500);
    expect(words(got).slice(3)).toEqual(['-k@2']);
  });

  it('is removed by a node that joins after its node has gone', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    await a.bus.close();
    await nodes.pass(60_000);
    const c = await nodes.node();
    const { got } = await nodes.watch(c);
    await nodes.pass(7000);
    expect(words(got)).toEqual(['begin', 'k=1@1', 'ready@1', '-k@2']);
    expect(b.group.size).toBe(0);
  });

  it('is set again when the store has lost it', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    await nodes.of(a.group.set('l', 2, { channel }));
    await nodes.of(b.group.set('l', 3));
    nodes.hub.kill();
    await nodes.pass(50);
    const states = statesIn(nodes.hub.relay);
    states.clear();
    nodes.hub.start();
    await nodes.pass(5000);
    expect(words(got).slice(5)).toEqual(['again', 'begin', 'k=1@1', 'ready@1']);
    channel.close();
    await nodes.pass(100);
    expect(words(got).slice(9)).toEqual(['-k@2']);
  });

  it('belongs to its channel when its change is stored late, while the key is set again', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    const { channel } = await nodes.member();
    const log = statesOf(a.bus)!;
    const append = log.append.bind(log);
    let isFirst = true;
    log.append = async (...change) => {
      // The first answer is lost.
      if (isFirst) {
        isFirst = false;
        await append(...change);
      }
      await new Promise<void>((resolve) => void nodes.clock.schedule(resolve, 4000));
      return append(...change);
    };
    const setting = a.group.set('k', 1, { channel });
    await nodes.pass(50);
    nodes.hub.kill();
    await nodes.pass(50);
    const states = statesIn(nodes.hub.relay);
    states.clear();
    nodes.hub.start();
    await nodes.of(setting, 20_000);
    expect(words(got).slice(-3)).toEqual(['begin', 'ready@0', 'k=1@1']);
    log.append = append;
    channel.close();
    await nodes.pass(100);
    expect(words(got).at(-1)).toBe('-k@2');
  });

  it('ends with its channel if the store has lost it meanwhile, and nobody else needs the state', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    nodes.hub.kill();
    await nodes.pass(50);
    const states = statesIn(nodes.hub.relay);
    states.clear();
    const log = statesOf(a.bus)!;
    const append = log.append.bind(log);
    // The removal is answered after the new state was read.
    log.append = async (...change) => {
      await new Promise<void>((resolve) => void nodes.clock.schedule(resolve, 10_000));
      return append(...change);
    };
    channel.close();
    nodes.hub.start();
    await nodes.pass(20_000);
    log.append = append;
    await nodes.of(b.group.set('l', 2));
    expect([...(await nodes.of(a.group.entries())).keys()]).toEqual(['l']);
  });

  it('is set again by its node when another node took that one for gone', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    // It sends no heartbeat.
    const publish = a.bus.publish.bind(a.bus);
    a.bus.publish = () => 'sent';
    await nodes.pass(7000);
    a.bus.publish = publish;
    await nodes.pass(20_000);
    expect(words(got).slice(2)).toEqual(['k=1@1', '-k@2', 'k=1@3']);
    channel.close();
    await nodes.pass(100);
    expect(words(got).at(-1)).toBe('-k@4');
  });

  it('is removed when its node leaves', async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.node(), await nodes.node()];
    const { got } = await nodes.watch(b);
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    void a.group.set('l', 2, { channel });
    await nodes.of(a.cluster.leave(), 1000);
    expect(words(got).slice(-2)).toEqual(['-k@3', '-l@4']);
    expect(await nodes.of(b.group.entries())).toEqual(new Map());
    expect(channel.isOpen).toBe(true);
  });

  it('is left alone by a node that leaves while the bus is down', async () => {
    const nodes = new Nodes();
    const a = await nodes.node();
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    await nodes.of(a.group.set('l', 1, { ttlMs: 30_000 }));
    nodes.hub.kill();
    await nodes.pass(50);
    await nodes.of(a.cluster.leave(), 10_000);
    channel.close();
    expect(nodes.clock.deadlines.size).toBe(0);
    nodes.hub.start();
    const b = await nodes.node();
    await nodes.pass(100);
    expect((await nodes.of(b.group.entries())).size).toBe(2);
  });

  it('is removed later if the bus was down when the channel closed', async () => {
    const nodes = new Nodes();
    const a = await nodes.node();
    const { got } = await nodes.watch(a);
    const { channel } = await nodes.member();
    await nodes.of(a.group.set('k', 1, { channel }));
    nodes.hub.kill();
    await nodes.pass(50);
    channel.close();
    await nodes.pass(8000);
    nodes.hub.start();
    await nodes.pass(8000);
    expect(words(got).slice(2)).toEqual(['k=1@1', 'again', '-k@2', 'ready@2']);
  });
});

describe('the options of a life', () => {
  it('are checked', async () => {
    const nodes = new Nodes();
    const { group } = await nodes.node();
    for (const options of [{ ttlMs: 0 }, { ttlMs: 2 ** 31 }, { ttlMs: 1.5 }, { channel: 1 }]) {
      const setting = group.set('k', 1, options as never);
      expect(await nodes.of(codeOf(setting))).toBe('HR_ERR_OPTION_INVALID');
      const updating = group.update('k', () => 1, options as never);
      expect(await nodes.of(codeOf(updating))).toBe('HR_ERR_OPTION_INVALID');
    }
    const deleting = group.delete('k', { ttlMs: 5 } as never);
    expect(await nodes.of(codeOf(deleting))).toBe('HR_ERR_OPTION_INVALID');
    expect(await nodes.of(group.entries())).toEqual(new Map());
  });
});
