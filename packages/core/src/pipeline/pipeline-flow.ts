// Walk 3: where events enter a pipeline at its head and operations at its tail. Next: packages/core/src/pipeline/handler-context.ts
import type { Channel, CloseReason, Direction, WriteFuture } from '../contract.ts';
import { toError } from '../errors.ts';
import type { SettableFuture } from '../internal/settable-future.ts';
import { type HandlerContext, noMessage } from './handler-context.ts';
import type { PipelineHost } from './pipeline-ends.ts';

/** The flow through a pipeline; which handlers stand in it is the matter of {@link HandlerPipeline}. */
export abstract class PipelineFlow {
  readonly host: PipelineHost;
  abstract readonly head: HandlerContext;
  protected abstract readonly tail: HandlerContext;
  /** Who intercepts `read`: the head if nobody does, the handler if there is one, `undefined` if there are more. */
  abstract readInterceptor: HandlerContext | undefined;
  /** Who intercepts `flush`, likewise. */
  abstract flushInterceptor: HandlerContext | undefined;
  /** Who gets a write first, as the tail knows too: in a broadcast each member's tail would come from far away in memory. */
  protected abstract lastWriter: HandlerContext;

  constructor(host: PipelineHost) {
    this.host = host;
  }

  get channel(): Channel {
    return this.host.channel;
  }

  // --- inbound, from the head ---

  fireChannelRegistered(): void {
    this.head.fireChannelRegistered();
  }

  fireChannelActive(): void {
    this.head.fireChannelActive();
    this.host.readIfAutoRead();
  }

  fireChannelRead(message: unknown): void {
    this.head.nextReader.invokeChannelRead(message);
  }

  fireChannelReadComplete(): void {
    this.head.nextReadCompleter.invokeChannelReadComplete();
    this.host.readIfAutoRead();
  }

  fireChannelWritabilityChanged(): void {
    this.head.fireChannelWritabilityChanged();
  }

  fireUserEventTriggered(event: unknown): void {
    this.head.fireUserEventTriggered(event);
  }

  fireChannelShutdown(direction: Direction): void {
    this.head.fireChannelShutdown(direction);
  }

  fireChannelInactive(): void {
    this.head.fireChannelInactive();
  }

  fireChannelUnregistered(): void {
    this.head.fireChannelUnregistered();
  }

  fireExceptionCaught(error: Error): void {
    this.head.fireExceptionCaught(error);
  }

  // --- outbound, from the tail ---

  read(): void {
    const { readInterceptor } = this;
    if (readInterceptor === this.head) this.host.transportRead();
    else if (readInterceptor === undefined) this.tail.read();
    else readInterceptor.invokeRead();
  }

  write(message: unknown): WriteFuture {
    if (message === undefined || message === null) throw noMessage(message);
    const { lastWriter } = this;
    return lastWriter === this.head ? this.writeOut(message) : lastWriter.invokeWrite(message);
  }

  flush(): void {
    const { flushInterceptor } = this;
    if (flushInterceptor === this.head) this.flushOut();
    else if (flushInterceptor === undefined) this.tail.flush();
    else flushInterceptor.invokeFlush();
  }

  writeAndFlush(message: unknown): WriteFuture {
    const future = this.write(message);
    this.flush();
    return future;
  }

  shutdown(direction: Direction = 'output'): WriteFuture {
    return this.tail.shutdown(direction);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    return this.tail.close(reason);
  }

  // --- for the contexts ---

  writeOut(message: unknown): WriteFuture {
    try {
      return this.host.transportWrite(message);
    } catch (thrown) {
      return this.host.failedWrite(toError(thrown));
    }
  }

  flushOut(): void {
    try {
      this.host.transportFlush();
    } catch (thrown) {
      this.head.fireExceptionCaught(toError(thrown));
    }
  }

  exceptionHandlerFailed(context: HandlerContext, thrown: Error, original: Error): void {
    this.host.exceptionHandlerFailed(context.name, thrown, original);
  }

  addPendingOutboundBytes(delta: number): void {
    this.host.addPendingOutboundBytes(delta);
  }

  failedWrite(error: Error): WriteFuture {
    return this.host.failedWrite(error);
  }

  reportFailure(future: SettableFuture, error: Error): void {
    this.host.reportFailure(future, error);
  }
}
