import { randomBytes } from 'node:crypto';
import type { Recent, RoomHistory, Said } from './said.ts';

const MAX_MESSAGES = 50;
const MAX_BYTES = 64 * 1024;

/** The last messages of the room, for newcomers: at most 50, and at most 64 KiB of them. */
export class History implements RoomHistory {
  /** Differs from one start of the server to the next: numbers count from zero again. */
  readonly epoch: string = randomBytes(4).toString('hex');
  private readonly messages: Said[] = [];
  private bytes = 0;
  private count = 0;

  /** How many messages there have been since the start. */
  get total(): number {
    return this.count;
  }

  add(said: Said): void {
    this.count += 1;
    this.messages.push(said);
    this.bytes += bytesOf(said);
    while (this.messages.length > MAX_MESSAGES || this.bytes > MAX_BYTES) {
      this.bytes -= bytesOf(this.messages.shift()!);
    }
  }

  /** Those that are kept, the oldest first; the last one has the number `total`. */
  recent(): readonly Said[] {
    return this.messages;
  }

  latest(): Recent {
    const { epoch, total, messages } = this;
    return { epoch, total, messages };
  }
}

function bytesOf({ id, text }: Said): number {
  return Buffer.byteLength(id) + Buffer.byteLength(text);
}
