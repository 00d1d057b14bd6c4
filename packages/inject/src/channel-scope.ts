import { AttributeKey, type Channel } from '@headrace/core';
import { callSafely } from '@headrace/core/authoring';
import { type Token, token } from './token.ts';
import type { DependencyContainer, InjectionToken } from './tsyringe.ts';

/** The channel that a scope belongs to: inject it into what serves one connection. */
export const CHANNEL: Token<Channel> = token<Channel>('channel');

/** An object that is disposed with its scope. */
interface Disposable {
  dispose(): unknown;
}

/** The list that tsyringe keeps of the objects that it made and that have a `dispose`, in their order. */
interface Keeper {
  readonly disposables?: Set<Disposable>;
}

const SCOPE = new AttributeKey<ChannelScope>('inject.scope');

/**
 * The container of one channel: a child of the application's, with the channel itself in it. What it made is
 * disposed when the channel has closed and its handlers are gone, the last first; one that throws does not stop
 * the others from being disposed.
 */
export class ChannelScope {
  readonly channel: Channel;
  private readonly container: DependencyContainer;
  private readonly tasks: (() => unknown)[] = [];
  private isOver = false;

  /** @param parent - should hold few registrations: a child container looks at each of its parent's */
  constructor(parent: DependencyContainer, channel: Channel) {
    this.channel = channel;
    this.container = parent.createChildContainer().register(CHANNEL, { useValue: channel });
    channel.attributes.set(SCOPE, this);
    // The handlers are notified of the close with the next task, and may use what they were made with until then.
    const { clock } = channel;
    channel.onClosed(() => clock.execute(() => clock.execute(() => this.dispose())));
  }

  /** The scope of a channel whose pipeline a container built. */
  static of(channel: Channel): ChannelScope | undefined {
    return channel.attributes.get(SCOPE);
  }

  /** True from its disposal on; then it resolves nothing more. */
  get isDisposed(): boolean {
    return this.isOver;
  }

  /** Makes, or finds, what the token stands for. Do it while the pipeline is built, not per message. */
  resolve<T>(what: Token<T>): T;
  resolve<T>(what: InjectionToken<T>): T;
  resolve<T>(what: InjectionToken<T>): T {
    if (this.isOver) throw new Error(`${this.channel} is closed, its scope resolves nothing more`);
    return this.container.resolve(what);
  }

  /** A value of this channel, for what is resolved after it. */
  provide<T>(what: Token<T> | InjectionToken<T>, value: T): this {
    this.container.register(what as InjectionToken<T>, { useValue: value });
    return this;
  }

  /** Runs a task when the channel has closed and its handlers are gone, before what was made is disposed. */
  onDispose(task: () => unknown): void {
    this.tasks.push(task);
  }

  /** Called when the channel has closed; further calls do nothing. */
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
