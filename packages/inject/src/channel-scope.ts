import { AttributeKey, type Channel } from '@headrace/core';
import { callSafely } from '@headrace/core/authoring';
import { type Token, token } from './token.ts';
import type { DependencyContainer, InjectionToken } from './tsyringe.ts';

/** The token for the channel of a scope. Inject it into objects that serve one connection. */
export const CHANNEL: Token<Channel> = token<Channel>('channel');

/** An object that is disposed with its scope. */
interface Disposable {
  dispose(): unknown;
}

/** The list that tsyringe keeps of the objects that it created and that have a `dispose`, in their order. */
interface Keeper {
  readonly disposables?: Set<Disposable>;
}

const SCOPE = new AttributeKey<ChannelScope>('inject.scope');

/**
 * The container of one channel: a child of the application's container, in which the channel is registered. After the channel
 * has closed and its handlers are removed, its objects are disposed in reverse order. If a `dispose` throws, the other
 * objects are still disposed.
 */
export class ChannelScope {
  readonly channel: Channel;
  private readonly container: DependencyContainer;
  private readonly tasks: (() => unknown)[] = [];
  private isOver = false;

  /** @param parent - container with few registrations, because a child container checks each registration of its parent */
  constructor(parent: DependencyContainer, channel: Channel) {
    this.channel = channel;
    this.container = parent.createChildContainer().register(CHANNEL, { useValue: channel });
    channel.attributes.set(SCOPE, this);
    // The handlers are notified of the close in the next task, and can use their objects until then.
    const { clock } = channel;
    channel.onClosed(() => clock.execute(() => clock.execute(() => this.dispose())));
  }

  /** Returns the scope of a channel whose pipeline a container built. */
  static of(channel: Channel): ChannelScope | undefined {
    return channel.attributes.get(SCOPE);
  }

  /** Whether the scope was disposed. A disposed scope resolves nothing. */
  get isDisposed(): boolean {
    return this.isOver;
  }

  /**
   * Returns the object for a token, and creates it if necessary. Call it while the pipeline is built, not for each message.
   */
  resolve<T>(what: Token<T>): T;
  resolve<T>(what: InjectionToken<T>): T;
  resolve<T>(what: InjectionToken<T>): T {
    if (this.isOver) throw new Error(`${this.channel} is closed, its scope resolves nothing more`);
    return this.container.resolve(what);
  }

  /** Registers a value of this channel, for objects that are resolved later. */
  provide<T>(what: Token<T> | InjectionToken<T>, value: T): this {
    this.container.register(what as InjectionToken<T>, { useValue: value });
    return this;
  }

  /** Adds a task that runs after the channel has closed and its handlers are removed, before the objects are disposed. */
  onDispose(task: () => unknown): void {
    this.tasks.push(task);
  }

  /** Disposes the scope, as the close of the channel does. Further calls do nothing. */
  dispose(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.channel.attributes.set(SCOPE, undefined);
    const made = (this.container as Keeper).disposables;
    const things = [...(made ?? [this.container])];
    made?.clear();
    for (const task of this.tasks.splice(0).reverse()) this.attempt(task);
    for (const thing of things.reverse()) this.attempt(() => thing.dispose());
  }

  private attempt(task: () => unknown): void {
    const { channel } = this;
    callSafely(task, undefined, (error) =>
      channel.logger.log('error', `${channel} a dispose failed`, error),
    );
  }
}
