import type { CloseReason, Context, Handler, Types } from '@headrace/core';
import { choice, describeOptions, fn, text } from '@headrace/core/authoring';
import { endWith } from './end-with.ts';
import { type IdleState, IdleStateEvent } from './idle-state-event.ts';

/** Options of an {@link IdleCloseHandler}. */
export interface IdleCloseOptions<Message = never> {
  /** The kind of idleness that ends the connection. @default 'reader' */
  readonly state?: IdleState;
  /** Makes the last message to the peer. Without this function, no message is sent. */
  readonly lastWord?: (event: IdleStateEvent) => Message;
  /** The close reason. @default 'idle' */
  readonly reason?: CloseReason;
}

const OPTIONS = describeOptions('IdleCloseHandler', {
  state: choice(['reader', 'writer', 'all'], { default: 'reader' }),
  lastWord: fn({ answers: 'sync', purpose: 'makes the last message' }),
  reason: text('a close reason', { default: 'idle' }),
});

const EVENTS = { answers: ['IdleStateEvent'] } as const;

/**
 * Ends a connection that an earlier IdleStateHandler reports as idle, optionally with a last message to the peer.
 *
 * ```text
 *  wire | idle | frame | codec | [idle close] | app     the last word passes the codec
 * ```
 *
 * - **Place** After the IdleStateHandler (a place before it is refused with `PIPELINE_ORDER`) and after the codec that encodes
 *   the last message.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Consumes the `IdleStateEvent` that ends the connection. Forwards all others.
 * - **Errors** Raises none.
 * - **State** Per channel.
 * - **Cost** None per message: the handler has no method for messages.
 * - **Pitfalls** A peer whose cable is cut cannot read the last message. The channel closes after the linger time in any case.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { IdleCloseHandler, IdleStateHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(
 *   new IdleStateHandler({ readerIdleMs: 120_000 }),
 *   new IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
 * );
 * channel.advance(120_000);
 * console.log(channel.readOutbound(), channel.isOutputShutdown);
 * // prints ERR:IDLE_TIMEOUT true
 * ```
 */
export class IdleCloseHandler<Message = never> implements Handler {
  declare readonly types: Types<{ writes: Message }>;
  private readonly state: IdleState;
  private readonly lastWord: IdleCloseOptions<unknown>['lastWord'];
  private readonly reason: CloseReason;

  get userEvents(): { readonly answers: readonly 'IdleStateEvent'[] } {
    return EVENTS;
  }

  constructor(options: IdleCloseOptions<Message> = {}) {
    const { state, lastWord, reason } = OPTIONS.resolve(options as IdleCloseOptions<unknown>);
    this.state = state;
    this.lastWord = lastWord;
    this.reason = reason;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof IdleStateEvent) || event.state !== this.state) {
      ctx.fireUserEventTriggered(event);
      return;
    }
    const { lastWord } = this;
    endWith(ctx, this.reason, lastWord && (() => lastWord(event)));
  }
}
