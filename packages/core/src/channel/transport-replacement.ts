import type { Clock } from '../contract/clock.ts';
import type { Channel, ReadHold, WriteFuture } from '../contract.ts';
import { PipelineError, toError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';

/** The parts of a channel that a change of transport uses. */
export interface ReplacementOwner extends TransportSink {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly isOpen: boolean;
  readonly isActive: boolean;
  readonly isInputShutdown: boolean;
  readonly isEnding: boolean;
  replacement: TransportReplacement | undefined;
  readonly reading: {
    /** True from the first message of a burst of input to its end. */
    readonly isInBurst: boolean;
    /** True if input is read only to be dropped. */
    readonly drops: boolean;
    isReplacing: boolean;
    hold(why: string): ReadHold;
  };
  readonly output: {
    transport: Transport;
    readonly isDrained: boolean;
    hold(): void;
    release(): void;
    failedWrite(error: Error): WriteFuture;
  };
  failWith(error: Error): void;
}

/**
 * Continues over another transport, for example after STARTTLS. Output that was flushed before this call is sent by
 * the old transport, and the current burst of input ends. Then `make` is called with the old transport, in a task
 * of its own, and the new transport that `make` returns is opened. Until the new transport reports `connected`,
 * reads are held (`upgrade`) and flushed output waits. Then the future succeeds, and output and reads continue. If
 * the new transport reports `failed` or `disconnected` first, the future fails and the channel closes. `make` must
 * ensure that the old transport reports nothing more to this channel.
 */
export function replaceTransport(
  owner: ReplacementOwner,
  make: (old: Transport) => Transport,
): WriteFuture {
  let why: string | undefined;
  if (owner.replacement !== undefined) why = 'it changes its transport already';
  else if (!owner.isActive || owner.isInputShutdown || owner.isEnding) {
    why = 'it is not open in both directions';
  }
  if (why !== undefined) {
    const text = `${owner.channel} cannot change its transport: ${why}`;
    return owner.output.failedWrite(new PipelineError('PIPELINE_STATE', text));
  }
  const replacement = new TransportReplacement(owner, make, owner.reading.hold('upgrade'));
  owner.replacement = replacement;
  owner.reading.isReplacing = true;
  owner.output.hold();
  replacement.proceed();
  return replacement.future;
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
  /** Whether the old transport is gone and the new transport is not connected yet. */
  isOpening = false;
  /** The hold that stops reads during the change, because the next bytes belong to the new transport. */
  private readonly hold: ReadHold;
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

  /** The new transport is connected: output and reads go on over it. */
  connected(): void {
    const { owner } = this;
    owner.replacement = undefined;
    owner.reading.isReplacing = false;
    this.future.succeed();
    if (!owner.isOpen) return;
    owner.output.release();
    if (owner.isOpen && owner.reading.drops) owner.output.transport.requestRead();
    this.hold.release();
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
