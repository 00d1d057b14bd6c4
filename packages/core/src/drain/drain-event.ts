import { callSafely } from '../call/call-safely.ts';
import type { Channel } from '../contract.ts';
import { recognizeCopies } from '../package/recognize-copies.ts';
import { TaskDeadline } from '../time/channel-deadline.ts';
import { DRAIN_EVENT } from './drain-names.ts';

/** Time the peer has to end its half after all output was sent. */
const LINGER_MS = 2000;
/** Fraction of the time that is reserved for the last words, at most {@link MAX_LAST_WORDS_MS}, even if a hold is left. */
const LAST_WORDS_SHARE = 1 / 8;
const MAX_LAST_WORDS_MS = 1000;

/** Work that a drain waits for, see {@link DrainEvent.hold}. */
export interface DrainHold {
  /** Name of the work, in one or two words. */
  readonly why: string;
  /** Reports that the work is done. Further calls do nothing. */
  release(): void;
}

/**
 * Announces the shutdown of the server. The event is fired once through the pipeline of each of its channels. A handler with
 * unfinished work takes a hold. A handler with a last message for the peer leaves a last word. Each handler passes the event on.
 * A handler that does not pass it on ends the channel itself.
 *
 * When the event has passed the last handler and no hold is left, the last words are called, and the channel ends after its
 * output, as with `end()`. If there are last words, holds are ignored in the last eighth of the time, but for at most one second.
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
    recognizeCopies(DrainEvent, DRAIN_EVENT);
  }

  /** Time until the channel is closed in any case, in milliseconds. */
  readonly timeoutMs: number;
  private readonly pending = new Set<DrainHold>();
  private readonly lastWords: (() => void)[] = [];
  /** Channel to end, set when the event has passed the last handler. */
  private channel: Channel | undefined = undefined;
  private deadline = 0;
  private readonly atRest: (() => void) | undefined;
  private isOver = false;
  private parent: DrainEvent | undefined = undefined;

  /**
   * @param atRest - called instead of the last words and the end, each time that no hold is left. The drain then lets the channel
   *   come to rest: its handlers finish what they have begun, its peer is not notified, and it goes on here or elsewhere.
   */
  constructor(timeoutMs: number, atRest?: () => void) {
    this.timeoutMs = timeoutMs;
    this.atRest = atRest;
  }

  /** Reasons for the holds that the end of the channel waits for. */
  get holds(): readonly string[] {
    return Array.from(this.pending, ({ why }) => why);
  }

  /** Whether the channel ends. If false, it only comes to rest, and its peer is not notified. */
  get endsChannel(): boolean {
    return this.atRest === undefined;
  }

  /** Whether nothing waits for the holds of this drain any more, see {@link giveUp}. */
  get isGivenUp(): boolean {
    return this.isOver || this.parent?.isGivenUp === true;
  }

  /**
   * Returns the event for a channel that this channel carries, such as a WebSocket or a stream of a multiplexer. The event is of the same kind
   * and has the time that is left. A handler that carries other channels fires it through their pipelines and holds this drain
   * until those channels have closed.
   */
  forChild(): DrainEvent {
    const { channel, timeoutMs } = this;
    const leftMs = channel === undefined ? timeoutMs : this.deadline - channel.clock.now();
    const child = new DrainEvent(Math.max(0, leftMs), this.endsChannel ? undefined : restsUnheard);
    child.parent = this;
    return child;
  }

  /**
   * Lets the channel continue as if this drain had never started, for example if the channel could not move. Holds no longer
   * count, the last words are not called, and the channel does not end. A drain that ends its channel is never given up.
   */
  giveUp(): void {
    this.isOver = true;
    this.pending.clear();
    this.lastWords.length = 0;
  }

  /**
   * Delays the end of the channel until the hold is released or the time of the drain has passed. The end of that time is
   * reserved for the last words.
   *
   * @param why - reason for {@link holds}, in one or two words, such as the name of the handler
   */
  hold(why: string): DrainHold {
    const hold: DrainHold = {
      why,
      release: () => {
        if (this.pending.delete(hold)) this.endIfReady();
      },
    };
    if (!this.isGivenUp) this.pending.add(hold);
    return hold;
  }

  /**
   * Registers a function that writes a last message. It is called directly before the channel ends, when no hold is left or the
   * time of the last words starts. While a hold is left, it can also be registered after the event was passed on.
   */
  lastWord(speak: () => void): void {
    if (this.lastWords.push(speak) === 1) this.endAtLast();
  }

  /** @internal Called when the event has passed the last handler of this channel. */
  passed(channel: Channel): void {
    this.channel = channel;
    this.deadline = channel.clock.now() + this.timeoutMs;
    this.endIfReady();
    if (this.lastWords.length > 0) this.endAtLast();
  }

  /** Stops waiting for holds when the time of the last words starts, so that the peer receives the last words in time. */
  private endAtLast(): void {
    const { channel, deadline, timeoutMs } = this;
    if (channel === undefined || this.atRest !== undefined) return;
    const lastWordsMs = Math.min(MAX_LAST_WORDS_MS, timeoutMs * LAST_WORDS_SHARE);
    const delayMs = Math.max(0, deadline - lastWordsMs - channel.clock.now());
    const rule = { ms: delayMs, whileHeld: 'runs' } as const;
    const timer = new TaskDeadline(channel, rule, () => {
      this.pending.clear();
      this.endIfReady();
    });
    channel.onClosed(() => timer.cancel());
  }

  private endIfReady(): void {
    const { channel } = this;
    if (channel === undefined || this.pending.size > 0 || this.isGivenUp) return;
    if (this.atRest !== undefined) {
      this.atRest();
      return;
    }
    this.channel = undefined;
    if (!channel.isOpen) return;
    for (const speak of this.lastWords.splice(0)) callSafely(speak, undefined);
    endAfterOutput(channel, Math.max(0, this.deadline - channel.clock.now()));
  }
}

/** The parent waits until a child has closed, not until it has no holds. */
const restsUnheard = (): void => {};

/** Gives the output all the time that is left. After the output was sent, the peer has the usual time to end its half. */
function endAfterOutput(channel: Channel, timeoutMs: number): void {
  const closeIn = (ms: number): void => {
    if (!channel.isOpen) return;
    const close = (): void => void channel.close('shutdown');
    const deadline = new TaskDeadline(channel, { ms, whileHeld: 'runs' }, close);
    channel.onClosed(() => deadline.cancel());
  };
  channel.end({ reason: 'shutdown', lingerMs: timeoutMs });
  closeIn(timeoutMs);
  if (channel.isOpen) channel.shutdown('output').onSettled(() => closeIn(LINGER_MS));
}
