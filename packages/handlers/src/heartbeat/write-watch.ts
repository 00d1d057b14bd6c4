import type { WriteFuture } from '@headrace/core';

/** Reports that writes have settled, once for all writes of one flush, because they share a future. */
export class WriteWatch {
  private watched: WriteFuture | undefined = undefined;
  private readonly settled: () => void;

  /** @param wrote - called when writes have settled */
  constructor(wrote: () => void) {
    this.settled = () => {
      this.watched = undefined;
      wrote();
    };
  }

  watch(future: WriteFuture): WriteFuture {
    if (future !== this.watched) {
      this.watched = future;
      future.peekSettled(this.settled);
    }
    return future;
  }
}
