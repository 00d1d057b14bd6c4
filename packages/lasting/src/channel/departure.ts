import type { OutboundBytes } from '@headrace/core';
import type { LastingOutput } from './lasting-output.ts';

/** What is written while the state of a channel is taken for another process, and while it is on its way there. */
export class Departure {
  /** Written while the state is on its way. */
  readonly late: OutboundBytes[] = [];
  private readonly output: LastingOutput;
  /** Output that was flushed before, and still goes into the state, whatever the credit. */
  private roomBytes: number;
  private hasBegun = false;

  constructor(output: LastingOutput, roomBytes: number) {
    this.output = output;
    this.roomBytes = roomBytes;
  }

  /** The state does not change any more. */
  begin(): void {
    this.hasBegun = true;
  }

  /** As `write` of a transport: true if it takes more. */
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
