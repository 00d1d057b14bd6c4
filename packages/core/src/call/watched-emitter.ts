import { EventEmitter } from 'eventemitter3';
import { callSafely } from './call-safely.ts';

// biome-ignore lint/suspicious/noExplicitAny: the arguments of any event
type Listener = (...args: any[]) => unknown;

/**
 * An event emitter that reports an error or a rejection of a listener. The other listeners are still called, and the program
 * continues.
 */
export abstract class WatchedEmitter<
  Events extends EventEmitter.ValidEventTypes,
> extends EventEmitter<Events> {
  /** Wrapped listener of each listener that was added. */
  private readonly watched = new WeakMap<Listener, Listener>();

  /** Called when a listener threw an error or its promise was rejected. */
  protected abstract listenerFailed(event: string, args: readonly unknown[], error: Error): void;

  /** Called after a listener was added or removed, for an object that is kept while it has listeners. If it throws, the listener is not added. */
  protected listenersChanged(): void {}

  override on<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    super.on(event, this.watch(event, listener), context);
    return this.added(event, listener);
  }

  override addListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context);
  }

  override once<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    super.once(event, this.watch(event, listener), context);
    return this.added(event, listener);
  }

  override removeListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    const watched = listener && (this.watched.get(listener as Listener) ?? listener);
    super.removeListener(event, watched as typeof listener, context, once);
    this.listenersChanged();
    return this;
  }

  override removeAllListeners(event?: EventEmitter.EventNames<Events>): this {
    super.removeAllListeners(event);
    this.listenersChanged();
    return this;
  }

  override off<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.removeListener(event, listener, context, once);
  }

  private added<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
  ): this {
    try {
      this.listenersChanged();
    } catch (thrown) {
      super.removeListener(event, this.watch(event, listener));
      throw thrown;
    }
    return this;
  }

  private watch<L>(event: PropertyKey, listener: L): L {
    const own = listener as Listener;
    const known = this.watched.get(own);
    if (known !== undefined) return known as L;
    const emitter = this;
    const watched = function (this: unknown, ...args: unknown[]): void {
      const call = (): unknown => own.apply(this, args);
      callSafely(call, undefined, (error) => emitter.listenerFailed(String(event), args, error));
    };
    this.watched.set(own, watched);
    return watched as L;
  }
}
