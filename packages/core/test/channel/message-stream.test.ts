import { type Context, silentLogger } from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';
import { coreOf, startChannel, TransportChannel } from '../../src/channel/transport-channel.ts';

it('refuses a second iterator', () => {
  const channel = new EmbeddedChannel();
  channel[Symbol.asyncIterator]();
  expect(() => channel[Symbol.asyncIterator]()).toThrow('can be iterated once');
});

it('throws an error only after the messages before it', async () => {
  const channel = new EmbeddedChannel();
  const messages = channel[Symbol.asyncIterator]();
  channel.writeOneInbound('a').writeOneInbound('b');
  channel.run(() => channel.pipeline.fireExceptionCaught(new Error('broken')));
  expect(await messages.next()).toEqual({ done: false, value: 'a' });
  expect(await messages.next()).toEqual({ done: false, value: 'b' });
  await expect(messages.next()).rejects.toThrow('broken');
  expect(await messages.next()).toEqual({ done: true, value: undefined });
  expect(channel.isOpen).toBe(false);
});

it('nothing comes after the error, though its decoder goes on with what it read', async () => {
  const channel = new EmbeddedChannel({
    channelRead(ctx: Context, message: string) {
      if (message === 'bad') throw new Error(message);
      ctx.fireChannelRead(message);
    },
  });
  const messages = channel[Symbol.asyncIterator]();
  channel.run(() => {
    for (const message of ['a', 'bad', 'b']) channel.pipeline.fireChannelRead(message);
  });
  expect(await messages.next()).toEqual({ done: false, value: 'a' });
  await expect(messages.next()).rejects.toThrow('bad');
  expect(await messages.next()).toEqual({ done: true, value: undefined });
});

it('what comes while a handler holds the close back is dropped', async () => {
  const channel = new EmbeddedChannel({ close: () => new SettableFuture() });
  const messages = channel[Symbol.asyncIterator]();
  void messages.return();
  channel.writeInbound('late');
  expect(await messages.next()).toEqual({ done: true, value: undefined });
});

it('delivers unread messages before the end', async () => {
  const channel = new EmbeddedChannel();
  const messages = channel[Symbol.asyncIterator]();
  channel.writeInbound('a');
  channel.finish();
  expect(await messages.next()).toEqual({ done: false, value: 'a' });
  expect((await messages.next()).done).toBe(true);
});

it('stops asking for input at ten waiting messages and goes on below two', async () => {
  const channel = new EmbeddedChannel();
  const messages = channel[Symbol.asyncIterator]();
  for (let i = 0; i < 9; i++) channel.writeInbound(i);
  const before = channel.embedded.reads;
  channel.writeInbound('ten', 'eleven of the same burst');
  channel.writeInbound('twelve');
  expect(channel.embedded.reads).toBe(before);
  for (let i = 0; i < 10; i++) await messages.next();
  expect(channel.embedded.reads).toBe(before);
  expect(await messages.next()).toEqual({ done: false, value: 'eleven of the same burst' });
  expect(channel.embedded.reads).toBe(before + 1);
  expect(await messages.next()).toEqual({ done: false, value: 'twelve' });
});

it('a write is awaited until the transport has taken it', async () => {
  const channel = new EmbeddedChannel();
  channel.embedded.isStuck = true;
  let isDone = false;
  const written = channel.writeAndFlush('slow').then(() => {
    isDone = true;
  });
  await Promise.resolve();
  expect(isDone).toBe(false);
  channel.embedded.release();
  await written;
  expect(isDone).toBe(true);
});

it('a write after close rejects', async () => {
  const channel = new EmbeddedChannel();
  channel.finish();
  await expect(Promise.resolve(channel.write('late'))).rejects.toThrow('closed');
});

it('leaving the loop early drops what was not read and closes', async () => {
  const channel = new EmbeddedChannel();
  const messages = channel[Symbol.asyncIterator]();
  channel.writeInbound('a', 'b');
  await messages.next();
  await messages.return!();
  expect(channel.isOpen).toBe(false);
  expect((await messages.next()).done).toBe(true);
});

it('refuses to begin when messages were lost already', () => {
  const channel = new TransportChannel(
    new EmbeddedChannel().embedded,
    resolveChannelOptions({ logger: silentLogger }),
  );
  startChannel(channel);
  coreOf(channel)!.received('lost');
  expect(() => channel[Symbol.asyncIterator]()).toThrow('are lost');
});

it('with auto-read off, the loop asks for input', async () => {
  const channel = EmbeddedChannel.with({ autoRead: false });
  const loop = channel[Symbol.asyncIterator]();
  expect(channel.embedded.reads).toBe(0);
  const next = loop.next();
  expect(channel.embedded.reads).toBe(1);
  channel.writeInbound('a', 'b');
  expect([await next, await loop.next()].map(({ value }) => value)).toEqual(['a', 'b']);
  expect(channel.embedded.reads).toBe(1);
});

it('the error that the loop throws is in closeInfo, too', async () => {
  const channel = new EmbeddedChannel({
    channelRead() {
      throw new Error('bug');
    },
  });
  const loop = channel[Symbol.asyncIterator]();
  channel.writeInbound('a');
  await expect(loop.next()).rejects.toThrow('bug');
  expect(channel.closeInfo).toMatchObject({ reason: 'error', error: { message: 'bug' } });
});
