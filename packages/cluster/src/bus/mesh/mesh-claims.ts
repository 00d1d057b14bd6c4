import type { MeshPeer } from './mesh-peer.ts';
import { isHigher, type StateRank } from './mesh-state-frame.ts';

interface Claims {
  readonly ranks: Map<MeshPeer, StateRank>;
  /** The time at which the connection to the last keeper ended, or undefined while there is a keeper. */
  lostAt: number | undefined;
}

/**
 * Time after the end of the connection to a keeper in which no other node becomes the keeper. A connection that was only reset is
 * back by then.
 */
const GRACE_MS = 1000;

/** Which connected nodes say that they are keepers of states. */
export class MeshClaims {
  private readonly streams = new Map<string, Claims>();

  /** The number of states that have a keeper, or had one until lately. */
  get size(): number {
    return this.streams.size;
  }

  /** Returns the connected keeper of a state. Of two, which will not stay two, the one with the higher rank. */
  keeper(stream: string): MeshPeer | undefined {
    let keeper: MeshPeer | undefined;
    let highest: StateRank | undefined;
    for (const [peer, rank] of this.streams.get(stream)?.ranks ?? []) {
      if (!isHigher(rank, highest)) continue;
      highest = rank;
      keeper = peer;
    }
    return keeper;
  }

  /** Returns the rest of the time in which no other node becomes the keeper, in milliseconds. */
  graceMs(stream: string, now: number): number {
    const lostAt = this.streams.get(stream)?.lostAt;
    return lostAt === undefined ? 0 : Math.max(0, lostAt + GRACE_MS - now);
  }

  /** Returns the connected keepers of a state, with their ranks. */
  all(stream: string): Iterable<readonly [MeshPeer, StateRank]> {
    return this.streams.get(stream)?.ranks ?? [];
  }

  rank(peer: MeshPeer, stream: string): StateRank | undefined {
    return this.streams.get(stream)?.ranks.get(peer);
  }

  add(peer: MeshPeer, stream: string, rank: StateRank): void {
    const claims = this.streams.get(stream) ?? { ranks: new Map(), lostAt: undefined };
    this.streams.set(stream, claims);
    claims.ranks.set(peer, rank);
    claims.lostAt = undefined;
  }

  remove(peer: MeshPeer, stream: string): void {
    const claims = this.streams.get(stream);
    if (claims?.ranks.delete(peer) === true && claims.ranks.size === 0) this.streams.delete(stream);
  }

  /** Called when a connection has ended. Returns the states that the node kept. */
  gone(peer: MeshPeer, now: number): string[] {
    const kept: string[] = [];
    for (const [stream, claims] of this.streams) {
      if (claims.ranks.delete(peer)) {
        kept.push(stream);
        if (claims.ranks.size === 0) claims.lostAt = now;
      } else if (claims.lostAt !== undefined && this.graceMs(stream, now) === 0) {
        this.streams.delete(stream);
      }
    }
    return kept;
  }
}
