import type { Handler, Pipeline } from '@headrace/core';
import { WebSocketTextCodec } from '@headrace/websocket';
import type { DrawnHandler, DrawnLane } from './page-message.ts';
import { TapHandler, type TapListener } from './tap-handler.ts';

/** One pipeline with a tap before each of its handlers, and how it is drawn. */
export class TappedLane {
  readonly drawn: DrawnLane;
  private readonly pipeline: Pipeline;
  private readonly taps: readonly TapHandler[];
  /** Where frames of the WebSocket become texts. */
  private readonly codec: number;

  constructor(title: string, lane: number, pipeline: Pipeline, listener: TapListener) {
    this.pipeline = pipeline;
    const handlers = [...pipeline];
    this.drawn = { title, handlers: handlers.map(([name, handler]) => draw(name, handler)) };
    this.codec = handlers.findIndex(([, handler]) => handler instanceof WebSocketTextCodec);
    this.taps = handlers.map(([name], index) => {
      const tap = new TapHandler(lane, index, listener);
      pipeline.addBefore(name, tap);
      return tap;
    });
  }

  tap(index: number): TapHandler | undefined {
    return this.taps[index];
  }

  /** The handler of this number makes texts of frames, both of which are strings. */
  isCodec(index: number): boolean {
    return index === this.codec;
  }

  /** This handler passes on frames. */
  isFrame(index: number): boolean {
    return index < this.codec;
  }

  remove(): void {
    for (const tap of this.taps) this.pipeline.removeIfExists(tap);
  }
}

function draw(name: string, handler: Handler): DrawnHandler {
  return {
    name: name.replace(/#0$/, ''),
    reads: handler.channelRead !== undefined,
    writes: handler.write !== undefined,
    events: handler.userEventTriggered !== undefined,
  };
}
