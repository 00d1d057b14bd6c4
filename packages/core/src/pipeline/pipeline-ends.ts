import type {
  Channel,
  CloseReason,
  Context,
  Direction,
  Handled,
  Handler,
  WriteFuture,
} from '../contract.ts';

/** What a pipeline needs of the channel that owns it: the transport, and what becomes of what no handler took. */
export interface PipelineHost {
  readonly channel: Channel;
  readonly isRegistered: boolean;
  readonly isOpen: boolean;

  transportRead(): void;
  transportWrite(message: unknown): WriteFuture;
  transportFlush(): void;
  transportShutdown(direction: Direction): WriteFuture;
  transportClose(reason: CloseReason): WriteFuture;

  /** A `channelReadComplete` passed the whole pipeline: with auto-read on, the next `read()` is due. */
  readIfAutoRead(): void;
  addPendingOutboundBytes(delta: number): void;
  failedWrite(error: Error): WriteFuture;
  reportFailure(future: WriteFuture, error: Error): void;

  unhandledMessage(message: unknown): Handled;
  unhandledException(error: Error): Handled;
  unhandledEvent(event: unknown): Handled;
  exceptionHandlerFailed(handlerName: string, thrown: Error, original: Error): void;
}

interface EndsContext extends Context {
  readonly pipeline: Context['pipeline'] & {
    readonly host: PipelineHost;
    readOut(): void;
    flushOut(): void;
  };
}

const pipelineOf = (ctx: Context) => (ctx as EndsContext).pipeline;
const hostOf = (ctx: Context): PipelineHost => pipelineOf(ctx).host;

/**
 * Head and tail of every pipeline, which is a ring: the head, before the first handler, takes the operations
 * that no handler kept; the tail, after the last handler, takes the events.
 */
export const ENDS: Handler = {
  sharable: true,
  // The head.
  read: (ctx) => pipelineOf(ctx).readOut(),
  write: (ctx, message: unknown) => hostOf(ctx).transportWrite(message),
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
