import { ChannelGroup, type Handler } from '@headrace/core';
import { EmbeddedChannel, recordEvents, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';

const COUNT = 10_000;
const collect = (globalThis as { gc?: () => void }).gc!;

interface Watched {
  readonly channels: WeakRef<object>[];
  readonly handlers: WeakRef<object>[];
  readonly contexts: WeakRef<object>[];
}

/** Opens, uses and closes channels; keeps only weak references to them. */
function useChannels(clock: VirtualClock, group: ChannelGroup, watched: Watched): void {
  for (let i = 0; i < COUNT; i++) {
    const handler: Handler = {
      channelActive: (ctx) => void ctx.clock.schedule(() => ctx.close('idle'), 60_000),
      channelRead: (ctx, message) => void ctx.writeAndFlush(message),
    };
    const channel = EmbeddedChannel.with({ clock }, recordEvents(), handler);
    watched.channels.push(new WeakRef(channel));
    watched.handlers.push(new WeakRef(handler));
    watched.contexts.push(new WeakRef(channel.pipeline.context(handler)!));
    group.add(channel);
    channel.writeInbound('hello');
    channel.write('never sent', { signal: keptSignal });
    if (i % 3 === 0) channel.close();
    else if (i % 3 === 1) channel.abort();
    else channel.run(() => channel.embedded.sink.failed(new Error('gone')));
  }
}

/** Lives on, as an application's own signal does. */
const keptSignal = new AbortController().signal;

it('10,000 channels opened and closed leave no channel, handler, context, timer or listener', async () => {
  const clock = new VirtualClock();
  const group = new ChannelGroup();
  const watched: Watched = { channels: [], handlers: [], contexts: [] };
  useChannels(clock, group, watched);
  expect(group.size).toBe(0);
  // Timers that handlers set and did not cancel are theirs: they hold the context until they are due.
  clock.advance(60_000);
  expect(clock.pendingTimers).toBe(0);
  const alive = (refs: readonly WeakRef<object>[]) =>
    refs.filter((ref) => ref.deref() !== undefined).length;
  const most = () => Math.max(...Object.values(watched).map(alive));
  // What finalizers and weak maps hold needs a collection more; the engine may hold the last few in registers and caches.
  for (let collections = 0; collections < 2 || (collections < 20 && most() >= 5); collections++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  expect(alive(watched.channels)).toBeLessThan(5);
  expect(alive(watched.handlers)).toBeLessThan(5);
  expect(alive(watched.contexts)).toBeLessThan(5);
});
