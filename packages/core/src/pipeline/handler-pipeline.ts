import { inspect } from 'node:util';
import type { CloseReason } from '../contract/connection.ts';
import type { Channel, Direction, Handler, HandlerRef, WriteFuture } from '../contract.ts';
import { PipelineError, toError } from '../errors.ts';
import { keepIfView, keepLoan } from '../transport/read-loan.ts';
import { checkEventOrder } from './event-order.ts';
import { type ContextOwner, HandlerContext, noMessage } from './handler-context.ts';
import { callHandlerAdded, callHandlerRemoved, isPending } from './handler-life.ts';
import { ADDED } from './handler-mask.ts';
import { classOf, firstNameOf, nameForOneText, nextName, notHandlerText } from './handler-names.ts';
import { insertBefore, type Ring, replace, unlink } from './handler-ring.ts';
import { HEAD_AND_TAIL, type HostOutput, type PipelineHost } from './head-and-tail.ts';
import { allDeclared } from './kept-reads.ts';
import { markServed } from './served-mark.ts';
import { isTemplate } from './template-mark.ts';
import { contextFor } from './traced-context.ts';

/** The pipeline of one channel: a ring of contexts, with entries at its head and its tail. */
export class HandlerPipeline implements ContextOwner, Ring<HandlerContext> {
  readonly host: PipelineHost;
  /** Copy of the host's field, because each message needs it. */
  readonly channel: Channel;
  readonly output: HostOutput;
  readonly headTail: HandlerContext;
  readInterceptor: HandlerContext | undefined;
  flushInterceptor: HandlerContext | undefined;
  lastWriter: HandlerContext;
  /** `handlerAdded` and `handlerRemoved` calls that wait for the registration of the channel. */
  private waiting: { readonly context: HandlerContext; readonly added: boolean }[] | undefined =
    undefined;
  private destroyed = false;
  /** Answer of {@link keepsNoReads}; `undefined` after a change of the handlers. */
  private declared: boolean | undefined = undefined;

  constructor(host: PipelineHost) {
    this.host = host;
    this.channel = host.channel;
    this.output = host.output;
    const headTail = new HandlerContext(this, HEAD_AND_TAIL, 'headTail');
    headTail.bits |= ADDED;
    this.headTail = headTail;
    this.readInterceptor = headTail;
    this.flushInterceptor = headTail;
    this.lastWriter = headTail;
  }

  // --- inbound, from the head ---

  fireChannelRegistered(): void {
    this.headTail.fireChannelRegistered();
  }

  fireChannelActive(): void {
    this.headTail.fireChannelActive();
    this.host.reading.requestIfAuto();
  }

  fireChannelRead(message: unknown): void {
    this.headTail.nextReader.invokeChannelRead(message);
  }

  fireChannelReadComplete(): void {
    this.headTail.fireChannelReadComplete();
    this.host.reading.requestIfAuto();
  }

  fireChannelWritabilityChanged(): void {
    this.headTail.fireChannelWritabilityChanged();
  }

  fireUserEventTriggered(event: unknown): void {
    this.headTail.fireUserEventTriggered(event);
  }

  fireChannelShutdown(direction: Direction): void {
    this.headTail.fireChannelShutdown(direction);
  }

  fireChannelInactive(): void {
    this.headTail.fireChannelInactive();
  }

  fireChannelUnregistered(): void {
    this.headTail.fireChannelUnregistered();
  }

  fireExceptionCaught(error: Error): void {
    this.headTail.fireExceptionCaught(error);
  }

  // --- outbound, from the tail ---

  read(): void {
    const { readInterceptor } = this;
    if (readInterceptor === this.headTail) this.readOut();
    else if (readInterceptor === undefined) this.headTail.read();
    else readInterceptor.invokeRead();
  }

  write(message: unknown): WriteFuture {
    if (message === undefined || message === null) throw noMessage(message);
    // Handlers that see no reads may keep their writes.
    keepIfView(message);
    const { lastWriter } = this;
    return lastWriter === this.headTail ? this.writeOut(message) : lastWriter.invokeWrite(message);
  }

  flush(): void {
    const { flushInterceptor } = this;
    if (flushInterceptor === this.headTail) this.flushOut();
    else if (flushInterceptor === undefined) this.headTail.flush();
    else flushInterceptor.invokeFlush();
  }

  writeAndFlush(message: unknown): WriteFuture {
    const future = this.write(message);
    this.flush();
    return future;
  }

  shutdown(direction: Direction = 'output'): WriteFuture {
    return this.headTail.shutdown(direction);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    return this.headTail.close(reason);
  }

  // --- for the contexts ---

  writeOut(message: unknown): WriteFuture {
    try {
      return this.output.write(message);
    } catch (thrown) {
      return this.output.failedWrite(toError(thrown));
    }
  }

