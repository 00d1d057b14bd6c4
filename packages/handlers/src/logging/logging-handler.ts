import type {
  Channel,
  CloseReason,
  Context,
  Direction,
  Handler,
  Logger,
  LogLevel,
  Types,
  WriteFuture,
} from '@headrace/core';
import {
  callSafely,
  choice,
  describeOptions,
  fn,
  having,
  number,
  type Resolved,
  whole,
} from '@headrace/core/authoring';
import { describeMessage, type LogFormat } from './describe-message.ts';

/** Options of a {@link LoggingHandler}. */
export interface LoggingOptions {
  /** Level of the log lines. @default 'debug' */
  readonly level?: LogLevel;
  /** The format of byte messages: `hex` writes the bytes, and `simple` writes only their length. @default 'hex' */
  readonly format?: LogFormat;
  /** Logger that receives the lines. @default the channel's logger */
  readonly logger?: Logger;
  /** Maximum number of bytes of a message, or characters of a text, that are shown. @default 1024 */
  readonly maxBytes?: number;
  /** Share of the channels that are logged, from 0 to 1. A channel is logged completely or not at all. @default 1 */
  readonly channelShare?: number;
  /** Logs only every n-th message that is read or written. All other events are logged. @default 1 */
  readonly everyMessages?: number;
  /**
   * Returns a value that is logged instead of the message, to hide secrets. The message itself stays unchanged.
   * @default the message
   */
  readonly redact?: (message: unknown, event: 'READ' | 'WRITE') => unknown;
}

const OPTIONS = describeOptions('LoggingHandler', {
  level: choice(['debug', 'info', 'warn', 'error'], { default: 'debug' }),
  format: choice(['hex', 'simple'], { default: 'hex' }),
  logger: having('log', 'a Logger'),
  maxBytes: whole({ default: 1024 }),
  channelShare: number({ max: 1, default: 1 }),
  everyMessages: whole({ min: 1, default: 1 }),
  redact: fn({ answers: 'sync', takes: 2, purpose: 'returns what is logged' }),
});

/**
 * Logs each event and operation that passes it, as `[channel] EVENT: detail`, and changes nothing.
 *
 * ```text
 *  wire | [log] | frame | codec | app     shows bytes
 *  wire | frame | codec | [log] | app     shows messages
 * ```
 *
 * - **Place** Anywhere. Add it twice to see the effect of the handlers between.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Raises none. If a logger or `redact` throws, the handler emits one process warning, and the message passes on.
 * - **State** Sharable. With `everyMessages`, the channels that share a handler count together.
 * - **Cost** A text per event, made before the logger checks the level. Use it for debugging or samples.
 * - **Pitfalls** Without `redact`, a log contains everything that the peers send, including passwords.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { LoggingHandler } from '@headrace/handlers';
 *
 * const logger = { log: (_level: string, text: string) => console.log(text.replace(/^.*\] /, '')) };
 * const channel = new EmbeddedChannel(new LoggingHandler({ logger }));
 * channel.writeInbound(Buffer.from('Hi\n'));
 * // prints REGISTERED
 * // prints ACTIVE
 * // prints READ REQUEST
 * // prints READ: 3B
 * // prints 00000000  48 69 0a                                          |Hi.|
 * // prints READ COMPLETE
 * // prints READ REQUEST
 * ```
 * @see Netty's `LoggingHandler`
 */
export class LoggingHandler implements Handler {
  declare readonly types: Types;
  readonly sharable = true;
  private readonly options: Resolved<LoggingOptions, typeof OPTIONS.kinds>;
  private messages = 0;
  private hasFailed = false;

  constructor(options: LoggingOptions = {}) {
    this.options = OPTIONS.resolve(options);
  }

  channelRegistered(ctx: Context): void {
    this.event(ctx, 'REGISTERED');
    ctx.fireChannelRegistered();
  }

  channelActive(ctx: Context): void {
    this.event(ctx, 'ACTIVE');
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, message: unknown): void {
    this.message(ctx, 'READ', message);
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    this.event(ctx, 'READ COMPLETE');
    ctx.fireChannelReadComplete();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.event(ctx, `WRITABILITY CHANGED: ${ctx.channel.isWritable}`);
    ctx.fireChannelWritabilityChanged();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.attempt(ctx, () => `USER_EVENT: ${this.described(event)}`);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    this.event(ctx, `SHUTDOWN: ${direction}`);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    const info = ctx.channel.closeInfo;
    this.event(ctx, info === undefined ? 'INACTIVE' : `INACTIVE: ${info.reason}, by ${info.by}`);
    ctx.fireChannelInactive();
  }

  channelUnregistered(ctx: Context): void {
    this.event(ctx, 'UNREGISTERED');
    ctx.fireChannelUnregistered();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.attempt(ctx, () => 'EXCEPTION', error);
    ctx.fireExceptionCaught(error);
  }

  read(ctx: Context): void {
    this.event(ctx, 'READ REQUEST');
    ctx.read();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.message(ctx, 'WRITE', message);
    return ctx.write(message);
  }

  flush(ctx: Context): void {
    this.event(ctx, 'FLUSH');
    ctx.flush();
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    this.event(ctx, `SHUTDOWN REQUEST: ${direction}`);
    return ctx.shutdown(direction);
  }

  close(ctx: Context, reason: CloseReason): WriteFuture {
    this.event(ctx, `CLOSE: ${reason}`);
    return ctx.close(reason);
  }

  private event(ctx: Context, text: string): void {
    this.attempt(ctx, () => text);
  }

  private message(ctx: Context, event: 'READ' | 'WRITE', message: unknown): void {
    const { everyMessages, redact } = this.options;
    this.messages += 1;
    if (this.messages % everyMessages !== 0) return;
    this.attempt(ctx, () => {
      const shown = redact === undefined ? message : redact(message, event);
      return `${event}: ${this.described(shown)}`;
    });
  }

  private described(message: unknown): string {
    return describeMessage(message, this.options.format, this.options.maxBytes);
  }

  /** Logs a line. A failure does not stop the event. */
  private attempt(ctx: Context, text: () => string, error?: Error): void {
    const { channelShare, level, logger = ctx.channel.logger } = this.options;
    if (channelShare < 1 && shareOf(ctx.channel) >= channelShare) return;
    const log = (): unknown => logger.log(level, `${ctx.channel} ${text()}`, error);
    callSafely(log, undefined, (failure) => {
      if (!this.hasFailed) process.emitWarning(failure);
      this.hasFailed = true;
    });
  }
}

/** Returns a number from 0 to 1 for a channel. The golden ratio spreads consecutive ids evenly. */
function shareOf(channel: Channel): number {
  const id = Number.parseInt(channel.id, 16);
  return (Math.imul(id, 0x9e37_79b1) >>> 0) / 2 ** 32;
}
