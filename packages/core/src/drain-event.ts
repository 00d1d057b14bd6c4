import { callSafely } from './call/call-safely.ts';
import { TaskDeadline } from './channel-deadline.ts';
import type { Channel } from './contract.ts';
import { DRAIN_EVENT } from './drain-names.ts';
import { recognizeCopies } from './package/recognize-copies.ts';

/** How long a peer may take to end its half when everything for it has left. */
const LINGER_MS = 2000;
/** The last words have this part of the time, at most {@link MAX_LAST_WORDS_MS}, though a hold is left. */
const LAST_WORDS_SHARE = 1 / 8;
const MAX_LAST_WORDS_MS = 1000;

/** Work that a drain waits for, see {@link DrainEvent.hold}. */
export interface DrainHold {
  /** The work, in a word or two. */
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
    recognizeCopies(DrainEvent, DRAIN_EVENT);
  }

  /** Milliseconds until the channel is closed anyway. */
  readonly timeoutMs: number;
  private readonly pending = new Set<DrainHold>();
  private readonly lastWords: (() => void)[] = [];
  /** The channel to end, once the event has passed its last handler. */
  private channel: Channel | undefined = undefined;
  private deadline = 0;
  private readonly atRest: (() => void) | undefined;
  private isOver = false;
  private parent: DrainEvent | undefined = undefined;

  /**
   * @param atRest - called in place of the last words and the end, each time that no hold is left: the channel goes to
   *   another process, and its peer is not to hear of it
   */
  constructor(timeoutMs: number, atRest?: () => void) {
    this.timeoutMs = timeoutMs;
    this.atRest = atRest;
  }

  /** The reasons of the holds that the end of the channel waits for. */
  get holds(): readonly string[] {
    return Array.from(this.pending, ({ why }) => why);
  }

  /** False: the channel goes to another process, or stays, and its peer is not to hear of it. */
  get endsChannel(): boolean {
    return this.atRest === undefined;
  }

  /** Nobody waits for the holds of this drain any more, see {@link giveUp}. */
  get isGivenUp(): boolean {
    return this.isOver || this.parent?.isGivenUp === true;
  }

  /**
   * The event for a channel that the channel of this one carries, such as a WebSocket or a substream: one of the same kind, with the
   * time that is left. A handler that carries others fires it through their pipelines, and holds this one until they have closed:
   * while they are open, they have to stay where they are.
   */
  forChild(): DrainEvent {
    const { channel, timeoutMs } = this;
    const leftMs = channel === undefined ? timeoutMs : this.deadline - channel.clock.now();
    const child = new DrainEvent(Math.max(0, leftMs), this.endsChannel ? undefined : restsUnheard);
    child.parent = this;
    return child;
  }

  /**
   * The channel goes on as if this drain had never begun, as after a hand-over that failed: holds count no more, the last words are
   * not called, and the channel does not end. A drain that ends its channel is never given up.
   */
  giveUp(): void {
    this.isOver = true;
    this.pending.clear();
    this.lastWords.length = 0;
  }

  /**
   * The channel does not end before this hold is released, or the time of the drain is over. The end of that time is for the last words.
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
    if (!this.isGivenUp) this.pending.add(hold);
    return hold;
  }

  /**
   * Called right before the channel ends, when no hold is left or the time of the last words has come: the time to write a
   * last message. May be left after the event was passed on, too, while a hold is left.
   */
  lastWord(speak: () => void): void {
    if (this.lastWords.push(speak) === 1) this.endAtLast();
  }

  /** @internal The event has passed the last handler of this channel. */
  passed(channel: Channel): void {
    this.channel = channel;
    this.deadline = channel.clock.now() + this.timeoutMs;
    this.endIfReady();
    if (this.lastWords.length > 0) this.endAtLast();
  }

  /** Holds that are left by then are not waited for: the peer hears the last words in time. */
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

/** The parent waits for the end of a child, not for its rest. */
const restsUnheard = (): void => {};

/** All the time that is left for the output; once that has been sent, the peer is waited for no longer than usual. */
function endAfterOutput(channel: Channel, timeoutMs: number): void {
  channel.end({ reason: 'shutdown', lingerMs: timeoutMs });
  if (!channel.isOpen) return;
  channel.shutdown('output').onSettled(() => {
    if (!channel.isOpen) return;
    const rule = { ms: LINGER_MS, whileHeld: 'runs' } as const;
    const deadline = new TaskDeadline(channel, rule, () => channel.close('shutdown'));
    channel.onClosed(() => deadline.cancel());
  });
}
