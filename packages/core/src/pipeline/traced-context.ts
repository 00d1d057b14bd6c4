import type { CloseReason, Direction, Handler, WriteFuture } from '../contract.ts';
import { messageText } from '../internal/message-text.ts';
import { type ContextOwner, HandlerContext } from './handler-context.ts';
import * as mask from './handler-mask.ts';

/**
 * Which handlers `HEADRACE_DEBUG` asks to trace: names of classes or of handlers in the pipeline, separated by
 * commas or spaces, `*` for any part of a name.
 */
export function tracedNames(variable: string | undefined): RegExp | undefined {
  const given = (variable ?? '').split(/[\s,]+/).filter((name) => name !== '');
  // The values that switch other programs on.
  const names = given.map((name) => (/^(1|true|all)$/i.test(name) ? '*' : name));
  if (names.length === 0) return undefined;
  const patterns = names.map((name) =>
    name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'),
  );
  return new RegExp(`^(?:${patterns.join('|')})(?:#\\d+)?$`);
}

let traced: RegExp | false | undefined;

/** The context of a handler: one that logs each event, if `HEADRACE_DEBUG` names the handler. */
export function contextFor(pipeline: ContextOwner, handler: Handler, name: string): HandlerContext {
  // The environment is read once: that costs more than a context.
  traced ??= tracedNames(process.env.HEADRACE_DEBUG) ?? false;
  if (traced === false || !isTraced(traced, handler, name)) {
    return new HandlerContext(pipeline, handler, name);
  }
  return new TracedContext(pipeline, handler, name);
}

function isTraced(pattern: RegExp, handler: Handler, name: string): boolean {
  return pattern.test(name) || pattern.test(handler.constructor?.name ?? '');
}

/** A context that logs at level debug each event of its handler, and each event and operation that the handler fires and calls. */
export class TracedContext extends HandlerContext {
  override invokeChannelRead(message: unknown): void {
    this.log(`channelRead ${messageText(message)}`);
    super.invokeChannelRead(message);
  }

  override invokeChannelReadComplete(): void {
    this.log('channelReadComplete');
    super.invokeChannelReadComplete();
  }

  override invokeExceptionCaught(error: Error): void {
    if ((this.bits & mask.EXCEPTION_CAUGHT) !== 0) this.log(`exceptionCaught ${error.message}`);
    super.invokeExceptionCaught(error);
  }

  override invokeRead(): void {
    this.log('read');
    super.invokeRead();
  }

  override invokeWrite(message: unknown): WriteFuture {
    this.log(`write ${messageText(message)}`);
    return super.invokeWrite(message);
  }

  override invokeFlush(): void {
    this.log('flush');
    super.invokeFlush();
  }

  override fireChannelRead(message: unknown): void {
    this.log(`fires channelRead ${messageText(message)}`);
    super.fireChannelRead(message);
  }

  override fireChannelActive(): void {
    this.log('fires channelActive');
    super.fireChannelActive();
  }

  override fireChannelInactive(): void {
    this.log('fires channelInactive');
    super.fireChannelInactive();
  }

  override fireChannelWritabilityChanged(): void {
    this.log(`fires channelWritabilityChanged, isWritable ${this.channel.isWritable}`);
    super.fireChannelWritabilityChanged();
  }

  override fireUserEventTriggered(event: unknown): void {
    this.log(`fires userEventTriggered ${messageText(event)}`);
    super.fireUserEventTriggered(event);
  }

  override fireChannelShutdown(direction: Direction): void {
    this.log(`fires channelShutdown ${direction}`);
    super.fireChannelShutdown(direction);
  }

  override fireExceptionCaught(error: Error): void {
    this.log(`fires exceptionCaught ${error.message}`);
    super.fireExceptionCaught(error);
  }

  override write(message: unknown): WriteFuture {
    this.log(`calls write ${messageText(message)}`);
    return super.write(message);
  }

  override flush(): void {
    this.log('calls flush');
    super.flush();
  }

  override shutdown(direction: Direction = 'output'): WriteFuture {
    this.log(`calls shutdown ${direction}`);
    return super.shutdown(direction);
  }

  override close(reason: CloseReason = 'local'): WriteFuture {
    this.log(`calls close ${reason}`);
    return super.close(reason);
  }

  private log(text: string): void {
    const { channel } = this;
    channel.logger.log('debug', `${channel} ${this.name} ${text}`);
  }
}
