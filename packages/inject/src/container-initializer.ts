import type { Channel, OutboundBytes } from '@headrace/core';
import { describeOptions, list } from '@headrace/core/authoring';
import { ChannelScope } from './channel-scope.ts';
import type { DependencyContainer, InjectionToken } from './tsyringe.ts';

/** Options of {@link containerInitializer}. */
export interface ContainerInitializerOptions {
  /**
   * Tokens that the application's container resolves at once. Otherwise a singleton that is first resolved for a channel
   * would receive that channel's objects, and be disposed with them.
   * @default []
   */
  readonly singletons?: readonly InjectionToken<unknown>[];
}

const OPTIONS = describeOptions('containerInitializer', {
  singletons: list('a list of tokens', { default: [] }),
});

/**
 * Returns an initializer that builds pipelines with a container. Each channel has a child container, in which the channel is
 * registered. The child container is disposed when the channel has closed.
 *
 * @param build - adds the channel's handlers; `scope.resolve` creates them
 *
 * @example
 * ```ts run
 * import { type Context, type Handler, ServerBootstrap } from '@headrace/core';
 * import { container, containerInitializer, inject, injectable, token } from '@headrace/inject';
 *
 * const GREETING = token<string>('greeting');
 *
 * @injectable()
 * class Greeter implements Handler {
 *   constructor(@inject(GREETING) private readonly greeting: string) {}
 *   channelActive(ctx: Context): void {
 *     ctx.writeAndFlush(Buffer.from(this.greeting));
 *   }
 *   dispose(): void {}
 * }
 *
 * const application = container.createChildContainer().register(GREETING, { useValue: 'hello\n' });
 * const server = await new ServerBootstrap()
 *   .childHandler(containerInitializer(application, (scope, channel) =>
 *     channel.pipeline.addLast(scope.resolve(Greeter)),
 *   ))
 *   .bind({ port: 0, host: '127.0.0.1' });
 * await server.shutdown();
 * ```
 */
export function containerInitializer<R = Buffer, W = OutboundBytes>(
  container: DependencyContainer,
  build: (scope: ChannelScope, channel: Channel<R, W>) => unknown,
  options: ContainerInitializerOptions = {},
): (channel: Channel<R, W>) => void {
  for (const singleton of OPTIONS.resolve(options).singletons) container.resolve(singleton);
  // Children of an empty container are cheap, even if the application has many registrations.
  const parent = container.createChildContainer();
  // The bootstrap checks the returned value, which can be a promise.
  return (channel) => build(new ChannelScope(parent, channel as Channel), channel);
}
