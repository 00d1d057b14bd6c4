import { describe, expect, it } from 'vitest';
import { MeshClaims } from '../../../src/bus/mesh/mesh-claims.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';

const [ONE, TWO] = [{ name: 'one' }, { name: 'two' }] as [MeshPeer, MeshPeer];
const RANK = { epoch: 'e', changes: 1 };

describe('the claims of keepers', () => {
  it('are forgotten when no node keeps the states any more', () => {
    const claims = new MeshClaims();
    for (let i = 0; i < 1000; i++) claims.add(ONE, `s${i}`, RANK);
    for (let i = 0; i < 500; i++) claims.remove(ONE, `s${i}`);
    expect(claims.size).toBe(500);
    expect(claims.gone(ONE, 0).length).toBe(500);
    expect(claims.graceMs('s700', 400)).toBe(600);
    claims.add(TWO, 's700', RANK);
    claims.gone(TWO, 2000);
    // The connection to the keeper of this one ended just now.
    expect(claims.size).toBe(1);
    expect(claims.graceMs('s700', 2000)).toBe(1000);
  });

  it('name the keeper with the higher rank, and the other one when it is gone', () => {
    const claims = new MeshClaims();
    claims.add(ONE, 's', RANK);
    claims.add(TWO, 's', { epoch: 'f', changes: 2 });
    expect(claims.keeper('s')).toBe(TWO);
    claims.remove(TWO, 's');
    expect(claims.keeper('s')).toBe(ONE);
    expect(claims.graceMs('s', 0)).toBe(0);
  });
});