  readOut(): void {
    try {
      this.host.reading.request();
    } catch (thrown) {
      this.headTail.fireExceptionCaught(toError(thrown));
    }
  }

  flushOut(): void {
    try {
      this.output.flush();
    } catch (thrown) {
      this.headTail.fireExceptionCaught(toError(thrown));
    }
  }

  exceptionHandlerFailed(context: HandlerContext, thrown: Error, original: Error): void {
    this.host.exceptionHandlerFailed(context.name, thrown, original);
  }

  reportFailure(future: WriteFuture): void {
    this.output.reportFailure(future);
  }

  // --- adding and removing handlers ---

  addLast(...args: readonly unknown[]): never {
    this.addAll(args, () => this.headTail);
    return this as never;
  }

  addFirst(...args: readonly unknown[]): this {
    let { next } = this.headTail;
    this.addAll(args, () => {
      // A handler that is added can remove the handler that was first.
      while (next !== this.headTail && next.next.prev !== next) next = next.next;
      return next;
    });
    return this;
  }

  addBefore(base: HandlerRef, handler: Handler, name?: string): this {
    this.insert(handler, name, () => this.contextOrThrow(base));
    return this;
  }

  addAfter(base: HandlerRef, handler: Handler, name?: string): this {
    this.insert(handler, name, () => this.contextOrThrow(base).next);
    return this;
  }

  remove(ref: HandlerRef): Handler {
    return this.take(this.contextOrThrow(ref));
  }

  removeIfExists(ref: HandlerRef): Handler | undefined {
    const context = this.find(ref);
    return context === undefined ? undefined : this.take(context);
  }

  removeFirst(): Handler {
    return this.take(this.orThrow(this.firstContext(), 'the first handler'));
  }

  removeLast(): Handler {
    return this.take(this.orThrow(this.lastContext(), 'the last handler'));
  }

  replace(ref: HandlerRef, handler: Handler, name?: string): Handler {
    const old = this.contextOrThrow(ref);
    const keepsName = name === old.name;
    const fresh = this.make(
      handler,
      old,
      keepsName ? undefined : name,
      keepsName ? old.name : undefined,
    );
    replace(this, old, fresh);
    this.changed();
    this.announceAdded(fresh);
    this.announceRemoved(old);
    return old.handler;
  }

  // --- look-up ---

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the contract
  get(ref: HandlerRef): any {
    return this.find(ref)?.handler;
  }

  context(ref: HandlerRef): HandlerContext | undefined {
    return this.find(ref);
  }

  first(): Handler | undefined {
    return this.firstContext()?.handler;
  }

  last(): Handler | undefined {
    return this.lastContext()?.handler;
  }

  firstContext(): HandlerContext | undefined {
    return this.headTail.next === this.headTail ? undefined : this.headTail.next;
  }

  lastContext(): HandlerContext | undefined {
    return this.headTail.prev === this.headTail ? undefined : this.headTail.prev;
  }

  /** The only handler, or `undefined` if there is none or more than one. */
  get only(): Handler | undefined {
    return this.headTail.next === this.headTail.prev ? this.first() : undefined;
  }

  /** Whether no handler keeps a view of the bytes of a read after its burst. */
  get keepsNoReads(): boolean {
    this.declared ??= this.askHandlers();
    return this.declared;
  }

  names(): string[] {
    const names: string[] = [];
    for (let c = this.headTail.next; c !== this.headTail; c = c.next) names.push(c.name);
    return names;
  }

  toMap(): Map<string, Handler> {
    return new Map(this);
  }

  *[Symbol.iterator](): Generator<[string, Handler]> {
    const contexts: HandlerContext[] = [];
    for (let c = this.headTail.next; c !== this.headTail; c = c.next) contexts.push(c);
    for (const context of contexts) yield [context.name, context.handler];
  }

