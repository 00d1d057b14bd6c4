import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { STATES, stateFrame } from '../../../src/bus/mesh/mesh-frame.ts';
import type { MeshHolder } from '../../../src/bus/mesh/mesh-holder.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { OP, stateBytes } from '../../../src/bus/mesh/mesh-state-frame.ts';
import { CLUSTER_ERRORS } from '../../../src/error/cluster-errors.ts';
import type { MemoryState } from '../../../src/log/memory-state.ts';
import { ALL, LIMITS, others, STREAM, StateNodes } from './mesh-state-nodes.ts';

describe('a state of a mesh', () => {
  it('loses nothing that was acknowledged when one node ends, at once and whichever it is', async () => {
    for (const victim of ALL) {
      for (const writer of others(victim)) {
        const mesh = await StateNodes.up(ALL, 1 + ALL.indexOf(victim));
        for (let i = 0; i < 20; i++) await mesh.set(writer, `k${i % 7}`, `${i}`);
        mesh.sim.at(mesh.sim.now, () => {
          void mesh.begin(writer, 'last', 'word').then(() => mesh.sim.crash(victim));
        });
        await mesh.pass(100);
        const map = await mesh.on(
          writer,
          async () => {
            for (;;) {
              try {
                return await mesh.log(writer).read(STREAM, 0, 1000);
              } catch {
                await new Promise<void>((next) => mesh.at(writer).host.clock.schedule(next, 100));
              }
            }
          },
          8000,
        );
        const keys = map.entries.map(({ key, bytes }) => `${key}=${bytes}`);
        expect(keys.at(-1)).toBe('last=word');
        expect(keys.slice(0, -1)).toEqual(
          [13, 14, 15, 16, 17, 18, 19].map((i) => `k${i % 7}=${i}`),
        );
      }
    }
  });

  it('has another epoch and higher versions with another keeper, which knows the ids', async () => {
    const mesh = await StateNodes.up();
    const first = await mesh.set('a', 'k', '1', 'x');
    await mesh.set('a', 'k', '2');
    const { epoch } = await mesh.page('a');
    const keeper = mesh.keeper();
    const [one, two] = others(keeper);
    mesh.sim.stop(keeper);
    expect(await mesh.set(one!, 'k', '1', 'x')).toBe(first);
    const later = await mesh.set(two!, 'k', '3');
    expect(later).toBeGreaterThan(2 ** 20);
    const page = await mesh.page(one!);
    expect(page.epoch).not.toBe(epoch);
    expect(await mesh.map(two!)).toEqual({ k: '3' });
    expect(mesh.keeper([one!, two!])).not.toBe(keeper);
  });

  it('keeps its keeper and its epoch when connections are reset, and when nodes come', async () => {
    const mesh = await StateNodes.up();
    await mesh.set('a', 'k', '1');
    const { epoch } = await mesh.page('a');
    const keeper = mesh.keeper();
    const names = [...ALL, 'd', 'e', 'f', 'g', 'h'];
    for (const name of names.slice(3)) mesh.add(name, names);
    await mesh.pass(3000);
    for (const other of others(keeper)) mesh.sim.reset(keeper, other);
    await mesh.pass(3000);
    for (const name of names.slice(3)) await mesh.open(name);
    for (const name of names) {
      await mesh.set(name, name, 'here');
      expect((await mesh.page(name)).epoch).toBe(epoch);
    }
    expect(mesh.keeper(names)).toBe(keeper);
  });

  it('has the newest copy when a node without one becomes the keeper', async () => {
    const mesh = await StateNodes.up();
    for (let i = 0; i < 10; i++) await mesh.set('a', `k${i}`, `${i}`);
    mesh.add('d', [...ALL, 'd']);
    await mesh.pass(3000);
    await mesh.open('d');
    const keeper = mesh.keeper();
    for (const name of others(keeper)) {
      mesh.states(name)['elections'].run = () => Promise.reject(new Error('only d'));
    }
    mesh.sim.stop(keeper);
    await mesh.pass(1500);
    await mesh.on('d', () => mesh.states('d')['elections'].run(STREAM));
    expect(mesh.keeper(others(keeper, [...ALL, 'd']))).toBe('d');
    expect(Object.keys(await mesh.map('d')).length).toBe(10);
  });

  it('has the same keeper when the only connection to it is reset under a change', async () => {
    const mesh = await StateNodes.up(['a', 'b']);
    await mesh.set('a', 'k', '1');
    const { epoch } = await mesh.page('a');
    for (const name of ['a', 'b']) {
      for (let i = 0; i < 3; i++) {
        mesh.sim.reset('a', 'b');
        await mesh.pass(1);
        await mesh.set(name, name, `${i}`);
      }
    }
    for (const name of ['a', 'b']) expect((await mesh.page(name)).epoch).toBe(epoch);
  });

  it('has one keeper when several nodes need it at the same time', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const mesh = new StateNodes(seed);
      for (const name of ALL) mesh.add(name, ALL);
      await mesh.pass(3000);
      for (const name of ALL) {
        mesh.sim.at(
          mesh.sim.now,
          () =>
            void mesh
              .log(name)
              .open(STREAM, LIMITS)
              .catch(() => {}),
        );
      }
      await mesh.pass(1000);
      mesh.keeper();
    }
  });

  it('goes on in both halves of a cut, and has the half with more changes when they meet', async () => {
    for (const [more, fewer] of [
      ['a', 'c'],
      ['c', 'a'],
    ] as const) {
      const mesh = await StateNodes.up(ALL, 3);
      await mesh.set('a', 'before', '1');
      mesh.sim.partition(['a', 'b'], 'c');
      await mesh.pass(6000);
      const live = mesh.follow(fewer);
      await mesh.pass(100);
      for (let i = 0; i < 5; i++) await mesh.set(more, 'key', `${more} ${i}`);
      for (let i = 0; i < 2; i++) await mesh.set(fewer, 'key', `${fewer} ${i}`);
      mesh.keeper(['a', 'b']);
      mesh.keeper(['c']);
      const { epoch } = await mesh.page(more);
      const before = live.length;
      mesh.sim.repair(['a', 'b'], 'c');
      await mesh.pass(4000);
      mesh.keeper();
      // Without a further change, the other half learns that the state is another one.
      expect(live.slice(before).map(({ position }) => position.epoch)).toContain(epoch);
      for (const name of ALL)
        expect(await mesh.map(name)).toEqual({ before: '1', key: `${more} 4` });
    }
  });

  it('has no second keeper for a node that only cannot reach the first', async () => {
    const mesh = await StateNodes.up();
    await mesh.set('a', 'k', '1');
    const keeper = mesh.keeper();
    const [one, two] = others(keeper) as [string, string];
    mesh.sim.partition(keeper, one);
    await mesh.pass(6000);
    const failed = mesh.on(one, () => mesh.begin(one, 'k', '2')).catch((error: Error) => error);
    expect(await failed).toMatchObject({ code: CLUSTER_ERRORS.BUS_DOWN.code });
    await mesh.set(two, 'k', '3');
    expect(mesh.keeper()).toBe(keeper);
    mesh.sim.repair(keeper, one);
    await mesh.pass(3000);
    await mesh.set(one, 'k', '4');
    expect(mesh.keeper()).toBe(keeper);
  });

  it('is handed over by a keeper that leaves, without a pause', async () => {
    const mesh = await StateNodes.up();
    for (let i = 0; i < 50; i++) await mesh.set('a', `k${i}`, 'x'.repeat(20_000));
    const keeper = mesh.keeper();
    const [one, two] = others(keeper) as [string, string];
    await mesh.on(keeper, () => mesh.at(keeper).bus.close());
    const began = mesh.sim.now;
    await mesh.set(one, 'k', '1');
    expect(mesh.sim.now - began).toBeLessThan(600);
    expect(Object.keys(await mesh.map(two)).length).toBe(51);
  });

  it('waits for a copy before a keeper leaves', async () => {
    const mesh = new StateNodes();
    mesh.add('a', ALL);
    await mesh.pass(3000);
    await mesh.open('a');
    for (let i = 0; i < 30; i++) await mesh.set('a', `k${i}`, 'x'.repeat(50_000));
    mesh.add('b', ALL);
    mesh.sim.link('a', 'b').latency({ minMs: 5, maxMs: 10 });
    for (
      let ms = 0;
      ms < 3000 && mesh.states('a')['keepers'].own(STREAM)!['standbys'].size === 0;
    ) {
      ms += 10;
      await mesh.pass(10);
    }
    await mesh.on('a', () => mesh.at('a').bus.close());
    await mesh.pass(3000);
    await mesh.open('b');
    const keys: string[] = [];
    for (let after = 0; ; ) {
      const { entries, end, last } = await mesh.page('b', after);
      keys.push(...entries.map(({ key }) => key));
      if (end >= last) break;
      after = end;
    }
    expect(keys.length).toBe(30);
  });

  it('acknowledges nothing to a writer before another node has it', async () => {
    const mesh = await StateNodes.up(['a', 'b']);
    await mesh.set('a', 'k', '1');
    const keeper = mesh.keeper(['a', 'b']);
    const [other] = others(keeper, ['a', 'b']) as [string];
    mesh.sim.freeze(other);
    let isAnswered = false;
    mesh.sim.at(mesh.sim.now, () => {
      void mesh.begin(keeper, 'k', '2').then(() => {
        isAnswered = true;
      });
    });
    await mesh.pass(1500);
    expect(isAnswered).toBe(false);
    // The node is alone, and then counts as the only one.
    await mesh.pass(3500);
    expect(isAnswered).toBe(true);
    expect(mesh.states(keeper)['keepers'].own(STREAM)!['unheld'].size).toBe(0);
  });

  it('loses no acknowledged change to a keeper that stood still, with more changes that nobody else has', async () => {
    for (const isLinkLost of [false, true]) {
      const mesh = await StateNodes.up();
      for (let i = 0; i < 5; i++) await mesh.set('a', `k${i}`, `${i}`);
      const still = mesh.keeper();
      const [one, two] = others(still) as [string, string];
      mesh.sim.partition(still, [one, two]);
      const answers: Promise<unknown>[] = [];
      mesh.sim.at(mesh.sim.now, () => {
        for (let i = 0; i < 20; i++) {
          answers.push(mesh.begin(still, `still ${i}`, 'x').catch((error: Error) => error));
        }
      });
      await mesh.pass(100);
      if (isLinkLost) mesh.sim.at(mesh.sim.now, () => mesh.loseLink(still));
      await mesh.pass(1);
      mesh.sim.freeze(still);
      await mesh.pass(6000);
      mesh.sim.repair(still, [one, two]);
      await mesh.pass(1000);
      for (let i = 0; i < 3; i++) await mesh.set(one, `k${i}`, `${i} again`);
      mesh.sim.thaw(still);
      // Acknowledged, so it is stored where the others are.
      await mesh.set(still, 'k3', 'awake');
      await mesh.pass(6000);
      expect(mesh.keeper()).not.toBe(still);
      for (const name of ALL) {
        const expected = { k0: '0 again', k1: '1 again', k2: '2 again', k3: 'awake', k4: '4' };
        expect(await mesh.map(name)).toMatchObject(expected);
      }
      // The writer repeats what was not acknowledged.
      const map = await mesh.map(one);
      const kept = (await Promise.all(answers)).map((answer) => !(answer instanceof Error));
      for (const [i, isKept] of kept.entries()) {
        if (isKept) expect(map[`still ${i}`]).toBe('x');
      }
    }
  });

  it('is copied to another node when those that were asked make no copy', async () => {
    const names = [...ALL, 'd'];
    const mesh = new StateNodes(3);
    for (const name of names) mesh.add(name, names);
    await mesh.pass(3000);
    let asked = 0;
    for (const name of names) {
      const holder: MeshHolder = mesh.states(name)['holder'];
      const hold = holder.hold.bind(holder);
      holder.hold = (keeper, stream) => {
        asked += 1;
        if (asked > 2) hold(keeper, stream);
      };
    }
    await mesh.open('a');
    const first = mesh.set('a', 'k', '1');
    await expect(first).rejects.toMatchObject({ code: CLUSTER_ERRORS.BUS_DOWN.code });
    expect(asked).toBe(2);
    await mesh.pass(10_000);
    await mesh.set('a', 'k', '2');
    const copies = names.filter((name) => mesh.states(name)['node'].copies.get(STREAM));
    expect([asked, copies.length]).toEqual([3, 2]);
  });

  it('is copied to a further node while more keys are removed than are remembered', async () => {
    const mesh = new StateNodes();
    const limits = { ...LIMITS, removals: 5 };
    for (const name of ['a', 'b']) mesh.add(name, ['a', 'b']);
    await mesh.pass(3000);
    for (const name of ['a', 'b']) await mesh.open(name, limits);
    for (let i = 0; i < 30; i++) await mesh.set('a', `k${i}`, 'x'.repeat(30_000));
    const first = mesh.keeper(['a', 'b']);
    mesh.add('c', ALL);
    mesh.sim.link(first, 'c').latency({ minMs: 20, maxMs: 25 });
    const { standbys, state } = mesh.states(first)['keepers'].own(STREAM) as unknown as {
      readonly standbys: ReadonlyMap<MeshPeer, { readonly held: number }>;
      readonly state: MemoryState;
    };
    const copies = () => [...standbys.values()].filter(({ held }) => held >= 0).length;
    const removeOne = (name: string): void => {
      mesh.sim.at(mesh.sim.now, () => {
        void mesh.begin(first, name, 'x').catch(() => {});
        mesh.beginToRemove(first, name);
      });
    };
    let reading = 0;
    for (let i = 0; i < 1000 && copies() < 2; i += 1) {
      removeOne(`short ${i}`);
      if (standbys.size === 2) reading += 1;
      // A key of the first page.
      if (reading === 20) removeOne('k0');
      await mesh.pass(5);
    }
    expect(copies()).toBe(2);
    removeOne('k1');
    await mesh.pass(100);
    expect(state['removals'].size).toBe(5);
    const copy: MemoryState = mesh.states('c')['node'].copies.get(STREAM)!.state;
    const { entries } = copy.read(0, 100, limits, mesh.sim.now);
    const keys = entries.filter(({ isRemoval }) => !isRemoval).map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: 28 }, (_, i) => `k${i + 2}`));
  });

  it('has the copy with the most changes after all nodes were apart, although another node was first', async () => {
    const mesh = await StateNodes.up();
    for (let i = 0; i < 10; i++) await mesh.set('a', `k${i}`, `${i}`);
    const keeper = mesh.keeper();
    const [one, two] = others(keeper) as [string, string];
    mesh.sim.partition([keeper], [one, two]);
    mesh.sim.partition(one, two);
    await mesh.pass(2000);
    for (let i = 0; i < 3; i++) await mesh.set(keeper, 'alone', `${i}`);
    await mesh.pass(4000);
    // The others begin with their copies.
    await mesh.set(one, 'one', '1');
    mesh.sim.repair([keeper], [one, two]);
    mesh.sim.repair(one, two);
    await mesh.pass(5000);
    const maps = [];
    for (const name of ALL) maps.push(await mesh.map(name));
    expect(maps[0]).toMatchObject({ k9: '9', alone: '2' });
    expect(maps[1]).toEqual(maps[0]);
    expect(maps[2]).toEqual(maps[0]);
  });

  it('has the copies of nodes that need it later than a node that was alone', async () => {
    const mesh = await StateNodes.up();
    for (let i = 0; i < 10; i++) await mesh.set('a', `k${i}`, `${i}`);
    mesh.add('d', [...ALL, 'd']);
    mesh.sim.partition('d', ALL);
    await mesh.pass(3000);
    await mesh.open('d');
    await mesh.set('d', 'alone', 'd');
    const keeper = mesh.keeper();
    mesh.sim.stop(keeper);
    mesh.sim.repair('d', ALL);
    await mesh.pass(4000);
    const map = await mesh.map('d');
    expect([Object.keys(map).length, map['alone']]).toEqual([10, undefined]);
    mesh.keeper(others(keeper, [...ALL, 'd']));
  });

  it('tells a follower that read too slowly that it has missed changes', async () => {
    const mesh = new StateNodes();
    for (const name of ['a', 'b']) mesh.add(name, ['a', 'b'], { maxPeerBytes: 100_000 });
    await mesh.pass(3000);
    for (const name of ['a', 'b']) await mesh.open(name);
    await mesh.set('a', 'k', '1');
    const keeper = mesh.keeper(['a', 'b']);
    const [slow] = others(keeper, ['a', 'b']) as [string];
    const live = mesh.follow(slow);
    await mesh.pass(100);
    mesh.sim.freeze(slow);
    mesh.sim.at(mesh.sim.now, () => {
      for (let i = 0; i < 60; i++) {
        mesh.begin(keeper, `k${i}`, 'x'.repeat(20_000)).catch(() => {});
      }
    });
    await mesh.pass(1500);
    mesh.sim.thaw(slow);
    await mesh.pass(3000);
    const { last } = await mesh.page(keeper);
    expect(live.length).toBeLessThan(60);
    expect(live.at(-1)!.position.offset).toBe(last);
    expect(last).toBe(61);
  });

  it('is handed over without a pause while others write', async () => {
    const mesh = await StateNodes.up(ALL, 2);
    mesh.sim.link('a', 'b').latency({ minMs: 10, maxMs: 12 });
    mesh.sim.link('a', 'c').latency({ minMs: 10, maxMs: 12 });
    mesh.sim.link('b', 'c').latency({ minMs: 10, maxMs: 12 });
    await mesh.set('a', 'k', '1');
    const keeper = mesh.keeper();
    const [writer] = others(keeper) as [string];
    const { clock } = mesh.at(writer).host;
    const write = (left: number): void => {
      mesh.begin(writer, `k${left}`, 'x').catch(() => {});
      if (left > 0) clock.schedule(() => write(left - 1), 2);
    };
    mesh.sim.at(mesh.sim.now, () => write(1000));
    await mesh.pass(200);
    const began = mesh.sim.now;
    await mesh.on(keeper, () => mesh.at(keeper).bus.close());
    expect(mesh.sim.now - began).toBeLessThan(200);
    await mesh.pass(400);
    mesh.keeper(others(keeper));
  });

  it('gets another keeper, and further copies, although nobody reads or writes', async () => {
    const names = [...ALL, 'd', 'e'];
    const mesh = await StateNodes.up(names, 2);
    await mesh.set('a', 'k', '1');
    const alive = new Set(names);
    while (alive.size > 1) {
      const victim = mesh.keeper([...alive]);
      mesh.sim.stop(victim);
      alive.delete(victim);
      await mesh.pass(6000);
    }
    expect(await mesh.map([...alive][0]!)).toEqual({ k: '1' });
  });

  it('tells a follower that another state, which is empty, has taken its place', async () => {
    const names = [...ALL, 'd'];
    const mesh = await StateNodes.up(names, 2);
    await mesh.set('a', 'k', '1');
    await mesh.pass(500);
    const follower = names.find(
      (name) => mesh.states(name)['node'].copies.get(STREAM) === undefined,
    )!;
    const live = mesh.follow(follower);
    const rest = others(follower, names);
    for (const name of rest) mesh.sim.stop(name);
    await mesh.pass(500);
    for (const name of rest) mesh.sim.restart(name);
    await mesh.pass(4000);
    await mesh.open(rest[0]!);
    await mesh.pass(500);
    const { epoch } = await mesh.page(follower);
    const position = { epoch, offset: 0 };
    expect(live.at(-1)).toMatchObject({ position, previous: 0 });
  });

  it('tells a follower the newest offset, although the keeper does not answer at first', async () => {
    const mesh = new StateNodes();
    for (const name of ALL) mesh.add(name, ALL, { unheardMs: 30_000 });
    await mesh.pass(3000);
    for (const name of ALL) await mesh.open(name);
    await mesh.set('a', 'k', '1');
    const keeper = mesh.keeper();
    const [one, two] = others(keeper) as [string, string];
    const live = mesh.follow(one);
    await mesh.pass(200);
    mesh.sim.partition(keeper, one, { answered: true });
    mesh.sim.reset(keeper, one);
    await mesh.pass(300);
    await mesh.set(two, 'k', '2');
    mesh.sim.link(keeper, one).latency({ minMs: 5, maxMs: 6 });
    mesh.sim.repair(keeper, one);
    const claims = mesh.states(one)['keepers']['claims'];
    while (claims.keeper(STREAM) === undefined) await mesh.pass(1);
    mesh.sim.freeze(keeper);
    await mesh.pass(5500);
    mesh.sim.thaw(keeper);
    await mesh.pass(2000);
    expect(live.at(-1)?.position.offset).toBe(2);
  });

  it('stores the changes of a writer in their order when one of them has waited too long for a keeper', async () => {
    const mesh = await StateNodes.up();
    await mesh.set('a', 'k', '0');
    const keeper = mesh.keeper();
    const [one, two] = others(keeper) as [string, string];
    mesh.sim.partition(keeper, one);
    await mesh.pass(6000);
    const write = (value: string) =>
      mesh.sim.at(mesh.sim.now, () => void mesh.begin(one, 'k', value).catch(() => {}));
    write('1');
    await mesh.pass(1900);
    write('2');
    await mesh.pass(250);
    mesh.sim.repair(keeper, one);
    await mesh.pass(5000);
    expect(await mesh.map(two)).toEqual({ k: '2' });
  });

  it('stores the changes of a writer in their order when the keeper refuses one that is too large at present', async () => {
    const mesh = await StateNodes.up(['a', 'b', 'c']);
    await mesh.set('a', 'k', '0');
    const keeper = mesh.keeper();
    const [writer] = others(keeper) as [string];
    for (const node of [keeper, writer]) {
      // Nothing is acknowledged until the change is refused.
      const role = mesh.states(keeper)['keepers'].own(STREAM)!;
      const held = role.held.bind(role);
      role.held = () => {};
      const bytes = Buffer.alloc(1_020_000);
      mesh.sim.at(mesh.sim.now, () => {
        for (let i = 0; i < 16; i++) {
          const write = { key: `f${i}`, bytes, isRemoval: false, expected: undefined };
          const outcome = { done: () => {}, failed: () => {} };
          const sized = { ...write, byteLength: bytes.byteLength };
          role.append({ turn: 0 }, `${node} ${i}`, sized, LIMITS, outcome);
        }
        mesh.begin(node, 'k', `large ${node}`.repeat(90_000)).catch(() => {});
        mesh.begin(node, 'k', `small ${node}`).catch(() => {});
      });
      await mesh.pass(150);
      role.held = held;
      role.held([...role['standbys'].keys()][0]!, role.state.epoch, role.state.lastOffset);
      await mesh.pass(4000);
      const { entries } = await mesh.page(node, (await mesh.page(node)).last - 1);
      expect(String(entries[0]?.bytes)).toBe(`small ${node}`);
    }
  });

  it('has one keeper when two nodes that cannot reach each other read a large copy', async () => {
    const names = ['k', 'a', 'c', 'd'];
    const mesh = new StateNodes(2);
    for (const name of names) mesh.add(name, names);
    mesh.sim.partition(['c', 'd'], ['k', 'a']);
    mesh.sim.partition('c', 'd');
    await mesh.pass(3000);
    await mesh.open('k');
    expect(mesh.keeper(['k', 'a'])).toBe('k');
    mesh.sim.at(mesh.sim.now, () => {
      for (let i = 0; i < 10; i++) {
        mesh.begin('k', `k${i}`, 'x'.repeat(1_000_000)).catch(() => {});
      }
    });
    await mesh.pass(3000);
    mesh.sim.stop('k');
    for (const name of ['c', 'd']) mesh.sim.link(name, 'a').latency({ minMs: 60, maxMs: 62 });
    const holder = mesh.states('a');
    holder['elections'].run = () => Promise.reject(new Error('c or d'));
    mesh.sim.repair(['c', 'd'], ['a']);
    await mesh.pass(4000);
    for (const name of ['c', 'd']) {
      const { clock } = mesh.at(name).host;
      const run = (): void => {
        const again = () => void clock.schedule(run, 100);
        mesh.states(name)['elections'].run(STREAM).catch(again);
      };
      mesh.sim.at(mesh.sim.now, run);
    }
    let most = 0;
    for (let ms = 0; ms < 30_000; ms += 200) {
      await mesh.pass(200);
      most = Math.max(most, names.slice(1).filter((name) => mesh.keeps(name)).length);
    }
    expect(most).toBe(1);
  });

  it('has one keeper for a node that reaches the keepers of both sides, although they do not reach each other', async () => {
    for (const [here, there] of [
      [3, 8],
      [5, 5],
      [8, 3],
    ] as const) {
      const mesh = await StateNodes.up(ALL, 3);
      await mesh.set('a', 'before', '1');
      mesh.sim.partition(['a', 'b'], 'c');
      await mesh.pass(6000);
      const first = mesh.keeper(['a', 'b']);
      const [bridge] = others(first, ['a', 'b']) as [string];
      for (let i = 0; i < here; i++) await mesh.set('a', 'k', `a ${i}`);
      for (let i = 0; i < there; i++) await mesh.set('c', 'k', `c ${i}`);
      mesh.sim.repair(bridge, 'c');
      await mesh.pass(4000);
      const keeper = mesh.keeper();
      if (here !== there) expect(keeper).toBe(here > there ? first : 'c');
      const [away] = others(bridge, others(keeper)) as [string];
      const failed = mesh.page(away).catch((error: Error) => error);
      expect(await failed).toMatchObject({ code: CLUSTER_ERRORS.BUS_DOWN.code });
      await mesh.set(bridge, 'k', 'later');
      mesh.sim.repair(['a', 'b'], 'c');
      await mesh.pass(4000);
      expect(mesh.keeper()).toBe(keeper);
      expect(await mesh.map(away)).toEqual({ before: '1', k: 'later' });
    }
  });

  it('goes on when a node says what this version does not understand', async () => {
    const mesh = await StateNodes.up(['a', 'b']);
    await mesh.set('a', 'k', '1');
    // The end of a role is no garbage: only the keeper itself knows of it.
    const ops = Array.from({ length: 30 }, (_, op) => op).filter((op) => op !== OP.unclaim);
    const frames = [
      Buffer.alloc(0),
      Buffer.from([255, 255, 255, 255, 1]),
      Buffer.from([0, 0, 0, 2, 123, 125]),
      stateBytes([]),
      stateBytes([1]),
      ...ops.map((op) => stateBytes([op, 7])),
      ...ops.map((op) => stateBytes([op, 7, STREAM])),
      ...ops.map((op) => stateBytes([op, STREAM])),
      ...ops.map((op) => stateBytes([op, STREAM, 'x', -1, null, {}])),
      stateBytes([2, 7, STREAM, 0, 1e9, 1, 1, 1, 'x']),
      stateBytes([19, STREAM, 'e', 0, 1, 0, 'id', 'key', 0, 0, 1e6], [Buffer.from('short')]),
      stateBytes([13, STREAM, 'e', 1e300]),
      stateBytes([10, 1, 2, 3]),
    ];
    const peersOf = (name: string) => mesh.states(name)['node'].peers;
    const connected = [...peersOf('a').all(), ...peersOf('b').all()];
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      mesh.sim.at(mesh.sim.now, () => {
        for (const peer of peersOf(from).listeners(STATES)) {
          for (const bytes of frames) peer.tell(stateFrame(bytes));
          peer.channel.flush();
        }
      });
      await mesh.pass(2000);
      expect(mesh.at(to).bus.state).toBe('up');
    }
    expect([...peersOf('a').all(), ...peersOf('b').all()]).toEqual(connected);
    await mesh.set('b', 'k', '2');
    expect(await mesh.map('a')).toEqual({ k: '2' });
  });
});
