import type { Channel } from '@headrace/core';

/** Finds out whether the output of a channel moved between two checks. */
export class OutputMoves {
  private writes = 0;
  private pending = 0;
  private progress = 0;

  /** Returns true if the output moved since the last call. */
  look({ pendingOutboundBytes, outboundProgress }: Channel, written: number): boolean {
    const moved =
      written !== this.writes ||
      pendingOutboundBytes !== this.pending ||
      outboundProgress !== this.progress;
    this.writes = written;
    this.pending = pendingOutboundBytes;
    this.progress = outboundProgress;
    return moved;
  }
}
