import type { Context, Handled, Handler, HandlerEvents, Types } from '@headrace/core';

/** A class of events. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type EventClass<T> = abstract new (...args: any[]) => T;

/**
 * Passes the user events of one class to a function, and forwards all others.
 *
 * ```text
 *  wire | [idle] | frame | codec | app | [on IdleStateEvent]
 * ```
 *
 * - **Place** After the handler that fires the event. A place before that handler is refused (`PIPELINE_ORDER`).
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Consumes events of its class and its subclasses. The function may fire them on.
 * - **Errors** The error that the function throws, or that its promise rejects with.
 * - **State** Sharable.
 * - **Cost** One test per event.
 * - **Pitfalls** An event that the handler consumes does not reach the handlers after it.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { UserEventHandler } from '@headrace/handlers';
 *
 * class Moved { constructor(readonly to: string) {} }
 *
 * const channel = new EmbeddedChannel(
 *   new UserEventHandler(Moved, (_ctx, { to }) => console.log('moved to', to)),
 * );
 * channel.pipeline.fireUserEventTriggered(new Moved('node-2'));
 * // prints moved to node-2
 * ```
 * @see Netty's `SimpleUserEventChannelHandler`
 */
export class UserEventHandler<T> implements Handler {
  declare readonly types: Types<{ writes: unknown }>;
  readonly sharable = true;
  readonly userEvents: HandlerEvents;
  private readonly type: EventClass<T>;
  private readonly handle: (ctx: Context, event: T) => Handled;

  constructor(type: EventClass<T>, handle: (ctx: Context, event: T) => Handled) {
    this.type = type;
    this.userEvents = { answers: [type.name] };
    this.handle = handle;
  }

  userEventTriggered(ctx: Context, event: unknown): Handled {
    if (event instanceof this.type) return this.handle(ctx, event);
    ctx.fireUserEventTriggered(event);
  }
}
