import { Buffer } from 'node:buffer';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MeshCopies } from '../../../src/bus/mesh/mesh-copies.ts';
import { type HolderNode, MeshHolder } from '../../../src/bus/mesh/mesh-holder.ts';
import { copyOf } from '../../../src/bus/mesh/mesh-keeper.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { MemoryState } from '../../../src/log/memory-state.ts';
import type { StateLimits } from '../../../src/log/state-log.ts';

const LIMITS: StateLimits = { keys: 1e6, bytes: 1e9, removals: 1000, removalAgeMs: 1e6 };
const KEEPER = { name: 'keeper' } as MeshPeer;

describe('a node that holds a copy', () => {
  it('reads the state once when it can ask again, however many changes came meanwhile', () => {
    const clock = new VirtualClock();
    const state = new MemoryState('e');
    const copies = new MeshCopies();
    let asked = 0;
    let canAsk = false;
    const node: HolderNode = {
      copies,
      now: () => clock.now(),
      tell: () => {},
      later: (task, delayMs) => void clock.schedule(task, delayMs),
      askForCopy: (_peer, _stream, { epoch, offset, readFrom }, { done, failed }) => {
        asked += 1;
        if (canAsk) done(copyOf(state, epoch, offset, readFrom, clock.now()));
        else failed(new Error('too many questions have no answer yet'));
      },
    };
    const holder = new MeshHolder(node);
    state.follow((entry) => holder.take(KEEPER, 's', entry, 0));
    holder.hold(KEEPER, 's');
    for (let i = 0; i < 100; i++) {
      const write = { key: 'k', bytes: Buffer.from('x'), isRemoval: false, byteLength: 2 };
      state.append(`id${i}`, { ...write, expected: undefined }, LIMITS, clock.now());
    }
    expect([asked, clock.pendingTimers]).toEqual([1, 1]);
    canAsk = true;
    clock.advance(300);
    expect([asked, clock.pendingTimers]).toEqual([2, 0]);
    expect(copies.rank('s')).toEqual({ epoch: 'e', changes: 100 });
  });
});
