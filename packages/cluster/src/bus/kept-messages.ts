import { Fifo } from '@headrace/core/authoring';
import type { DropCause } from './bus.ts';
import type { KeptLimits } from './bus-options.ts';

/** A message that waits for the bus. */
export interface KeptMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** Messages that were published while the bus is down; the oldest is dropped first. */
export class KeptMessages {
  private readonly limits: KeptLimits;
  private readonly dropped: (message: KeptMessage, why: DropCause) => void;
  private readonly messages = new Fifo<KeptMessage>();
  private size = 0;

  constructor(limits: KeptLimits, dropped: (message: KeptMessage, why: DropCause) => void) {
    this.limits = limits;
    this.dropped = dropped;
  }

  /** Bytes of the messages and their subjects. */
  get bytes(): number {
    return this.size;
  }

  get isEmpty(): boolean {
    return this.messages.isEmpty;
  }

  /** False if it is larger than everything that may be kept. */
  add(subject: string, bytes: Uint8Array, now: number): boolean {
    const message = { subject, bytes, at: now };
    const { maxBytes } = this.limits;
    if (sizeOf(message) > maxBytes) return false;
    this.expire(now);
    this.messages.push(message);
    this.size += sizeOf(message);
    while (this.size > maxBytes) this.dropped(this.shift()!, 'full');
    return true;
  }

  /** Drops what is too old. */
  expire(now: number): void {
    const isOld = (at: number) => now - at > this.limits.maxAgeMs;
    while (isOld(this.messages.peek()?.at ?? now)) this.dropped(this.shift()!, 'old');
  }

  /** The oldest one, taken out. */
  shift(): KeptMessage | undefined {
    const message = this.messages.shift();
    if (message !== undefined) this.size -= sizeOf(message);
    return message;
  }
}

function sizeOf({ subject, bytes }: KeptMessage): number {
  return subject.length + bytes.byteLength;
}
