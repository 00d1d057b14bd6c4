import type { Context, Handler, WriteFuture } from '@headrace/core';

/** Notified of everything that passes one place of a pipeline. */
export interface TapListener {
  read(tap: TapHandler, message: unknown): void;
  write(tap: TapHandler, message: unknown): void;
  /** The handlers before the tap have had the message. */
  written(tap: TapHandler, message: unknown): void;
  event(tap: TapHandler, event: unknown): void;
}

/**
 * Stands before a handler and shows everything that passes between it and the one before; changes nothing.
 *
 * - **Place** anywhere. Added while the panel is open, and removed after that.
 */
export class TapHandler implements Handler {
  readonly lane: number;
  /** The number of the handler after it. */
  readonly index: number;
  /** The message that is on its way through the handlers after this tap, or before it. */
  reading: unknown = undefined;
  writing: unknown = undefined;
  /** How many writes have come by. */
  writes = 0;
  private readonly listener: TapListener;

  constructor(lane: number, index: number, listener: TapListener) {
    this.lane = lane;
    this.index = index;
    this.listener = listener;
  }

  channelRead(ctx: Context, message: unknown): void {
    this.listener.read(this, message);
    const outer = this.reading;
    this.reading = message;
    ctx.fireChannelRead(message);
    this.reading = outer;
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.writes += 1;
    this.listener.write(this, message);
    const outer = this.writing;
    this.writing = message;
    const future = ctx.write(message);
    this.writing = outer;
    this.listener.written(this, message);
    return future;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.listener.event(this, event);
    const outer = this.reading;
    this.reading = event;
    ctx.fireUserEventTriggered(event);
    this.reading = outer;
  }
}
