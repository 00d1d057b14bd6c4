import type { Context, Handled, Handler, Types } from '@headrace/core';
import { checkFunction } from '@headrace/core/authoring';

/** A class of messages. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type MessageClass<T> = abstract new (...args: any[]) => T;

interface Case {
  readonly accepts: (message: unknown) => boolean;
  readonly handle: (ctx: Context, message: never) => Handled;
}

/**
 * Passes each message to the function for its type, and passes on messages that no function accepts. Made by {@link match}.
 *
 * ```text
 *  wire | frame | codec | [match] | the rest
 * ```
 *
 * - **Place** After the codec, usually last.
 * - **In** The messages named in `match<…>()`.
 * - **Out** The messages that no case accepts. The compiler knows their types.
 * - **Events** Forwards all.
 * - **Errors** An error that a case throws or rejects with is an error of this handler.
 * - **State** Sharable: only its cases.
 * - **Cost** One test per case, up to the case that matches. Put frequent cases first.
 * - **Pitfalls** The promises of two messages may settle in any order. {@link RequestHandler} keeps the order.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { match } from '@headrace/handlers';
 *
 * class Login { constructor(readonly user: string) {} }
 * class Logout { readonly reason = 'bye'; }
 *
 * const channel = new EmbeddedChannel(
 *   match<Login | Logout | string>()
 *     .on(Login, (_ctx, { user }) => console.log('in', user))
 *     .on(Logout, () => console.log('out'))
 *     .otherwise((_ctx, text) => console.log('text', text)),
 * );
 * channel.writeInbound(new Login('ann'), 'hello', new Logout());
 * // prints in ann
 * // prints text hello
 * // prints out
 * ```
 * @see Netty's `SimpleChannelInboundHandler`
 */
export class MatchHandler<In, Left = In> implements Handler {
  declare readonly types: Types<{ reads: In; passesOn: Left; writes: unknown }>;
  readonly sharable = true;
  private readonly cases: readonly Case[];

  /** @internal */
  constructor(cases: readonly Case[] = []) {
    this.cases = cases;
  }

  /** Adds a case for messages of a class and its subclasses. */
  on<T extends Left>(
    type: MessageClass<T>,
    handle: (ctx: Context, message: T) => Handled,
  ): MatchHandler<In, Exclude<Left, T>> {
    return this.with((message) => message instanceof type, handle);
  }

  /**
   * Adds a case for messages that a type guard accepts.
   *
   * @throws OptionError `OPTION_INVALID` if `accepts` is not a function
   */
  when<T extends Left>(
    accepts: (message: Left) => message is T,
    handle: (ctx: Context, message: T) => Handled,
  ): MatchHandler<In, Exclude<Left, T>> {
    const guard = accepts as (message: unknown) => boolean;
    return this.with(checkFunction('accepts', guard, { answers: 'sync' }), handle);
  }

  /** Adds a case for all messages that no other case accepts. */
  otherwise(handle: (ctx: Context, message: Left) => Handled): MatchHandler<In, never> {
    return this.with(() => true, handle);
  }

  channelRead(ctx: Context, message: unknown): Handled {
    for (const one of this.cases) {
      if (one.accepts(message)) return one.handle(ctx, message as never);
    }
    ctx.fireChannelRead(message);
  }

  private with<T, Rest>(
    accepts: (message: unknown) => boolean,
    handle: (ctx: Context, message: T) => Handled,
  ): MatchHandler<In, Rest> {
    return new MatchHandler([...this.cases, { accepts, handle: handle as Case['handle'] }]);
  }
}

/** Starts a {@link MatchHandler} for the messages of this type: `match<Login | Logout>().on(Login, …)`. */
export function match<In = unknown>(): MatchHandler<In> {
  return new MatchHandler();
}
