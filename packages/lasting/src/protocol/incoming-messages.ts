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
export class IncomingMessages {
  /** Number of the last message that the pipeline has read. */
  taken = 0;
  private readonly creditBytes: number;
  /** Bytes that the peer keeps at most, which can be less than its credit. The peer waits when it keeps so many. */
  keptBytes: number;
  private largestCost = 0;
  private acknowledged = 0;
  /** Bytes that arrived and were not read. */
  private waitingBytes = 0;
  /** Bytes that were read and are not acknowledged to the peer. */
  private unacknowledgedBytes = 0;

  constructor(creditBytes: number) {
    this.creditBytes = this.keptBytes = creditBytes;
  }

  /** Continues a channel of another process, which has read messages up to this number. */
  goOnAfter(taken: number): void {
    this.taken = this.acknowledged = taken;
  }

  /** Counts a received message. Returns false if the message exceeds the credit. */
  arrived(payloadBytes: number): boolean {
    this.waitingBytes += payloadBytes + MESSAGE_OVERHEAD_BYTES;
    return this.waitingBytes + this.unacknowledgedBytes <= this.creditBytes;
  }

  /** Called when the pipeline has read the oldest message. */
  take(payloadBytes: number): void {
    this.taken += 1;
    const cost = payloadBytes + MESSAGE_OVERHEAD_BYTES;
    this.waitingBytes -= cost;
    this.unacknowledgedBytes += cost;
    if (cost > this.largestCost) this.largestCost = cost;
  }

  /** Whether messages were read that are not acknowledged. */
  get isUnacknowledged(): boolean {
    return this.taken !== this.acknowledged;
  }

  /** Whether an acknowledgement should be sent now, because the peer may have no room for its next message. */
  get isDue(): boolean {
    const { unacknowledgedBytes, keptBytes } = this;
    return (
      this.taken - this.acknowledged >= ACK_MESSAGES ||
      unacknowledgedBytes >= keptBytes * ACK_SHARE ||
      (unacknowledgedBytes > 0 && unacknowledgedBytes + this.largestCost > keptBytes)
    );
  }

  /** Called when an acknowledgement is sent. Returns the number of the last read message. */
  acknowledge(): number {
    this.acknowledged = this.taken;
    this.unacknowledgedBytes = 0;
    return this.taken;
  }

  /** Begins a new link. Returns the number to acknowledge; the peer sends the later messages again. */
  beginLink(): number {
    this.waitingBytes = 0;
    return this.acknowledge();
  }
}
