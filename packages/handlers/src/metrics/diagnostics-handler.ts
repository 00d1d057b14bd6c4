import { type Channel as Topic, channel as topic } from 'node:diagnostics_channel';
import type { Channel, Context, Handler, Types, WriteFuture } from '@headrace/core';

/** A published message: the channel and, depending on the event, a message, an event or an error. */
export interface DiagnosticsMessage {
  readonly channel: Channel;
  /** The message that was read or written. */
  readonly message?: unknown;
  readonly event?: unknown;
  /** The error that passed the handler. */
  readonly error?: Error;
}

/** The names of the `node:diagnostics_channel` channels that {@link DiagnosticsHandler} publishes to. */
export const DIAGNOSTICS_CHANNELS = {
  active: 'headrace.channel.active',
  inactive: 'headrace.channel.inactive',
  read: 'headrace.channel.read',
  write: 'headrace.channel.write',
  event: 'headrace.channel.event',
  error: 'headrace.channel.error',
} as const;

const ACTIVE: Topic = topic(DIAGNOSTICS_CHANNELS.active);
const INACTIVE: Topic = topic(DIAGNOSTICS_CHANNELS.inactive);
const READ: Topic = topic(DIAGNOSTICS_CHANNELS.read);
const WRITE: Topic = topic(DIAGNOSTICS_CHANNELS.write);
const EVENT: Topic = topic(DIAGNOSTICS_CHANNELS.event);
const ERROR: Topic = topic(DIAGNOSTICS_CHANNELS.error);

/**
 * Publishes the events and messages that pass it to `node:diagnostics_channel`, for monitoring tools that do not know the
 * application's pipelines.
 *
 * ```text
 *  wire | frame | codec | [diagnostics] | app     tools see messages
 * ```
 *
 * - **Place** Anywhere. After the codec, the tools see messages.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Forwards all. If a subscriber throws, Node reports the error as an uncaught exception, outside the pipeline.
 * - **State** Sharable.
 * - **Cost** One comparison per event while there is no subscriber.
 * - **Pitfalls** Subscribers receive the original messages and must not change them.
 *
 * @example
 * ```ts run
 * import { subscribe } from 'node:diagnostics_channel';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { DIAGNOSTICS_CHANNELS, DiagnosticsHandler, type DiagnosticsMessage } from '@headrace/handlers';
 *
 * subscribe(DIAGNOSTICS_CHANNELS.read, (data) => console.log((data as DiagnosticsMessage).message));
 * const channel = new EmbeddedChannel(new DiagnosticsHandler());
 * channel.writeInbound('hello');
 * // prints hello
 * ```
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export class DiagnosticsHandler implements Handler {
  declare readonly types: Types;
  readonly sharable = true;

  channelActive(ctx: Context): void {
    if (ACTIVE.hasSubscribers) ACTIVE.publish({ channel: ctx.channel });
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    if (INACTIVE.hasSubscribers) INACTIVE.publish({ channel: ctx.channel });
    ctx.fireChannelInactive();
  }

  channelRead(ctx: Context, message: unknown): void {
    if (READ.hasSubscribers) READ.publish({ channel: ctx.channel, message });
    ctx.fireChannelRead(message);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (EVENT.hasSubscribers) EVENT.publish({ channel: ctx.channel, event });
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (ERROR.hasSubscribers) ERROR.publish({ channel: ctx.channel, error });
    ctx.fireExceptionCaught(error);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (WRITE.hasSubscribers) WRITE.publish({ channel: ctx.channel, message });
    return ctx.write(message);
  }
}
