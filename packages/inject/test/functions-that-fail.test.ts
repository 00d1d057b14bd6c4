import { Bootstrap, type Logger, MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { EmbeddedChannel, passTime, VirtualClock } from '@headrace/core/testing';
import { expect } from 'vitest';
import { type Attempt, describeFunctions } from '../../core/test/fixture/function-options.ts';
import { ChannelScope, container, containerInitializer, token } from '../src/index.ts';

const loggerOf = (errors: string[]): Logger => ({
  log: (_level, text, error) => void errors.push(`${text} ${error?.message}`),
});

/** A scope whose channel closes; the task before, which is run after, is run all the same. */
function closing(use: (scope: ChannelScope, fails: () => unknown) => void): Attempt {
  return (fails, errors) => {
    const channel = EmbeddedChannel.with({ logger: loggerOf(errors) });
    const scope = new ChannelScope(container, channel);
    let ran = 0;
    scope.onDispose(() => {
      ran += 1;
    });
    use(scope, fails);
    channel.close();
    expect(ran).toBe(1);
  };
}

const THING = token<{ dispose(): unknown }>('thing');

describeFunctions(new URL('../src/', import.meta.url), {
  'containerInitializer build': async (build, errors) => {
    const clock = new VirtualClock();
    const logger = loggerOf(errors);
    const network = new MemoryNetwork();
    const binding = new ServerBootstrap()
      .options({ clock, logger })
      .childOptions({ clock, logger })
      .childHandler(containerInitializer(container, build))
      .bind({ network, name: 'a' });
    await passTime(clock, 1);
    const server = await binding;
    const client = new Bootstrap().options({ clock, logger }).handler(() => {});
    const connecting = client.connect({ network, name: 'a' });
    await passTime(clock, 1);
    (await connecting).abort();
    expect(server.channel.isOpen).toBe(true);
    const over = server.shutdown();
    await passTime(clock, 1000);
    await over;
  },
  'ChannelScope.onDispose': closing((scope, task) => scope.onDispose(task)),
  'dispose of what was injected': closing((scope, dispose) => {
    class Thing {
      dispose = dispose;
    }
    scope.provide(THING, new Thing());
    scope.resolve(Thing);
  }),
});
