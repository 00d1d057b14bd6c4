import type { Channel } from '@headrace/core';

/** Whether the output of a channel moved between two looks at it. */
export class OutputMoves {
  private writeAt = 0;
  private pending = 0;
  private progress = 0;

  /** True if it moved since the last call. */
  look({ pendingOutboundBytes, outboundProgress }: Channel, lastWriteAt: number): boolean {
    const moved =
      lastWriteAt !== this.writeAt ||
      pendingOutboundBytes !== this.pending ||
      outboundProgress !== this.progress;
    this.writeAt = lastWriteAt;
    this.pending = pendingOutboundBytes;
    this.progress = outboundProgress;
    return moved;
  }
}
