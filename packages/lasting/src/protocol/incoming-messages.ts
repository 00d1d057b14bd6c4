import { MESSAGE_OVERHEAD_BYTES } from './kept-run.ts';

/** An acknowledgement goes out after this many messages … */
const ACK_MESSAGES = 64;
/** … or after this share of the credit, or after this time, see `ACK_MS`. */
const ACK_SHARE = 1 / 4;

/** How long an acknowledgement may wait for more to acknowledge. */
export const ACK_MS = 250;

/**
 * Counts what comes in: what has arrived, what the pipeline has taken, and what the peer was told. A message counts
 * as received when the pipeline has taken it, so what waits before the pipeline is bounded by our credit.
 */
export class IncomingMessages {
  /** The number of the last message that the pipeline has taken. */
  taken = 0;
  private readonly creditBytes: number;
  private acknowledged = 0;
  /** Bytes that arrived and were not taken. */
  private waitingBytes = 0;
  /** Bytes that were taken and are not acknowledged to the peer. */
  private unacknowledgedBytes = 0;

  constructor(creditBytes: number) {
    this.creditBytes = creditBytes;
  }

  /** The channel was at another process before, which has taken messages up to this number. */
  goOnAfter(taken: number): void {
    this.taken = this.acknowledged = taken;
  }

  /** A message has arrived; false if it is more than our credit allows. */
  arrived(payloadBytes: number): boolean {
    this.waitingBytes += payloadBytes + MESSAGE_OVERHEAD_BYTES;
    return this.waitingBytes + this.unacknowledgedBytes <= this.creditBytes;
  }

  /** The pipeline has taken the oldest one. */
  take(payloadBytes: number): void {
    this.taken += 1;
    this.waitingBytes -= payloadBytes + MESSAGE_OVERHEAD_BYTES;
    this.unacknowledgedBytes += payloadBytes + MESSAGE_OVERHEAD_BYTES;
  }

  /** Something was taken that the peer does not know of. */
  get isUnacknowledged(): boolean {
    return this.taken !== this.acknowledged;
  }

  /** So much that it should not wait any longer. */
  get isDue(): boolean {
    return (
      this.taken - this.acknowledged >= ACK_MESSAGES ||
      this.unacknowledgedBytes >= this.creditBytes * ACK_SHARE
    );
  }

  /** The peer is being told: returns the number of the last message taken. */
  acknowledge(): number {
    this.acknowledged = this.taken;
    this.unacknowledgedBytes = 0;
    return this.taken;
  }

  /** A new link begins: the peer is told what was taken, and sends the rest again. */
  beginLink(): number {
    this.waitingBytes = 0;
    return this.acknowledge();
  }
}
