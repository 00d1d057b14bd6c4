import type { MemoryState } from '../../log/memory-state.ts';
import type { StateRank } from './mesh-state-frame.ts';

/** A whole copy of a state. */
export interface Copy {
  readonly state: MemoryState;
  /** The epoch of which this process has made each change, so that no other copy of the epoch has more. */
  readonly ownEpoch: string | undefined;
  /** The number of the newest changes that no other node has, and that were not acknowledged. They do not count in the rank. */
  readonly unheld: number;
}

/** The copies of states that a bus has, by stream. They stay when its link is lost. */
export class MeshCopies {
  private readonly copies = new Map<string, Copy>();

  get(stream: string): Copy | undefined {
    return this.copies.get(stream);
  }

  rank(stream: string): StateRank | undefined {
    const copy = this.copies.get(stream);
    return copy && rankOf(copy);
  }

  set(stream: string, copy: Copy): void {
    this.copies.set(stream, copy);
  }

  streams(): IterableIterator<string> {
    return this.copies.keys();
  }

  delete(stream: string): void {
    this.copies.delete(stream);
  }
}

export function rankOf({ state, unheld }: Copy): StateRank {
  return { epoch: state.epoch, changes: state.changes - unheld };
}
