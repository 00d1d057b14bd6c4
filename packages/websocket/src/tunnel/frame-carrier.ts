import type { Buffer } from 'node:buffer';
import type { Context, Direction, Handler } from '@headrace/core';
import type { FrameTransport } from '../socket/frame-transport.ts';

/** The only handler of a session's channel. The channel's bytes are the frames of a WebSocket. */
export class FrameCarrier implements Handler {
  private readonly frames: FrameTransport;
  private readonly onActive: () => void;

  /** @param onActive - callback that opens the WebSocket */
  constructor(frames: FrameTransport, onActive: () => void) {
    this.frames = frames;
    this.onActive = onActive;
  }

  handlerAdded(ctx: Context): void {
    this.frames.carriedBy(ctx);
  }

  channelActive(ctx: Context): void {
    this.onActive();
    ctx.fireChannelActive();
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.frames.receive(bytes);
  }

  channelReadComplete(): void {
    this.frames.endRead();
  }

  channelShutdown(_ctx: Context, direction: Direction): void {
    if (direction === 'input') this.frames.inputEnded();
  }

  channelInactive(): void {
    this.frames.gone();
  }
}
