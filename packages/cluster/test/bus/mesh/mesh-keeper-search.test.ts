import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MeshCopies } from '../../../src/bus/mesh/mesh-copies.ts';
import { KeeperSearch, type SearchNode } from '../../../src/bus/mesh/mesh-keeper-search.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';

const KEEPER = { id: 'k', name: 'keeper' } as MeshPeer;

/** A node that is alone, and whose elections fail until `keeper` is set. */
function search() {
  const clock = new VirtualClock();
  const keepers = {
    isReady: true,
    isLeaving: false,
    keeper: undefined as MeshPeer | undefined,
    of: () => keepers.keeper,
    objection: () => undefined,
  };
  let elections = 0;
  const node: SearchNode = {
    id: 'own',
    copies: new MeshCopies(),
    isOver: false,
    now: () => clock.now(),
    random: () => 0,
    later: (task, delayMs) => void clock.schedule(task, delayMs),
    stores: () => [],
    askToKeep: async () => {},
  };
  const run = async () => {
    elections += 1;
    throw new Error('not now');
  };
  const own = new KeeperSearch(node, keepers, { run });
  const seen: string[] = [];
  return {
    keepers,
    search: own,
    seen,
    get elections() {
      return elections;
    },
    call: (name: string) =>
      own.call('s', {
        run: () => seen.push(name),
        failed: ({ message }) => seen.push(`${name} failed: ${message}`),
      }),
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10) {
        clock.advance(10);
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      }
      return clock.pendingTimers;
    },
  };
}

describe('the search for a keeper', () => {
  it('runs the calls of a state in their order when there is a keeper', async () => {
    const one = search();
    one.call('first');
    one.call('second');
    await one.pass(200);
    expect(one.seen).toEqual([]);
    one.keepers.keeper = KEEPER;
    one.call('third');
    one.search.found('s', KEEPER);
    one.call('fourth');
    expect(one.seen).toEqual(['first', 'second', 'third', 'fourth']);
    expect(await one.pass(200)).toBe(0);
  });

  it('ends for a call after 2 s, with the reason, and looks no longer than a call waits', async () => {
    const one = search();
    one.call('first');
    await one.pass(1000);
    one.call('second');
    await one.pass(1100);
    expect(one.seen).toEqual(['first failed: not now']);
    expect(await one.pass(1100)).toBe(0);
    expect(one.seen).toEqual(['first failed: not now', 'second failed: not now']);
    const { elections } = one;
    expect(elections).toBeGreaterThan(40);
    await one.pass(1000);
    expect(one.elections).toBe(elections);
  });

  it('begins when the connected nodes have said what they keep', async () => {
    const one = search();
    one.keepers.isReady = false;
    one.call('first');
    await one.pass(500);
    expect(one.elections).toBe(0);
    one.keepers.isReady = true;
    one.search.ready();
    expect(one.elections).toBe(1);
  });
});
