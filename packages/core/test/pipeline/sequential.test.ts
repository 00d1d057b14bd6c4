import { type Context, type Handler, sequential } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';

/** Handles a message when the test says so. */
class Slow implements Handler {
  readonly begun: string[] = [];
  private readonly finish: ((error?: Error) => void)[] = [];

  channelRead(ctx: Context, message: string): Promise<void> {
    this.begun.push(message);
    return new Promise((resolve, reject) => {
      this.finish.push((error) => {
        if (error !== undefined) reject(error);
        else resolve(ctx.fireChannelRead(message));
      });
    });
  }

  async finishNext(error?: Error): Promise<void> {
    this.finish.shift()!(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('handles one message at a time, in order', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  channel.writeInbound('a', 'b');
  expect(slow.begun).toEqual(['a']);
  await slow.finishNext();
  expect(slow.begun).toEqual(['a', 'b']);
  expect(channel.readInbound()).toBe('a');
  await slow.finishNext();
  expect(channel.readInbound()).toBe('b');
});

it('asks for no more input while a message is being handled', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  const before = channel.embedded.reads;
  channel.writeInbound('a');
  expect(channel.embedded.reads).toBe(before);
  await slow.finishNext();
  expect(channel.embedded.reads).toBe(before + 1);
});

it('S56 a rejection reaches exceptionCaught, and the next message is handled', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  channel.writeInbound('a', 'b');
  await slow.finishNext(new Error('boom'));
  expect(() => channel.checkException()).toThrow('boom');
  expect(slow.begun).toEqual(['a', 'b']);
});

it('the end of the channel waits for the messages before it', async () => {
  const slow = new Slow();
  const events: string[] = [];
  const end: Handler = {
    channelRead: (_ctx, message) => void events.push(message),
    channelInactive: () => void events.push('inactive'),
  };
  const channel = new EmbeddedChannel(sequential(slow), end);
  channel.writeInbound('a');
  channel.run(() => channel.close());
  expect(events).toEqual([]);
  await slow.finishNext();
  expect(slow.begun).toEqual(['a']);
});
