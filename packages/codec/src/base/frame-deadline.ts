import { type Context, TimedOutError, type Timer } from '@headrace/core';
import type { ByteInput } from './byte-input.ts';

/** How many bytes of an unfinished frame the error shows. */
const SHOWN_BYTES = 16;

/** The decoder, as its deadline sees it. */
export interface DeadlineOwner {
  /** True if the decoder itself asked for the bytes that do not come. */
  readonly askedForMore: boolean;
  /** True if a frame has begun although none of its bytes are left over. */
  isWithinFrame(): boolean;
  /** Called when the frame is not complete in time. */
  failStream(ctx: Context, error: TimedOutError): void;
}

/**
 * The time that a frame has from its first byte to its last. There is no timer for each frame: a timer that runs
 * is left running, and checks when it is due whether the frame that it was started for is still there.
 */
export class FrameDeadline {
  private readonly timeoutMs: number;
  private readonly input: ByteInput;
  private readonly owner: DeadlineOwner;
  private begunAt = -1;
  /** The channel's `readHeldMs` when the frame began. */
  private heldMs = 0;
  private timer: Timer | undefined = undefined;

  constructor(timeoutMs: number, input: ByteInput, owner: DeadlineOwner) {
    this.timeoutMs = timeoutMs;
    this.input = input;
    this.owner = owner;
  }

  /** Nothing is left over. */
  clear(): void {
    this.begunAt = -1;
  }

  /** Something is left over; `isAnother` if frames were finished since the last call. */
  watch(ctx: Context, isAnother: boolean): void {
    if (this.timeoutMs === Number.POSITIVE_INFINITY) return;
    if (this.begunAt < 0 || isAnother) this.begin(ctx);
    this.timer ??= ctx.clock.schedule(() => this.check(ctx), this.timeoutMs);
  }

  cancel(): void {
    this.begunAt = -1;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private begin(ctx: Context): void {
    this.begunAt = ctx.clock.now();
    this.heldMs = ctx.channel.readHeldMs;
  }

  private check(ctx: Context): void {
    this.timer?.cancel();
    this.timer = undefined;
    const isOver = this.input.length === 0 && !this.owner.isWithinFrame();
    if (isOver || this.begunAt < 0) return;
    const { channel, clock } = ctx;
    // While we do not read, the peer is not at fault.
    if (channel.isReadHeld) {
      channel.onceReadable(() => this.check(ctx));
      return;
    }
    if (!channel.autoRead && !this.owner.askedForMore) this.begin(ctx);
    const heldMs = channel.readHeldMs - this.heldMs;
    const left = this.begunAt + this.timeoutMs + heldMs - clock.now();
    if (left > 0) this.timer = ctx.clock.schedule(() => this.check(ctx), left);
    else this.owner.failStream(ctx, this.error());
  }

  private error(): TimedOutError {
    const { input, timeoutMs } = this;
    const of = input.wanted > input.length ? ` of ${input.wanted}` : '';
    const what =
      input.length === 0
        ? 'its next part did not arrive'
        : `${input.length}${of} bytes arrived (${input.peek(SHOWN_BYTES).toString('hex')})`;
    return new TimedOutError(
      'TIMEOUT_READ',
      `a frame that began ${timeoutMs} ms ago is not complete: ${what}`,
      { frameTimeoutMs: timeoutMs, bytes: input.length },
    );
  }
}
