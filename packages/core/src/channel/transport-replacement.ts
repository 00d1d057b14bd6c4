import type { ReadHold } from '../contract.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import type { Transport } from '../transport/transport.ts';

/**
 * A channel's change from one transport to another in mid-connection, as for STARTTLS:
 *
 * ```text
 * draining ──(all flushed output taken, burst over)──▶ opening ──connected()──▶ done: reads and output go on
 *     └───────────────── failed, disconnected, closed ─────┴──▶ the future fails, the channel closes
 * ```
 */
export class TransportReplacement {
  readonly future: SettableFuture = new SettableFuture();
  readonly make: (old: Transport) => Transport;
  /** Nothing is read meanwhile: what comes next is for the new transport. */
  readonly hold: ReadHold;
  /** The old transport is gone, the new one is not connected yet. */
  isOpening = false;

  constructor(make: (old: Transport) => Transport, hold: ReadHold) {
    this.make = make;
    this.hold = hold;
  }
}