  toString(): string {
    const all = Array.from(this, ([name, handler]) => `(${name} = ${classOf(handler)})`);
    return `Pipeline{${all.join(', ')}}`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  // --- the channel's life ---

  /** Called when the channel is registered. Calls `handlerAdded` of the present handlers, in order. */
  announceRegistered(): void {
    for (let i = 0; this.waiting !== undefined && i < this.waiting.length; i++) {
      const { context, added } = this.waiting[i]!;
      if (added) callHandlerAdded(this, context);
      else callHandlerRemoved(this, context);
    }
    this.waiting = undefined;
  }

  /** Called when the channel is unregistered. Removes the handlers, the last one first. */
  destroy(): void {
    this.destroyed = true;
    this.waiting = undefined;
    while (this.headTail.prev !== this.headTail) this.take(this.headTail.prev);
  }

  // --- internal ---

  /** Adds the handlers one by one, so that a handler that adds others in `handlerAdded` finds its neighbors in order. */
  private addAll(args: readonly unknown[], nextOf: () => HandlerContext): void {
    if (typeof args[0] === 'string') {
      if (args.length > 2) throw new PipelineError('PIPELINE_STATE', nameForOneText(args[0]));
      this.insert(args[1] as Handler, args[0], nextOf);
      return;
    }
    for (const handler of args) this.insert(handler as Handler, undefined, nextOf);
  }

  private insert(handler: Handler, name: string | undefined, nextOf: () => HandlerContext): void {
    // As in Netty, a name that is taken is reported before an unknown base.
    this.checkName(name);
    const next = nextOf();
    const context = this.make(handler, { prev: next.prev, next }, name);
    insertBefore(this, context, next);
    this.changed();
    this.announceAdded(context);
  }

  /** Checks everything before any change. The name is checked first, so that a taken name does not mark the handler as used. */
  private make(
    handler: Handler,
    place: Pick<HandlerContext, 'prev' | 'next'>,
    name: string | undefined,
    keptName?: string,
  ): HandlerContext {
    if (this.destroyed) {
      throw new PipelineError(
        'PIPELINE_CLOSED',
        `${classOf(handler)} cannot be added: channel ${this.channel.id} is closed`,
      );
    }
    if (typeof handler !== 'object' || handler === null || Array.isArray(handler)) {
      throw new PipelineError('PIPELINE_STATE', notHandlerText(handler));
    }
    if (isTemplate(handler)) throw templateAsHandler();
    this.checkName(name);
    if (handler.userEvents !== undefined) checkEventOrder(handler, place, this.headTail);
    if (handler.sharable !== true && !markServed(handler))
      throw notSharable(classOf(handler), this.channel);
    return contextFor(this, handler, name ?? keptName ?? this.generateName(handler));
  }

  private checkName(name: string | undefined): void {
    if (name !== undefined && this.findByName(name) !== undefined) {
      throw new PipelineError(
        'PIPELINE_DUPLICATE_NAME',
        `the name "${name}" is taken in this pipeline: ${this.names().join(', ')}`,
        { name },
      );
    }
  }

  private take(context: HandlerContext): Handler {
    unlink(this, context);
    this.changed();
    this.announceRemoved(context);
    return context.handler;
  }

  private askHandlers(): boolean {
    try {
      return allDeclared(this.headTail);
    } catch {
      // A property of a handler threw.
      return false;
    }
  }

  /** A handler that sees the rest of a burst may keep it. */
  private changed(): void {
    this.declared = undefined;
    keepLoan();
  }

  private announceAdded(context: HandlerContext): void {
    if (this.host.isRegistered) callHandlerAdded(this, context);
    else {
      this.waiting ??= [];
      this.waiting.push({ context, added: true });
    }
  }

  private announceRemoved(context: HandlerContext): void {
    if (this.waiting !== undefined && isPending(context)) {
      this.waiting.push({ context, added: false });
    } else callHandlerRemoved(this, context);
  }

  private find(ref: HandlerRef): HandlerContext | undefined {
    if (typeof ref === 'string') return this.findByName(ref);
    const byClass = typeof ref === 'function';
    for (let c = this.headTail.next; c !== this.headTail; c = c.next) {
      if (byClass ? c.handler instanceof ref : c.handler === ref) return c;
    }
    return undefined;
  }

  private findByName(name: string): HandlerContext | undefined {
    for (let c = this.headTail.next; c !== this.headTail; c = c.next) if (c.name === name) return c;
    return undefined;
  }

  private contextOrThrow(ref: HandlerRef): HandlerContext {
    const name =
      typeof ref === 'string' ? `"${ref}"` : typeof ref === 'function' ? ref.name : classOf(ref);
    return this.orThrow(this.find(ref), name);
  }

  private orThrow(context: HandlerContext | undefined, what: string): HandlerContext {
    if (context !== undefined) return context;
    throw new PipelineError(
      'PIPELINE_UNKNOWN_NAME',
      `${what} is not in this pipeline: ${this.names().join(', ') || '(empty)'}`,
      { name: what },
    );
  }

  private generateName(handler: Handler): string {
    const first = firstNameOf(handler);
    return this.findByName(first) === undefined ? first : nextName(first, this.names());
  }
}

function templateAsHandler(): PipelineError {
  return new PipelineError(
    'PIPELINE_STATE',
    'a pipeline() template is not a handler, it adds some: template.initialize(channel); a bootstrap takes it as it is: .childHandler(template)',
  );
}

function notSharable(type: string, { parent }: Channel): PipelineError {
  const initializer = parent?.isServer === true ? '.childHandler' : '.handler';
  return new PipelineError(
    'PIPELINE_NOT_SHARABLE',
    `this ${type} already serves a channel and holds its state; make a new one for each channel: ` +
      `${initializer}((channel) => channel.pipeline.addLast(new ${type}(…))), ` +
      'or set `readonly sharable = true` on a handler without state',
    { handler: type },
  );
}
