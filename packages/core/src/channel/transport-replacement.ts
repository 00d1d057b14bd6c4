import type { Clock } from '../contract/clock.ts';
import type { ReadHold } from '../contract.ts';
import { toError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';

/** The parts of a channel that a change of transport uses. */
export interface ReplacementOwner extends TransportSink {
  readonly clock: Clock;
  readonly isOpen: boolean;
  /** `isInBurst` is true from the first message of a burst of input to its end. */
  readonly reading: { readonly isInBurst: boolean };
  readonly output: { transport: Transport; readonly isDrained: boolean };
  failWith(error: Error): void;
}

/**
 * A channel's change of its transport in mid-connection, for example after STARTTLS:
 *
 * ```text
 * draining ──(all flushed output taken, burst over)──▶ opening ──connected()──▶ done: output and reads go on
 *     └───────────────── failed, disconnected, closed ─────┴──▶ the future fails, the channel closes
 * ```
 */
export class TransportReplacement {
  readonly future: SettableFuture = new SettableFuture();
  /** The hold that stops reads during the change, because the next bytes belong to the new transport. */
  readonly hold: ReadHold;
  /** Whether the old transport is gone and the new transport is not connected yet. */
  isOpening = false;
  private readonly owner: ReplacementOwner;
  private readonly make: (old: Transport) => Transport;

  constructor(owner: ReplacementOwner, make: (old: Transport) => Transport, hold: ReadHold) {
    this.owner = owner;
    this.make = make;
    this.hold = hold;
  }

  /**
   * Changes the transport when the output has drained and the burst has ended. The change runs in a separate task,
   * because the old transport may be in the middle of a call.
   */
  proceed(): void {
    if (this.isDue) this.owner.clock.execute(() => this.open());
  }

  private get isDue(): boolean {
    const { owner } = this;
    return !this.isOpening && owner.isOpen && !owner.reading.isInBurst && owner.output.isDrained;
  }

  private open(): void {
    if (!this.isDue) return;
    const { owner } = this;
    this.isOpening = true;
    try {
      const fresh = this.make(owner.output.transport);
      owner.output.transport = fresh;
      fresh.open(owner);
      if (fresh.isActive) owner.connected();
    } catch (thrown) {
      owner.failWith(toError(thrown));
    }
  }
}
