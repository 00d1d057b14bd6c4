import type { Channel } from './contract.ts';
import { callSafely } from './internal/call-safely.ts';
import { recogniseCopies } from './internal/recognise-copies.ts';

/** How long a peer may take to end its half when everything for it has left. */
const LINGER_MS = 2000;
/** The last words have this part of the time, at most {@link MAX_LAST_WORDS_MS}, though a hold is left. */
const LAST_WORDS_SHARE = 1 / 8;
const MAX_LAST_WORDS_MS = 1000;

/** Work that a drain waits for, see {@link DrainEvent.hold}. */
export interface DrainHold {
  readonly why: string;
  /** The work is done; further calls do nothing. */
  release(): void;
}

/**
 * Announces that the server shuts down: fired once through the pipeline of each of its channels. A handler with
 * work under way takes a hold; one that has a last message for the peer leaves a last word; each passes the event on. When it
 * has passed the last handler and no hold is left, the last words are called and the channel ends politely
 * after its output. Last words have time of their own: where there are some, holds that are left are not waited for in
 * the last eighth of the time, at most a second. A handler that does not pass it on ends the channel itself.
 *
 * @example
 * ```ts run
 * import { type Context, DrainEvent } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel({
 *   userEventTriggered(ctx: Context, event: unknown) {
 *     if (event instanceof DrainEvent) event.lastWord(() => ctx.writeAndFlush('BYE'));
 *     ctx.fireUserEventTriggered(event);
 *   },
 * });
 * channel.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
 * console.log(channel.readOutbound(), channel.isEnding);
 * // prints BYE true
 * ```
 * @see SwiftNIO's `ChannelShouldQuiesceEvent`
 */
export class DrainEvent {
  static {
    recogniseCopies(DrainEvent, 'headrace.DrainEvent');
  }

  /** Milliseconds until the channel is closed anyway. */
  readonly timeoutMs: number;
  private readonly pending = new Set<DrainHold>();
  private readonly lastWords: (() => void)[] = [];
  /** Ends the channel, once the event has passed the last handler. */
  private end: (() => void) | undefined = undefined;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** What the end of the channel waits for. */
  get holds(): readonly string[] {
    return Array.from(this.pending, ({ why }) => why);
  }

  /**
   * The channel does not end before this hold is released, or the time is over; the last words have a part of it.
   *
   * @param why - for {@link holds}: a word or two, such as the name of the handler
   */
  hold(why: string): DrainHold {
    const hold: DrainHold = {
      why,
      release: () => {
        if (this.pending.delete(hold)) this.endIfReady();
      },
    };
    this.pending.add(hold);
    return hold;
  }

  /** Called when no hold is left, right before the channel ends: the time to write a last message. */
  lastWord(speak: () => void): void {
    this.lastWords.push(speak);
  }

  /** @internal The event has passed the last handler of this channel. */
  passed(channel: Channel): void {
    const deadline = channel.clock.now() + this.timeoutMs;
    this.end = () => {
      if (!channel.isOpen) return;
      for (const speak of this.lastWords.splice(0)) callSafely(speak, undefined);
      endAfterOutput(channel, Math.max(0, deadline - channel.clock.now()));
    };
    this.endIfReady();
    if (this.pending.size > 0 && this.lastWords.length > 0) this.endAtLast(channel);
  }

  /** Holds that are left by then are not waited for: the peer hears the last words in time. */
  private endAtLast(channel: Channel): void {
    const { timeoutMs } = this;
    const lastWordsMs = Math.min(MAX_LAST_WORDS_MS, timeoutMs * LAST_WORDS_SHARE);
    const timer = channel.clock.schedule(() => {
      this.pending.clear();
      this.endIfReady();
    }, timeoutMs - lastWordsMs);
    channel.onClosed(() => timer.cancel());
  }

  private endIfReady(): void {
    if (this.pending.size > 0) return;
    const { end } = this;
    this.end = undefined;
    end?.();
  }
}

/** All the time that is left for the output; once that has been sent, the peer is waited for no longer than usual. */
function endAfterOutput(channel: Channel, timeoutMs: number): void {
  channel.end({ reason: 'shutdown', lingerMs: timeoutMs });
  if (!channel.isOpen) return;
  channel.shutdown('output').onSettled(() => {
    if (!channel.isOpen) return;
    const timer = channel.clock.schedule(() => channel.close('shutdown'), LINGER_MS);
    channel.onClosed(() => timer.cancel());
  });
}
