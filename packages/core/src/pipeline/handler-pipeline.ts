import type { Handler, HandlerRef } from '../contract.ts';
import { PipelineError, toError } from '../errors.ts';
import { onRejection } from '../internal/promise-like.ts';
import { has, linkPast, linkReplaced, linkUp } from './context-links.ts';
import { ADDED, type ContextOwner, HandlerContext, REMOVED } from './handler-context.ts';
import * as mask from './handler-mask.ts';
import { ENDS, type PipelineHost } from './pipeline-ends.ts';
import { PipelineFlow } from './pipeline-flow.ts';
import { markServed } from './served-mark.ts';

/** The first generated name of each class: all channels share the string. */
const firstNames = new WeakMap<object, string>();

/** The pipeline of one channel. */
export class HandlerPipeline extends PipelineFlow implements ContextOwner {
  readonly ends: HandlerContext;
  readInterceptor: HandlerContext | undefined;
  flushInterceptor: HandlerContext | undefined;
  protected lastWriter: HandlerContext;
  /** `handlerAdded` and `handlerRemoved` calls that wait for the channel's registration. */
  private waiting: { readonly context: HandlerContext; readonly added: boolean }[] | undefined;
  private destroyed = false;

  constructor(host: PipelineHost) {
    super(host);
    const ends = new HandlerContext(this, ENDS, 'ends');
    ends.bits |= ADDED;
    this.ends = ends;
    this.readInterceptor = ends;
    this.flushInterceptor = ends;
    this.lastWriter = ends;
  }

  // --- the list ---

  addLast(...args: readonly unknown[]): never {
    this.addAll(args, () => this.ends);
    return this as never;
  }

