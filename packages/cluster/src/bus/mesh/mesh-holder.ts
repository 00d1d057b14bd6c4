import type { StateEntry } from '../../log/state-log.ts';
import type { MeshCopies } from './mesh-copies.ts';
import { CopyReading, type CopySource } from './mesh-copy-reading.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { OP } from './mesh-state-frame.ts';

/** The node of {@link MeshHolder}. */
export interface HolderNode extends CopySource {
  readonly copies: MeshCopies;
  tell(peer: MeshPeer, op: number, fields: readonly unknown[]): void;
  /** Runs a task later, unless the link has ended. */
  later(task: () => void, delayMs: number): void;
}

/** Time after which a state that could not be read is read again. */
const AGAIN_MS = 300;

/** A copy that this node holds for a keeper. */
interface Held {
  readonly keeper: MeshPeer;
  /** Whether the state is read, or will be read again. The copy is not whole. */
  isReading: boolean;
  /** The last reading of the state. */
  reading: CopyReading | undefined;
}

/** The copies that a node holds for the keepers of states. */
export class MeshHolder {
  private readonly node: HolderNode;
  private readonly held = new Map<string, Held>();

  constructor(node: HolderNode) {
    this.node = node;
  }

  /** Begins to hold a copy for a keeper. */
  hold(keeper: MeshPeer, stream: string): void {
    this.release(stream);
    const held: Held = { keeper, isReading: true, reading: undefined };
    this.held.set(stream, held);
    this.read(held, stream);
  }

  /** Takes a change from the keeper. Reads the state if it is not the next one. */
  take(keeper: MeshPeer, stream: string, entry: StateEntry, floor: number): void {
    const { epoch, offset } = entry.position;
    const held = this.held.get(stream);
    if (held?.keeper !== keeper) {
      this.hold(keeper, stream);
      return;
    }
    // A change is in one of the pages that are read, or comes after the last one.
    if (held.isReading) return;
    const state = this.node.copies.get(stream)?.state;
    if (state?.epoch !== epoch || state.lastOffset !== entry.previous) {
      this.read(held, stream);
      return;
    }
    state.take(entry, floor, this.node.now());
    this.node.tell(keeper, OP.held, [stream, epoch, offset]);
  }

  /** Drops the copy, because enough other nodes have one. */
  drop(stream: string): void {
    this.release(stream);
    this.node.copies.delete(stream);
  }

  /** Holds the copy for nobody. It stays. */
  release(stream: string): void {
    this.held.get(stream)?.reading?.cancel();
    this.held.delete(stream);
  }

  /** Called when a node is the keeper of a state no more. */
  left(keeper: MeshPeer, stream: string): void {
    if (this.held.get(stream)?.keeper === keeper) this.release(stream);
  }

  gone(keeper: MeshPeer): void {
    for (const stream of [...this.held.keys()]) this.left(keeper, stream);
  }

  private read(held: Held, stream: string): void {
    const { node } = this;
    held.isReading = true;
    const known = node.copies.get(stream)?.state;
    held.reading = new CopyReading(node, held.keeper, stream, known, {
      done: (state) => {
        held.isReading = false;
        node.copies.set(stream, { state, ownEpoch: undefined, unheld: 0 });
        node.tell(held.keeper, OP.held, [stream, state.epoch, state.lastOffset]);
      },
      failed: () => {
        // The keeper waits for this node, or has ended its role, which releases the copy.
        node.later(() => {
          if (this.held.get(stream) === held) this.read(held, stream);
        }, AGAIN_MS);
      },
    });
  }
}
