import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { MeshRequests } from '../../../src/bus/mesh/mesh-requests.ts';

const PEER = { name: 'peer' } as MeshPeer;

describe('the questions to other nodes', () => {
  it('end with the link, and no timer is left', () => {
    const clock = new VirtualClock();
    const requests = new MeshRequests(clock);
    const outcome = { done: () => {}, failed: () => {} };
    requests.close();
    expect(() => requests.begin(PEER, () => {}, outcome)).toThrow('this node leaves');
    expect(clock.pendingTimers).toBe(0);
  });

  it('fail without an answer within 4 s, and no timer is left', () => {
    const clock = new VirtualClock();
    const requests = new MeshRequests(clock);
    const errors: string[] = [];
    const failed = (error: Error) => errors.push(error.message);
    requests.begin(PEER, () => {}, { done: () => {}, failed });
    clock.advance(3999);
    expect(errors).toEqual([]);
    clock.advance(501);
    expect(errors).toEqual(['no answer within 4000 ms']);
    expect(clock.pendingTimers).toBe(0);
  });
});
