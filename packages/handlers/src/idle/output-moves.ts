import type { Channel } from '@headrace/core';

/** Whether the output of a channel moved between two looks at it. */
export class OutputMoves {
  private writes = 0;
  private pending = 0;
  private progress = 0;

  /** True if it moved since the last call. */
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
