import type { Context, Handler, Types } from '@headrace/core';
import { describeOptions, fn, number, TakenReads } from '@headrace/core/authoring';

/** Options of a {@link RepeatFilterHandler}. */
export interface RepeatFilterOptions<Message> {
  /** A repetition is dropped for this time after the message that was passed on, in milliseconds. */
  readonly windowMs: number;
  /** Two messages with the same key are the same. @default the message itself: for texts and numbers */
  readonly keyOf?: (message: Message) => unknown;
}

// An option that is not described here is refused, with the nearest name.
const OPTIONS = describeOptions('RepeatFilterHandler', {
  windowMs: number({ min: 1, required: true }),
  keyOf: fn({ answers: 'sync', purpose: 'gives what makes two messages the same' }),
});

/**
 * Drops a message that repeats the one before it, as sensors send the same value again and again.
 *
 * ```text
 *  wire | frame | codec | [repeat filter] | app
 * ```
 *
 * - **Place** After the codec.
 * - **In** Any message.
 * - **Out** The same messages, without repetitions within `windowMs`.
 * - **Events** Forwards all, fires none.
 * - **Errors** Raises none; wrong options are an `OptionError`.
 * - **State** Per channel: the last key, and when it was passed on.
 * - **Cost** One time stamp and one comparison per message.
 * - **Pitfalls** Objects are never the same: give `keyOf` for them. Heartbeats repeat by intention: let a
 *   HeartbeatHandler before this one take them.
 *
 * @typeParam Message - what it reads and passes on
 *
 * @example
 * ```ts
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { RepeatFilterHandler } from '{{name}}';
 *
 * const channel = new EmbeddedChannel(new RepeatFilterHandler<string>({ windowMs: 1000 }));
 * channel.writeInbound('21.5', '21.5', '21.6');
 * console.log(channel.readInbound(), channel.readInbound()); // 21.5 21.6
 * ```
 */
export class RepeatFilterHandler<Message> implements Handler {
  // For the compiler: a handler after this one that reads something else does not compile.
  declare readonly types: Types<{ reads: Message; passesOn: Message }>;
  private readonly windowMs: number;
  private readonly keyOf: (message: Message) => unknown;
  private lastKey: unknown;
  private passedAt = Number.NEGATIVE_INFINITY;
  private droppedCount = 0;
  // With autoRead off, the caller of read still waits for a message: this asks again.
  private readonly reads = new TakenReads();

  constructor(options: RepeatFilterOptions<Message>) {
    const { windowMs, keyOf = (message: Message) => message } = OPTIONS.resolve(options);
    this.windowMs = windowMs;
    this.keyOf = keyOf;
  }

  /** How many messages of this channel were dropped. */
  get dropped(): number {
    return this.droppedCount;
  }

  channelRead(ctx: Context, message: Message): void {
    const key = this.keyOf(message);
    // The channel's clock, not Date.now(): tests move it by hand.
    const now = ctx.clock.now();
    if (now - this.passedAt < this.windowMs && Object.is(key, this.lastKey)) {
      this.droppedCount += 1;
      this.reads.took();
      return;
    }
    this.lastKey = key;
    this.passedAt = now;
    this.reads.passed();
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    this.reads.complete(ctx);
    ctx.fireChannelReadComplete();
  }
}
