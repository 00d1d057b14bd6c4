import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { MeshCopies, rankOf } from '../../../src/bus/mesh/mesh-copies.ts';
import { type ElectionNode, MeshElections } from '../../../src/bus/mesh/mesh-elections.ts';
import { copyOf } from '../../../src/bus/mesh/mesh-keeper.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { MemoryState } from '../../../src/log/memory-state.ts';
import type { StateLimits } from '../../../src/log/state-log.ts';

const LIMITS: StateLimits = { keys: 1e6, bytes: 1e9, removals: 1000, removalAgeMs: 1e6 };
const OTHER = { name: 'other' } as MeshPeer;

function change(state: MemoryState, key: string): void {
  const bytes = Buffer.from('x');
  const write = { key, bytes, isRemoval: false, expected: undefined, byteLength: 2 };
  state.append(`${key} ${state.epoch}`, write, LIMITS, 0);
}

describe('an election', () => {
  it('begins another epoch after a copy of its own epoch was continued with the changes of another keeper', async () => {
    const own = new MemoryState('e');
    for (const key of ['a', 'b']) change(own, key);
    const others = new MemoryState('e');
    others.takePage(own.copyAfter(0, 0), 0);
    others.begin('f', 1000);
    change(others, 'c');
    const copies = new MeshCopies();
    copies.set('s', { state: own, ownEpoch: 'e', unheld: 0 });
    let peers = [OTHER];
    let isRead = false;
    let began: MemoryState | undefined;
    const node: ElectionNode = {
      copies,
      now: () => 0,
      random: () => 0.5,
      epoch: () => 'g',
      stores: () => peers,
      tell: () => {},
      prepare: async () => rankOf({ state: others, ownEpoch: undefined, unheld: 0 }),
      askForCopy: (_peer, _stream, { epoch, offset, readFrom }, { done }) => {
        isRead = true;
        done(copyOf(others, epoch, offset, readFrom, 0));
      },
    };
    const elections = new MeshElections(node, {
      objection: () => (isRead && peers.length > 0 ? 'other is the keeper' : undefined),
      begin: (_stream, state) => {
        began = state;
      },
    });
    await expect(elections.run('s')).rejects.toThrow('other is the keeper');
    expect(copies.rank('s')).toEqual({ epoch: 'f', changes: 3 });
    peers = [];
    await elections.run('s');
    expect([began?.epoch, began?.changes]).toEqual(['g', 3]);
  });
});
