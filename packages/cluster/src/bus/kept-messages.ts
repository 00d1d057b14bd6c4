import type { DropCause } from './bus.ts';

/** A message that waits for the bus. */
export interface KeptMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** What is published while the bus is down, the oldest dropped first. */
export class KeptMessages {
  private readonly maxBytes: number;
  private readonly maxAgeMs: number;
  private readonly dropped: (message: KeptMessage, why: DropCause) => void;
  private messages: (KeptMessage | undefined)[] = [];
  private first = 0;
  private size = 0;

  constructor(
    limits: { readonly maxBytes: number; readonly maxAgeMs: number },
    dropped: (message: KeptMessage, why: DropCause) => void,
  ) {
    this.maxBytes = limits.maxBytes;
    this.maxAgeMs = limits.maxAgeMs;
    this.dropped = dropped;
  }

  /** What the messages and their subjects take, in bytes. */
  get bytes(): number {
    return this.size;
  }

  get isEmpty(): boolean {
    return this.first === this.messages.length;
  }

  /** False if it is larger than everything that may be kept. */
  add(subject: string, bytes: Uint8Array, now: number): boolean {
    const message = { subject, bytes, at: now };
    if (sizeOf(message) > this.maxBytes) return false;
    this.expire(now);
    this.messages.push(message);
    this.size += sizeOf(message);
    while (this.size > this.maxBytes) this.dropped(this.shift()!, 'full');
    return true;
  }

  /** Drops what is too old. */
  expire(now: number): void {
    while (!this.isEmpty && now - this.messages[this.first]!.at > this.maxAgeMs) {
      this.dropped(this.shift()!, 'old');
    }
  }

  /** The oldest one, taken out. */
  shift(): KeptMessage | undefined {
    const message = this.messages[this.first];
    if (message === undefined) return undefined;
    // Or its bytes would stay until the list is cut, beyond all that may be kept.
    this.messages[this.first] = undefined;
    this.first += 1;
    this.size -= sizeOf(message);
    if (this.isEmpty || this.first > 1024) {
      this.messages = this.messages.slice(this.first);
      this.first = 0;
    }
    return message;
  }
}

function sizeOf({ subject, bytes }: KeptMessage): number {
  return subject.length + bytes.byteLength;
}
