import { MemoryState } from '../../log/memory-state.ts';
import type { StateCopyPage } from '../../log/state-copy.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { notNow, type Outcome } from './mesh-requests.ts';

/** Reads the pages of a state from another node. */
export interface CopySource {
  now(): number;
  /** Asks for the page of a state after an offset. The page of a state that does not continue this epoch begins with the first entry. */
  askForCopy(
    peer: MeshPeer,
    stream: string,
    after: { readonly epoch: string; readonly offset: number; readonly readFrom: number },
    outcome: Outcome<StateCopyPage & { readonly isWhole: boolean }>,
  ): void;
}

/**
 * Reads a copy of a state from another node. A copy that the state continues, in the same epoch or in the next one, is continued if
 * one page is enough. Otherwise another copy is made from the beginning, so that a copy that is not complete never takes the place of
 * one that is.
 */
export class CopyReading {
  private readonly source: CopySource;
  private readonly peer: MeshPeer;
  private readonly stream: string;
  private readonly outcome: Outcome<MemoryState>;
  private state: MemoryState;
  /** Whether the state is a whole copy already. */
  private isWhole: boolean;
  /** The newest offset when the first page was made, so that no removal up to it is missing. */
  private readFrom = 0;
  private isOver = false;

  constructor(
    source: CopySource,
    peer: MeshPeer,
    stream: string,
    known: MemoryState | undefined,
    outcome: Outcome<MemoryState>,
  ) {
    this.source = source;
    this.peer = peer;
    this.stream = stream;
    this.outcome = outcome;
    this.isWhole = known !== undefined;
    this.state = known ?? new MemoryState('');
    this.next();
  }

  /** Ends the reading without an outcome. */
  cancel(): void {
    this.isOver = true;
  }

  private next(): void {
    const { state, readFrom } = this;
    const { epoch, lastOffset } = state;
    const after = { epoch, offset: lastOffset, readFrom };
    this.source.askForCopy(this.peer, this.stream, after, {
      done: (page) => {
        if (this.isOver) return;
        if (state.epoch === epoch && state.lastOffset === lastOffset) this.take(page);
        // Another reading has continued the same copy.
        else this.outcome.failed(notNow('the copy has changed meanwhile'));
      },
      failed: (error) => {
        if (!this.isOver) this.outcome.failed(error);
      },
    });
  }

  private take(page: StateCopyPage & { readonly isWhole: boolean }): void {
    const isLast = page.end === page.last;
    if (page.isWhole || (this.isWhole && !isLast)) {
      this.state = new MemoryState(page.epoch);
      this.readFrom = page.last;
      if (!page.isWhole) {
        this.isWhole = false;
        this.next();
        return;
      }
    }
    this.isWhole = false;
    const { state } = this;
    if (page.epoch !== state.epoch) state.begin(page.epoch, 0);
    state.takePage(page, this.source.now());
    if (isLast) this.outcome.done(state);
    else this.next();
  }
}
