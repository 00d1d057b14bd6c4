import { Fifo } from '@headrace/core/authoring';
import type { DropCause } from './bus.ts';
import type { KeptLimits } from './bus-options.ts';

/** A message that waits for the bus. */
export interface KeptMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** Messages that were published while the bus was down. The oldest message is dropped first. */
export class KeptMessages {
  private readonly limits: KeptLimits;
  private readonly dropped: (message: KeptMessage, why: DropCause) => void;
  private readonly messages = new Fifo<KeptMessage>();
  private size = 0;

  constructor(limits: KeptLimits, dropped: (message: KeptMessage, why: DropCause) => void) {
    this.limits = limits;
    this.dropped = dropped;
  }

  /** The size of the messages and their subjects, in bytes. */
  get bytes(): number {
    return this.size;
  }

  get isEmpty(): boolean {
    return this.messages.isEmpty;
  }

  /** Returns false if the message is larger than the limit. */
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

  expire(now: number): void {
    const isOld = (at: number) => now - at > this.limits.maxAgeMs;
    while (isOld(this.messages.peek()?.at ?? now)) this.dropped(this.shift()!, 'old');
  }

  shift(): KeptMessage | undefined {
    const message = this.messages.shift();
    if (message !== undefined) this.size -= sizeOf(message);
    return message;
  }
}

function sizeOf({ subject, bytes }: KeptMessage): number {
  return subject.length + bytes.byteLength;
}
