import { ReceiveWindow } from '@headrace/core/authoring';
import { MESSAGE_OVERHEAD_BYTES } from './kept-run.ts';

/** Number of messages after which an acknowledgement is sent. */
const ACK_MESSAGES = 64;
/** Share of the credit after which an acknowledgement is sent. After `ACK_MS`, an acknowledgement is sent in any case. */
const ACK_SHARE = 1 / 4;

/** Maximum delay of an acknowledgement, which gives time for further messages to be acknowledged together. */
export const ACK_MS = 250;

/**
 * Counts inbound messages: those that arrived, those that the pipeline read, and those that were acknowledged. A message counts
 * as received when the pipeline has read it, so the credit limits the waiting messages.
 */
export class IncomingMessages extends ReceiveWindow {
  /** Number of the last message that the pipeline has read. */
  taken = 0;
  /** Bytes that the peer keeps at most, which can be less than its credit. The peer waits when it keeps so many. */
  keptBytes: number;
  private largestCost = 0;
  private acknowledged = 0;

  constructor(creditBytes: number) {
    super(creditBytes, MESSAGE_OVERHEAD_BYTES);
    this.keptBytes = creditBytes;
  }

  /** Continues a channel of another process, which has read messages up to this number. */
  restore(taken: number): void {
    this.taken = this.acknowledged = taken;
  }

  /** Called when the pipeline has read the oldest message. */
  override take(payloadBytes: number): boolean {
    this.taken += 1;
    this.largestCost = Math.max(this.largestCost, payloadBytes + this.overhead);
    return super.take(payloadBytes);
  }

  /** Whether messages were read that are not acknowledged. */
  get isUnacknowledged(): boolean {
    return this.taken !== this.acknowledged;
  }

  /** Whether an acknowledgement should be sent now, because the peer may have no room for its next message. */
  get isDue(): boolean {
    const { takenCost, keptBytes } = this;
    return (
      this.taken - this.acknowledged >= ACK_MESSAGES ||
      takenCost >= keptBytes * ACK_SHARE ||
      (takenCost > 0 && takenCost + this.largestCost > keptBytes)
    );
  }

  /** Called when an acknowledgement is sent. Returns the number of the last read message. */
  acknowledge(): number {
    this.acknowledged = this.taken;
    this.report();
    return this.taken;
  }

  /** Begins a new link. Returns the number to acknowledge; the peer sends the later messages again. */
  beginLink(): number {
    this.used = this.takenCost;
    return this.acknowledge();
  }
}
