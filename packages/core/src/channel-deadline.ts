import type { Channel, DeadlineEntry, DeadlineRule, Timer } from './contract.ts';
import { toError } from './errors.ts';
import { wholeMs } from './time/clock-deadlines.ts';

/**
 * With auto-read off a request for input gives no callback: checked after this part of the time.
 */
const CHECK_LATER_PART = 1 / 8;

/**
 * A deadline of one channel that begins again and again: with each frame, each read, each write. Beginning and stopping
 * are two stamps: a place among the clock's deadlines is taken once, and given up when its time comes or by
 * {@link cancel}.
 */
export abstract class ChannelDeadline implements DeadlineEntry, Timer {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  /** Its whole time, in milliseconds. */
  readonly ms: number;
  /** Its time stands still while this side does not read. */
  readonly stands: boolean;
  private begunAt = -1;
  /** The channel's `readHeldMs` when it began. */
  private heldMs = 0;
  private awaitsReads = false;
  private channel: Channel | undefined = undefined;

  constructor({ ms, whileHeld }: DeadlineRule) {
    this.ms = ms;
    this.stands = whileHeld === 'stands';
  }

  /** The whole time passed. An error that this method throws goes through the pipeline. */
  protected abstract over(channel: Channel): void;

  /** It has begun, and was not stopped. */
  get isRunning(): boolean {
    return this.begunAt >= 0;
  }

  /** Its time begins, now or at `since`, in milliseconds of the channel's clock; from the beginning if it has begun before. */
  begin(channel: Channel, since: number = channel.clock.now()): void {
    if (this.ms === Number.POSITIVE_INFINITY) return;
    this.channel = channel;
    this.begunAt = wholeMs(since);
    if (this.stands) this.heldMs = wholeMs(channel.readHeldMs);
    if (this.heapIndex !== -1 || this.awaitsReads) return;
    channel.clock.deadlines.add(this, this.leftMs(channel));
  }

  /** It does not come unless it begins again. */
  stop(): void {
    this.begunAt = -1;
  }

  /** As {@link stop}, and the clock forgets it: when the channel closes or the handler is removed. */
  cancel(): void {
    this.stop();
    this.awaitsReads = false;
    this.channel?.clock.deadlines.remove(this);
  }

  /** The clock calls it. */
  expire(): void {
    const channel = this.channel!;
    if (!this.isRunning || !channel.isOpen) return;
    if (this.stands && channel.isReadHeld) {
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

  /** The rest of its time; zero or less once it is over. */
  protected leftMs(channel: Channel): number {
    const heldMs = this.stands ? channel.readHeldMs - this.heldMs : 0;
    return this.begunAt + this.ms + heldMs - channel.clock.now();
  }

  private checkLater(channel: Channel, leftMs: number): void {
    const least = this.stands && !channel.autoRead ? this.ms * CHECK_LATER_PART : 1;
    channel.clock.deadlines.add(this, Math.max(1, least, leftMs));
  }

  private waitForReads(channel: Channel): void {
    this.awaitsReads = true;
    channel.onceReadable(() => {
      // The peer may have sent something meanwhile: it is read first, in this turn of the event loop.
      channel.clock.nextTurn(() => {
        if (!this.awaitsReads) return;
        this.awaitsReads = false;
        if (this.isRunning) this.checkLater(channel, this.leftMs(channel));
      });
    });
  }
}

/** A deadline that begins at once, and comes once. */
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
