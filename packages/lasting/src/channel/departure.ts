import type { OutboundBytes } from '@headrace/core';
import type { LastingOutput } from './lasting-output.ts';

/** Handles the output of a channel while its state is captured for another process and sent there. */
export class Departure {
  /** Output written while the state is being sent. */
  readonly late: OutboundBytes[] = [];
  private readonly output: LastingOutput;
  /** Bytes of flushed output that still belong to the state, even without credit. */
  private roomBytes: number;
  private hasBegun = false;

  constructor(output: LastingOutput, roomBytes: number) {
    this.output = output;
    this.roomBytes = roomBytes;
  }

  /** Marks the state as complete. */
  begin(): void {
    this.hasBegun = true;
  }

  /** Works like `write` of a transport. Returns true if more output is accepted. */
  write(messages: readonly OutboundBytes[], bytes: number): boolean {
    if (this.hasBegun) this.late.push(...messages);
    else if (this.roomBytes > 0) {
      this.roomBytes -= bytes + 1;
      this.output.addWaiting(messages);
      return true;
    } else this.output.write(messages, bytes);
    return false;
  }
}
