import type { CloseReason } from '../contract/connection.ts';
import type { Channel, Context, Direction, Handled, Handler, WriteFuture } from '../contract.ts';

/** The output beyond the head, which receives the writes and flushes that pass all handlers. */
export interface HostOutput {
  write(message: unknown): WriteFuture;
  flush(): void;
  /** Adds `delta` bytes to the output that handlers hold. */
  addHeldBytes(delta: number): void;
  /** Returns a future that has failed, and reports the failure if it is not observed. */
  failedWrite(error: Error): WriteFuture;
  /** Reports the failure of a future if it is not observed. */
  reportFailure(future: WriteFuture): void;
}

/** The channel that owns a pipeline: its output, its input, and its hooks for messages and events that no handler took. */
export interface PipelineHost {
  readonly channel: Channel;
  readonly isRegistered: boolean;
  readonly isOpen: boolean;
  readonly output: HostOutput;
  readonly reading: {
    /** Called when a `read()` has passed the pipeline. */
    request(): void;
    /** Called when a `channelReadComplete` has passed the pipeline. With auto-read on, the next `read()` is due. */
    requestIfAuto(): void;
  };

  transportShutdown(direction: Direction): WriteFuture;
  transportClose(reason: CloseReason): WriteFuture;

  unhandledMessage(message: unknown): Handled;
  unhandledException(error: Error): Handled;
  unhandledEvent(event: unknown): Handled;
  exceptionHandlerFailed(handlerName: string, thrown: Error, original: Error): void;
}

interface HeadTailContext extends Context {
  readonly pipeline: Context['pipeline'] & {
    readonly host: PipelineHost;
    readOut(): void;
    flushOut(): void;
  };
}

const pipelineOf = (ctx: Context) => (ctx as HeadTailContext).pipeline;
const hostOf = (ctx: Context): PipelineHost => pipelineOf(ctx).host;

/**
 * Head and tail of every pipeline, which is a ring. The head, before the first handler, takes the operations that pass all
 * handlers. The tail, after the last handler, takes the events.
 */
export const HEAD_AND_TAIL: Handler = {
  sharable: true,
  // The head.
  read: (ctx) => pipelineOf(ctx).readOut(),
  write: (ctx, message: unknown) => hostOf(ctx).output.write(message),
  flush: (ctx) => pipelineOf(ctx).flushOut(),
  shutdown: (ctx, direction) => hostOf(ctx).transportShutdown(direction),
  close: (ctx, reason) => hostOf(ctx).transportClose(reason),
  // The tail.
  channelRegistered() {},
  channelActive() {},
  channelRead: (ctx, message: unknown) => hostOf(ctx).unhandledMessage(message),
  channelReadComplete() {},
  channelWritabilityChanged() {},
  userEventTriggered: (ctx, event) => hostOf(ctx).unhandledEvent(event),
  channelShutdown() {},
  channelInactive() {},
  channelUnregistered() {},
  exceptionCaught: (ctx, error) => hostOf(ctx).unhandledException(error),
};
