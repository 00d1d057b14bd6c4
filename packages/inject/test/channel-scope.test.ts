import { type Context, type Handler, type Logger, systemClock } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  CHANNEL,
  ChannelScope,
  container,
  containerInitializer,
  type DependencyContainer,
  inject,
  injectable,
  Lifecycle,
  scoped,
  singleton,
  token,
} from '../src/index.ts';

const LOG = token<string[]>('log');
const NAME = token<string>('name');

@injectable()
class Store {
  private readonly log: string[];
  constructor(@inject(LOG) log: string[]) {
    this.log = log;
    log.push('store made');
  }
  dispose(): void {
    this.log.push('store gone');
  }
}

@injectable()
class First implements Handler {
  readonly store: Store;
  readonly channel: unknown;
  private readonly log: string[];
  constructor(
    @inject(Store) store: Store,
    @inject(CHANNEL) channel: unknown,
    @inject(LOG) log: string[],
  ) {
    this.store = store;
    this.channel = channel;
    this.log = log;
  }
  channelActive(ctx: Context): void {
    ctx.fireChannelActive();
  }
  dispose(): void {
    this.log.push('first gone');
  }
}

/** By type alone, from the compiler's metadata. */
@injectable()
class ByType {
  readonly store: Store;
  constructor(store: Store) {
    this.store = store;
  }
}

@injectable()
class Breaks {
  dispose(): void {
    throw new Error('cannot');
  }
}

@injectable()
class BreaksLater {
  dispose(): Promise<void> {
    return Promise.reject(new Error('could not'));
  }
}

@scoped(Lifecycle.ContainerScoped)
class PerChannel {}

@singleton()
class Shared {
  isDisposed = false;
  dispose(): void {
    this.isDisposed = true;
  }
}

function application(): { log: string[]; app: DependencyContainer } {
  const log: string[] = [];
  return { log, app: container.createChildContainer().register(LOG, { useValue: log }) };
}

describe('containerInitializer', () => {
  it('makes handlers with what they need, the channel among it', () => {
    const { app } = application();
    const channel = new EmbeddedChannel();
    const build = containerInitializer<unknown, unknown>(app, (scope, { pipeline }) =>
      pipeline.addLast(scope.resolve(First)),
    );
    build(channel);
    const first = channel.pipeline.get(First);
    expect(first?.store).toBeInstanceOf(Store);
    expect(first?.channel).toBe(channel);
    expect(ChannelScope.of(channel)).toBeDefined();
  });

  it('injects by type where the compiler emits metadata', () => {
    const { app } = application();
    const scope = new ChannelScope(app, new EmbeddedChannel());
    expect(scope.resolve(ByType).store).toBeInstanceOf(Store);
  });

  it('disposes what a channel made when it closes, the last first, and nothing twice', () => {
    const { app, log } = application();
    const channel = new EmbeddedChannel();
    const scope = new ChannelScope(app, channel);
    scope.resolve(First);
    scope.onDispose(() => log.push('task'));
    expect(log).toEqual(['store made']);
    channel.close();
    expect(log).toEqual(['store made', 'task', 'first gone', 'store gone']);
    scope.dispose();
    expect(log).toHaveLength(4);
    expect(scope.isDisposed).toBe(true);
    expect(() => scope.resolve(First)).toThrow('resolves nothing more');
    expect(ChannelScope.of(channel)).toBeUndefined();
  });

  it('disposes a handler after it has heard of the end', () => {
    const { app, log } = application();
    const channel = new EmbeddedChannel();
    const scope = new ChannelScope(app, channel);
    const first = scope.resolve(First);
    channel.pipeline.addLast(first, {
      channelInactive: () => void log.push('inactive'),
      handlerRemoved: () => void log.push('removed'),
    });
    channel.close();
    expect(log).toEqual(['store made', 'inactive', 'removed', 'first gone', 'store gone']);
  });

  it('keeps one failed dispose from the others, and logs it', async () => {
    const { app, log } = application();
    const logger: Logger = { log: (_level, text, error) => log.push(`${text}: ${error?.message}`) };
    const channel = EmbeddedChannel.with({ logger });
    const scope = new ChannelScope(app, channel);
    scope.resolve(Store);
    scope.resolve(Breaks);
    scope.resolve(BreaksLater);
    channel.close();
    await new Promise((resolve) => systemClock.execute(() => resolve(undefined)));
    expect(log).toEqual([
      'store made',
      expect.stringContaining('a dispose failed: cannot'),
      'store gone',
      expect.stringContaining('a dispose failed: could not'),
    ]);
  });

  it('gives each channel its own scoped instance, and the same one to all of its handlers', () => {
    const { app } = application();
    const [one, two] = [new EmbeddedChannel(), new EmbeddedChannel()];
    const scopes = [one, two].map(
      (channel) => new ChannelScope(app.createChildContainer(), channel),
    );
    expect(scopes[0]!.resolve(PerChannel)).toBe(scopes[0]!.resolve(PerChannel));
    expect(scopes[0]!.resolve(PerChannel)).not.toBe(scopes[1]!.resolve(PerChannel));
  });

  it('keeps values of one channel from the others', () => {
    const { app } = application();
    const scopes = [1, 2].map(() => new ChannelScope(app, new EmbeddedChannel()));
    scopes[0]!.provide(NAME, 'ann');
    expect(scopes[0]!.resolve(NAME)).toBe('ann');
    expect(() => scopes[1]!.resolve(NAME)).toThrow('unregistered');
  });

  it('makes the named singletons at the start, so that no channel owns them', () => {
    const { app } = application();
    let shared: Shared | undefined;
    const build = containerInitializer<unknown, unknown>(
      app,
      (scope) => {
        shared = scope.resolve(Shared);
      },
      { singletons: [Shared] },
    );
    const channel = new EmbeddedChannel();
    build(channel);
    channel.close();
    expect(shared?.isDisposed).toBe(false);
    expect(container.resolve(Shared)).toBe(shared);
  });

  it('leaves nothing behind of 10,000 channels', async () => {
    const { app } = application();
    const parent = app.createChildContainer();
    const refs: WeakRef<ChannelScope>[] = [];
    const run = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const channel = new EmbeddedChannel();
        const scope = new ChannelScope(parent, channel);
        scope.resolve(First);
        if (i % 100 === 0) refs.push(new WeakRef(scope));
        channel.close();
      }
    };
    run(10_000);
    await new Promise(setImmediate);
    (globalThis as { gc?: () => void }).gc!();
    const alive = refs.filter((ref) => ref.deref() !== undefined).length;
    expect(refs).toHaveLength(100);
    expect(alive).toBeLessThan(3);
  });
});
