import type { Channel, CloseReason, Direction, WriteFuture } from '../contract.ts';
import { toError } from '../errors.ts';
import { type HandlerContext, noMessage } from './handler-context.ts';
import type { PipelineHost } from './pipeline-ends.ts';

/** The flow through a pipeline; which handlers stand in it is the matter of {@link HandlerPipeline}. */
export abstract class PipelineFlow {
  readonly host: PipelineHost;
  /** Both ends: its `next` is the first handler, its `prev` the last. */
  abstract readonly ends: HandlerContext;
  /** Who intercepts `read`: the ends if nobody does, the handler if there is one, `undefined` if there are more. */
  abstract readInterceptor: HandlerContext | undefined;
  /** Who intercepts `flush`, likewise. */
  abstract flushInterceptor: HandlerContext | undefined;
  /** Who gets a write first, as the ends know too: in a broadcast each member's would come from far away in memory. */
  protected abstract lastWriter: HandlerContext;

  constructor(host: PipelineHost) {
    this.host = host;
  }

  get channel(): Channel {
    return this.host.channel;
  }

  // --- inbound, from the head ---

  fireChannelRegistered(): void {
    this.ends.fireChannelRegistered();
  }

  fireChannelActive(): void {
    this.ends.fireChannelActive();
    this.host.readIfAutoRead();
  }

  fireChannelRead(message: unknown): void {
    this.ends.nextReader.invokeChannelRead(message);
  }

  fireChannelReadComplete(): void {
    this.ends.nextReadCompleter.invokeChannelReadComplete();
    this.host.readIfAutoRead();
  }

  fireChannelWritabilityChanged(): void {
    this.ends.fireChannelWritabilityChanged();
  }

  fireUserEventTriggered(event: unknown): void {
    this.ends.fireUserEventTriggered(event);
  }

  fireChannelShutdown(direction: Direction): void {
    this.ends.fireChannelShutdown(direction);
  }

  fireChannelInactive(): void {
    this.ends.fireChannelInactive();
  }

  fireChannelUnregistered(): void {
    this.ends.fireChannelUnregistered();
  }

  fireExceptionCaught(error: Error): void {
    this.ends.fireExceptionCaught(error);
  }

  // --- outbound, from the tail ---

  read(): void {
    const { readInterceptor } = this;
    if (readInterceptor === this.ends) this.readOut();
    else if (readInterceptor === undefined) this.ends.read();
    else readInterceptor.invokeRead();
  }

  write(message: unknown): WriteFuture {
    if (message === undefined || message === null) throw noMessage(message);
    const { lastWriter } = this;
    return lastWriter === this.ends ? this.writeOut(message) : lastWriter.invokeWrite(message);
  }

  flush(): void {
    const { flushInterceptor } = this;
    if (flushInterceptor === this.ends) this.flushOut();
    else if (flushInterceptor === undefined) this.ends.flush();
    else flushInterceptor.invokeFlush();
  }

  writeAndFlush(message: unknown): WriteFuture {
    const future = this.write(message);
    this.flush();
    return future;
  }

  shutdown(direction: Direction = 'output'): WriteFuture {
    return this.ends.shutdown(direction);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    return this.ends.close(reason);
  }

  // --- for the contexts ---

  writeOut(message: unknown): WriteFuture {
    try {
      return this.host.transportWrite(message);
    } catch (thrown) {
      return this.host.failedWrite(toError(thrown));
    }
  }

  readOut(): void {
    try {
      this.host.transportRead();
    } catch (thrown) {
      this.ends.fireExceptionCaught(toError(thrown));
    }
  }

  flushOut(): void {
    try {
      this.host.transportFlush();
    } catch (thrown) {
      this.ends.fireExceptionCaught(toError(thrown));
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

  reportFailure(future: WriteFuture, error: Error): void {
    this.host.reportFailure(future, error);
  }
}
