import { type Context, TimedOutError } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';
import { type ByteInput, SHOWN_BYTES } from './byte-input.ts';

/** The part of a decoder that its deadline uses. */
export interface DeadlineOwner {
  /** Returns true if a frame has begun although none of its bytes are left over. */
  isWithinFrame(): boolean;
  /** Called when the frame is not complete in time. */
  failStream(ctx: Context, error: TimedOutError): void;
}

/** The time limit for a frame, from its first byte to its last. The time stands still while this side does not read. */
export class FrameDeadline extends ChannelDeadline {
  private readonly ctx: Context;
  private readonly input: ByteInput;
  private readonly owner: DeadlineOwner;

  constructor(ctx: Context, ms: number, input: ByteInput, owner: DeadlineOwner) {
    super({ ms, whileHeld: 'pauses' });
    this.ctx = ctx;
    this.input = input;
    this.owner = owner;
  }

  /** Watches the bytes that are left over. `isAnother` is true if frames were finished since the last call. */
  watch(isAnother: boolean): void {
    if (!this.isRunning || isAnother) this.begin(this.ctx.channel);
  }

  protected override over(): void {
    const isOver = this.input.length === 0 && !this.owner.isWithinFrame();
    if (!isOver) this.owner.failStream(this.ctx, this.error());
  }

  private error(): TimedOutError {
    const { input, ms } = this;
    const of = input.wanted > input.length ? ` of ${input.wanted}` : '';
    const what =
      input.length === 0
        ? 'its next part did not arrive'
        : `${input.length}${of} bytes arrived (${input.peek(SHOWN_BYTES).toString('hex')})`;
    return new TimedOutError(
      'TIMEOUT_READ',
      `a frame that began ${ms} ms ago is not complete: ${what}`,
      { frameTimeoutMs: ms, bytes: input.length },
    );
  }
}
