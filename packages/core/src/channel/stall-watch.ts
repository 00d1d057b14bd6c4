import type { Clock, Timer } from '../contract/clock.ts';
import type { Transport } from '../transport/transport.ts';
import { unacknowledgedBytes } from './unacknowledged-bytes.ts';

/** The output that a {@link StallWatch} watches. */
export interface StallOwner {
  readonly clock: Clock;
  readonly transport: Pick<Transport, 'localAddress' | 'remoteAddress' | 'unacknowledgedBytes'>;
  /** Whether flushed output of an open channel waits. */
  readonly isWaiting: boolean;
  /** A number that changes when the transport or the kernel has accepted output. */
  readonly progress: number;
  /** Called when no output was accepted for the whole time. */
  stalled(): void;
}

/** Part of the time without progress after which the system is asked. */
const FIRST_LOOK = 1 / 4;

/**
 * A watch that distinguishes a peer that reads slowly from a peer that does not read. The bytes that the transport
 * accepts show the difference only in large steps. Linux accepts more bytes when a third of its buffer is free, and
 * the buffer grows to megabytes. A peer that reads 80 KB/s without pause can therefore show no progress for more than
 * ten seconds.
 *
 * After a quarter of the time without progress, the system is asked how many bytes the peer has not acknowledged. The
 * output is stalled if the number has not decreased a whole period later. Without that number, the output is stalled
 * after the time without progress.
 */
export class StallWatch {
  private readonly owner: StallOwner;
  private readonly limitMs: number;
  private timer: Timer | undefined = undefined;
  private isOver = false;

  constructor(owner: StallOwner, limitMs: number) {
    this.owner = owner;
    this.limitMs = limitMs;
  }

  /** Begins to watch output that waits, unless the watch is already running. */
  begin(): void {
    if (this.timer !== undefined || this.isOver) return;
    const seen = this.owner.progress;
    this.later(FIRST_LOOK, () => this.firstLook(seen));
  }

  end(): void {
    this.isOver = true;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private firstLook(seen: number): void {
    const { owner } = this;
    let held: number | undefined;
    if (owner.isWaiting && owner.progress === seen) {
      this.ask((bytes) => {
        held = bytes;
      });
    }
    this.later(1 - FIRST_LOOK, () => this.timeIsOver(seen, held));
  }

  private timeIsOver(seen: number, heldBefore: number | undefined): void {
    if (this.hasProgress(seen)) return;
    if (heldBefore === undefined) this.owner.stalled();
    else this.later(FIRST_LOOK, () => this.lastLook(seen, heldBefore));
  }

  private lastLook(seen: number, heldBefore: number): void {
    if (this.hasProgress(seen)) return;
    this.ask((held) => {
      if (this.hasProgress(seen)) return;
      if (held !== undefined && held < heldBefore) this.begin();
      else this.owner.stalled();
    });
  }

  /** Returns true if no output waits or some output was accepted. */
  private hasProgress(seen: number): boolean {
    const { owner } = this;
    if (this.isOver || !owner.isWaiting) return true;
    if (owner.progress === seen) return false;
    this.begin();
    return true;
  }

  private later(share: number, task: () => void): void {
    this.timer = this.owner.clock.deadlines.schedule(() => {
      this.timer = undefined;
      task();
    }, this.limitMs * share);
  }

  private ask(answer: (bytes: number | undefined) => void): void {
    const { localAddress, remoteAddress, unacknowledgedBytes: known } = this.owner.transport;
    if (known !== undefined) answer(known);
    else unacknowledgedBytes(localAddress, remoteAddress, answer);
  }
}
