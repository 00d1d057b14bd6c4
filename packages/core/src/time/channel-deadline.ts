import type { DeadlineEntry, DeadlineRule, Timer } from '../contract/clock.ts';
import type { Channel } from '../contract.ts';
import { toError } from '../errors.ts';
import { ceilMs } from './clock-deadlines.ts';

/** With auto-read off, a request for input causes no callback. The deadline is then checked after this fraction of its time. */
const CHECK_LATER_PART = 1 / 8;

/**
 * A deadline of one channel that restarts often, for example with each frame, read or write. Starting and stopping it only sets
 * fields. The entry among the clock's deadlines stays until it expires or until {@link cancel}.
 */
export abstract class ChannelDeadline implements DeadlineEntry, Timer {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  /** Length of the deadline, in milliseconds. */
  readonly ms: number;
  /** Whether the time stands still while this side does not read. */
  readonly pauses: boolean;
  private begunAt = -1;
  /** Value of the channel's `readHeldMs` at the start of the deadline. */
  private heldMs = 0;
  private awaitsReads = false;
  private channel: Channel | undefined = undefined;

  constructor({ ms, whileHeld }: DeadlineRule) {
    this.ms = ms;
    this.pauses = whileHeld === 'pauses';
  }

  /** Called when the time has passed. The pipeline receives an error that this method throws. */
  protected abstract over(channel: Channel): void;

  /** Whether the deadline has started and was not stopped. */
  get isRunning(): boolean {
    return this.begunAt >= 0;
  }

  /** Starts or restarts the deadline, now or at `since`, in milliseconds of the channel's clock. */
  begin(channel: Channel, since: number = channel.clock.now()): void {
    if (this.ms === Number.POSITIVE_INFINITY) return;
    this.channel = channel;
    this.begunAt = ceilMs(since);
    if (this.pauses) this.heldMs = ceilMs(channel.readHeldMs);
    if (this.heapIndex !== -1 || this.awaitsReads) return;
    channel.clock.deadlines.add(this, this.leftMs(channel));
  }

  /** Stops the deadline until it starts again. */
  stop(): void {
    this.begunAt = -1;
  }

  /** Stops the deadline and removes its entry from the clock, for a channel that closes or a handler that is removed. */
  cancel(): void {
    this.stop();
    this.awaitsReads = false;
    this.channel?.clock.deadlines.remove(this);
  }

  expire(): void {
    const channel = this.channel!;
    if (!this.isRunning || !channel.isOpen) return;
    if (this.pauses && channel.isReadHeld) {
      this.waitForReads(channel);
      return;
    }
    const leftMs = this.leftMs(channel);
    if (leftMs > 0) {
      this.checkLater(channel, leftMs);
      return;
    }
    this.stop();
    try {
      this.over(channel);
    } catch (thrown) {
      channel.pipeline.fireExceptionCaught(toError(thrown));
    }
  }

  /** Returns the remaining time, zero or less if the deadline has passed. */
  protected leftMs(channel: Channel): number {
    const heldMs = this.pauses ? channel.readHeldMs - this.heldMs : 0;
    return this.begunAt + this.ms + heldMs - channel.clock.now();
  }

  private checkLater(channel: Channel, leftMs: number): void {
    const least = this.pauses && !channel.autoRead ? this.ms * CHECK_LATER_PART : 1;
    channel.clock.deadlines.add(this, Math.max(1, least, leftMs));
  }

  private waitForReads(channel: Channel): void {
    this.awaitsReads = true;
    channel.onceReadable(() => {
      // The peer might have sent data in the meantime. That data is read first, in this turn of the event loop.
      channel.clock.nextTurn(() => {
        if (!this.awaitsReads) return;
        this.awaitsReads = false;
        if (this.isRunning) this.checkLater(channel, this.leftMs(channel));
      });
    });
  }
}

/** A deadline that starts at once and expires once. */
export class TaskDeadline extends ChannelDeadline {
  private readonly task: () => void;

  constructor(channel: Channel, rule: DeadlineRule, task: () => void) {
    super(rule);
    this.task = task;
    this.begin(channel);
  }

  protected over(): void {
    this.task();
  }
}