  addFirst(...args: readonly unknown[]): this {
    let { next } = this.ends;
    this.addAll(args, () => {
      // A handler that comes may send away the one that was first.
      while (next !== this.ends && next.next.prev !== next) next = next.next;
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
    return this.unlink(this.contextOrThrow(ref));
  }

  removeIfExists(ref: HandlerRef): Handler | undefined {
    const context = this.find(ref);
    return context === undefined ? undefined : this.unlink(context);
  }

  removeFirst(): Handler {
    return this.unlink(this.orThrow(this.firstContext(), 'the first handler'));
  }

  removeLast(): Handler {
    return this.unlink(this.orThrow(this.lastContext(), 'the last handler'));
  }

  replace(ref: HandlerRef, handler: Handler, name?: string): Handler {
    const old = this.contextOrThrow(ref);
    const keepsName = name === old.name;
    const fresh = this.make(
      handler,
      keepsName ? undefined : name,
      keepsName ? old.name : undefined,
    );
    fresh.prev = old.prev;
    fresh.next = old.next;
    old.prev.next = fresh;
    old.next.prev = fresh;
    linkUp(fresh);
    linkReplaced(old, fresh);
    this.findInterceptors(old);
    this.findInterceptors(fresh);
    this.announceAdded(fresh);
    this.announceRemoved(old);
    return old.handler;
  }

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
    return this.ends.next === this.ends ? undefined : this.ends.next;
  }

  lastContext(): HandlerContext | undefined {
    return this.ends.prev === this.ends ? undefined : this.ends.prev;
  }

  names(): string[] {
    return Array.from(this, ([name]) => name);
  }

  toMap(): Map<string, Handler> {
    return new Map(this);
  }

  *[Symbol.iterator](): Generator<[string, Handler]> {
    const contexts: HandlerContext[] = [];
    for (let c = this.ends.next; c !== this.ends; c = c.next) contexts.push(c);
    for (const context of contexts) yield [context.name, context.handler];
  }

  // --- the channel's life ---

  /** The channel is registered: the handlers added so far hear of it, in order. */
  announceRegistered(): void {
    for (let i = 0; this.waiting !== undefined && i < this.waiting.length; i++) {
      const { context, added } = this.waiting[i]!;
      if (added) this.callHandlerAdded(context);
      else this.callHandlerRemoved(context);
    }
    this.waiting = undefined;
  }

  /** The channel is unregistered: the handlers go, the last one first. */
  destroy(): void {
    this.destroyed = true;
    this.waiting = undefined;
    while (this.ends.prev !== this.ends) this.unlink(this.ends.prev);
  }

  // --- inside ---

  /** One at a time, so that a handler which adds others from `handlerAdded` finds its neighbours in order. */
  private addAll(args: readonly unknown[], nextOf: () => HandlerContext): void {
    if (typeof args[0] === 'string') {
      this.insert(args[1] as Handler, args[0], nextOf);
      return;
    }
    for (const handler of args) this.insert(handler as Handler, undefined, nextOf);
  }

  private insert(handler: Handler, name: string | undefined, nextOf: () => HandlerContext): void {
    const next = nextOf();
    const context = this.make(handler, name);
    context.prev = next.prev;
    context.next = next;
    next.prev.next = context;
    next.prev = context;
    linkUp(context);
    this.findInterceptors(context);
    this.announceAdded(context);
  }

  /** Checks everything before anything changes; the name first, so that a taken name does not use the handler up. */
  private make(handler: Handler, name: string | undefined, keptName?: string): HandlerContext {
    if (this.destroyed) {
      throw new PipelineError(
        'PIPELINE_CLOSED',
        `${classOf(handler)} cannot be added: channel ${this.channel.id} is closed`,
      );
    }
    if (typeof handler !== 'object' || handler === null) {
      throw new PipelineError('PIPELINE_STATE', `${notHandler(handler)} is not a handler`);
    }
    if (name !== undefined && this.findByName(name) !== undefined) {
      throw new PipelineError(
        'PIPELINE_DUPLICATE_NAME',
        `the name "${name}" is taken in this pipeline: ${this.names().join(', ')}`,
        { name },
      );
    }
    if (handler.sharable !== true && !markServed(handler)) throw notSharable(classOf(handler));
    return new HandlerContext(this, handler, name ?? keptName ?? this.generateName(handler));
  }

  private unlink(context: HandlerContext): Handler {
    context.prev.next = context.next;
    context.next.prev = context.prev;
    linkPast(context);
    this.findInterceptors(context);
    this.announceRemoved(context);
    return context.handler;
  }

  private announceAdded(context: HandlerContext): void {
    if (this.host.isRegistered) this.callHandlerAdded(context);
    else {
      this.waiting ??= [];
      this.waiting.push({ context, added: true });
    }
  }

  private announceRemoved(context: HandlerContext): void {
    if (this.waiting !== undefined && isPending(context)) {
      this.waiting.push({ context, added: false });
    } else this.callHandlerRemoved(context);
  }

  private callHandlerAdded(context: HandlerContext): void {
    if (!isPending(context)) return;
    context.bits |= ADDED;
    try {
      const returned: unknown = context.handler.handlerAdded?.(context);
      if (returned !== undefined) onRejection(returned, (error) => this.dropFailed(context, error));
    } catch (thrown) {
      this.dropFailed(context, toError(thrown));
    }
  }

  private dropFailed(context: HandlerContext, error: Error): void {
    let removal = 'it was removed';
    if (has(context, ADDED)) {
      context.prev.next = context.next;
      context.next.prev = context.prev;
      linkPast(context);
      this.findInterceptors(context);
      setRemoved(context);
      try {
        const returned: unknown = context.handler.handlerRemoved?.(context);
        onRejection(returned, (thrown) => this.removeFailed(context, thrown));
      } catch {
        removal = 'its handlerRemoved threw too, it was unlinked all the same';
      }
    }
    const text = `${context.name}.handlerAdded threw (${error.message}); ${removal}`;
    this.fireExceptionCaught(new PipelineError('PIPELINE_HANDLER_FAILED', text, {}, error));
  }

  private callHandlerRemoved(context: HandlerContext): void {
    const wasAdded = has(context, ADDED);
    setRemoved(context);
    if (!wasAdded) return;
    try {
      const returned: unknown = context.handler.handlerRemoved?.(context);
      if (returned !== undefined)
        onRejection(returned, (error) => this.removeFailed(context, error));
    } catch (thrown) {
      this.removeFailed(context, toError(thrown));
    }
  }

  private removeFailed(context: HandlerContext, error: Error): void {
    const text = `${context.name}.handlerRemoved threw (${error.message})`;
    this.fireExceptionCaught(new PipelineError('PIPELINE_HANDLER_FAILED', text, {}, error));
  }

  /** A context has come or gone: does anybody still stand between the application and the transport? */
  private findInterceptors(changed: HandlerContext): void {
    this.lastWriter = this.ends.prevWriter;
    if (has(changed, mask.READ)) this.readInterceptor = this.onlyOneWith(mask.READ);
    if (has(changed, mask.FLUSH)) this.flushInterceptor = this.onlyOneWith(mask.FLUSH);
  }

  /** The one handler that takes this operation; the ends if there is none, `undefined` if there are more. */
  private onlyOneWith(bit: number): HandlerContext | undefined {
    let found = this.ends;
    for (let c = this.ends.next; c !== this.ends; c = c.next) {
      if (!has(c, bit)) continue;
      if (found !== this.ends) return undefined;
      found = c;
    }
    return found;
  }

  private find(ref: HandlerRef): HandlerContext | undefined {
    if (typeof ref === 'string') return this.findByName(ref);
    const byClass = typeof ref === 'function';
    for (let c = this.ends.next; c !== this.ends; c = c.next) {
      if (byClass ? c.handler instanceof ref : c.handler === ref) return c;
    }
    return undefined;
  }

  private findByName(name: string): HandlerContext | undefined {
    for (let c = this.ends.next; c !== this.ends; c = c.next) if (c.name === name) return c;
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
    if (this.findByName(first) === undefined) return first;
    const type = classOf(handler);
    let number = 1;
    while (this.findByName(`${type}#${number}`) !== undefined) number += 1;
    return `${type}#${number}`;
  }
}

/** Its `handlerAdded` has not run. */
function isPending(context: HandlerContext): boolean {
  return (context.bits & (ADDED | REMOVED)) === 0;
}

function setRemoved(context: HandlerContext): void {
  context.bits = (context.bits & ~ADDED) | REMOVED;
}

function classOf(handler: Handler): string {
  const name = handler?.constructor?.name;
  return name === undefined || name === 'Object' || name === '' ? 'Handler' : name;
}

function firstNameOf(handler: Handler): string {
  const type = handler.constructor;
  if (typeof type !== 'function' || type === Object) return 'Handler#0';
  let name = firstNames.get(type);
  if (name === undefined) {
    name = `${classOf(handler)}#0`;
    firstNames.set(type, name);
  }
  return name;
}

function notSharable(type: string): PipelineError {
  return new PipelineError(
    'PIPELINE_NOT_SHARABLE',
    `this ${type} already serves a channel and holds its state; make a new one for each channel: ` +
      `.childHandler((channel) => channel.pipeline.addLast(new ${type}(…))), ` +
      'or set `readonly sharable = true` on a handler without state',
    { handler: type },
  );
}

/** The text of a class or function would be its whole source. */
function notHandler(value: unknown): string {
  return typeof value === 'function'
    ? `the function or class ${value.name || '(without a name)'}`
    : String(value);
}
