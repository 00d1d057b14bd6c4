import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { MeshNodes } from './mesh-nodes.ts';

const SEEDS = [1, 2, 3, 4];
/** Both ends of the connection of a node to itself. */
const SELF = 2;

describe('the nodes of a mesh', () => {
  it('have one connection for each pair, whichever nodes they have in their lists', async () => {
    const lists: readonly Record<string, readonly string[]>[] = [
      { a: ['a', 'b', 'c'], b: ['a', 'b', 'c'], c: ['a', 'b', 'c'] },
      { a: ['b', 'c'], b: ['c'], c: [] },
      { a: [], b: ['a'], c: ['a', 'b'] },
    ];
    for (const seed of SEEDS) {
      for (const list of lists) {
        const mesh = new MeshNodes(seed);
        for (const [name, peers] of Object.entries(list)) mesh.add(name, peers);
        await mesh.pass(5000);
        for (const name of ['a', 'b', 'c']) {
          expect(await mesh.reached(name)).toEqual(['a', 'b', 'c']);
          expect(mesh.connections(name)).toBe(2 + SELF);
          expect(mesh.at(name).lines).toEqual([]);
        }
      }
    }
  });

  it('are up at once, although an address in the list does not answer', async () => {
    const mesh = new MeshNodes();
    mesh.sim.host('off', () => {});
    mesh.add('a', ['off', 'b', 'nowhere']);
    mesh.add('b', ['a', 'off']);
    mesh.sim.partition(['a', 'b'], 'off');
    await mesh.pass(1500);
    expect(mesh.at('a').bus.state).toBe('up');
    expect(await mesh.reached('a')).toEqual(['a', 'b']);
  });

  it('send a message only to nodes that listen', async () => {
    const mesh = new MeshNodes();
    for (const name of ['a', 'b', 'c']) mesh.add(name, ['a', 'b', 'c']);
    await mesh.pass(3000);
    mesh.publish('a', 'b', 'for b');
    await mesh.pass(100);
    expect(mesh.at('b').heard).toEqual(['for b']);
    expect(mesh.at('c').heard).toEqual([]);
    let count = -1;
    mesh.sim.at(mesh.sim.now, async () => {
      count = await mesh.at('a').bus.receivers('b');
    });
    await mesh.pass(100);
    expect(count).toBe(1);
  });

  it('hear the answer to a message, if they listened to it before they sent the message', async () => {
    const mesh = new MeshNodes();
    for (const name of ['a', 'b']) mesh.add(name, ['a', 'b']);
    await mesh.pass(3000);
    const [a, b] = [mesh.at('a'), mesh.at('b')];
    b.bus.subscribe('question', (bytes) => b.bus.publish('answer', bytes));
    await mesh.pass(100);
    const heard: string[] = [];
    mesh.sim.at(mesh.sim.now, () => {
      a.bus.subscribe('answer', (bytes) => heard.push(bytes.toString()));
      a.bus.publish('question', Buffer.from('who?'));
    });
    await mesh.pass(100);
    expect(heard).toEqual(['who?']);
  });

  it('of both sides of a partition go on alone, and are together again after it', async () => {
    for (const seed of SEEDS) {
      const mesh = new MeshNodes(seed);
      const all = ['a', 'b', 'c', 'd'];
      for (const name of all) mesh.add(name, all);
      await mesh.pass(3000);
      mesh.sim.partition(['a', 'b'], ['c', 'd']);
      await mesh.pass(6000);
      expect(await mesh.reached('a')).toEqual(['a', 'b']);
      expect(await mesh.reached('c')).toEqual(['c', 'd']);
      for (const name of all) expect(mesh.at(name).bus.state).toBe('up');
      mesh.sim.repair(['a', 'b'], ['c', 'd']);
      await mesh.pass(9000);
      for (const name of all) {
        expect(await mesh.reached(name)).toEqual(all);
        expect(mesh.connections(name)).toBe(3 + SELF);
      }
    }
  });

  it('find a node that was killed, crashed or reset, when it is back', async () => {
    for (const seed of SEEDS) {
      const mesh = new MeshNodes(seed);
      const all = ['a', 'b', 'c'];
      for (const name of all) mesh.add(name, all);
      await mesh.pass(3000);
      mesh.sim.stop('b');
      await mesh.pass(500);
      expect(await mesh.reached('a')).toEqual(['a', 'c']);
      mesh.sim.restart('b');
      mesh.sim.crash('c');
      await mesh.pass(6000);
      expect(await mesh.reached('b')).toEqual(['a', 'b']);
      mesh.sim.restart('c');
      mesh.sim.reset('a', 'b');
      await mesh.pass(3000);
      for (const name of all) {
        expect(await mesh.reached(name)).toEqual(all);
        expect(mesh.connections(name)).toBe(2 + SELF);
      }
    }
  });

  it('dial a node that is in no list of theirs only while it answers', async () => {
    for (const seed of SEEDS) {
      const mesh = new MeshNodes(seed);
      mesh.add('a', []);
      mesh.add('b', ['a']);
      await mesh.pass(3000);
      expect(await mesh.reached('a')).toEqual(['a', 'b']);
      mesh.sim.crash('b');
      await mesh.pass(20_000);
      const since = mesh.sim.now - 10_000;
      const { entries } = mesh.sim.trace;
      const dials = entries.filter(
        ({ atMs, host, to, what }) =>
          atMs > since && host === 'a' && to === 'b' && what.includes('SYN'),
      );
      expect(dials).toEqual([]);
      mesh.sim.restart('b');
      await mesh.pass(4000);
      expect(await mesh.reached('b')).toEqual(['a', 'b']);
    }
  });

  it('lose messages to a node that does not read, within a limit, and say so once', async () => {
    const mesh = new MeshNodes();
    for (const name of ['a', 'b', 'c']) mesh.add(name, ['a', 'b', 'c'], { maxPeerBytes: 100_000 });
    await mesh.pass(3000);
    mesh.sim.freeze('b');
    const text = (at: number) => `${at} `.padEnd(10_000, '.');
    for (let at = 0; at < 60; at += 1) {
      mesh.publish('a', 'room', text(at));
      await mesh.pass(20);
    }
    expect(mesh.at('c').heard).toHaveLength(60);
    mesh.sim.thaw('b');
    await mesh.pass(1000);
    const { heard } = mesh.at('b');
    expect(heard.length).toBeLessThan(50);
    expect(heard.length).toBeGreaterThan(10);
    expect(mesh.at('a').lines).toEqual([
      'warn the node b:7700 reads too slowly: 100000 bytes wait for it, and further messages to it are lost',
    ]);
    expect(await mesh.reached('a')).toEqual(['a', 'b', 'c']);
  });

  it('dial at most 1024 addresses that others introduce', async () => {
    const mesh = new MeshNodes();
    mesh.sim.host('off', () => {});
    mesh.add('a', []);
    mesh.sim.partition('a', 'off');
    await mesh.pass(1000);
    mesh.introduce('stranger', 'a', { host: 'off', ports: 1100 });
    // An attempt ends after 5 s.
    await mesh.pass(4900);
    const { entries } = mesh.sim.trace;
    const introductions = entries.filter(
      ({ host, kind, what }) => host === 'stranger' && kind === 'sent' && what === 'SYN',
    );
    expect([introductions.length, mesh.connections('a') - SELF]).toEqual([1100, 1024]);
    expect(mesh.at('a').bus.state).toBe('up');
  });
});
