import { channelStreams } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('channelStreams', () => {
  it('reads messages that pass the last handler, and holds reads while the stream is not read', async () => {
    const channel = EmbeddedChannel.with({});
    const { readable } = channelStreams(channel, { highWaterMark: 2 });
    await turn();
    channel.writeInbound('a');
    expect(channel.isReadHeld).toBe(false);
    channel.writeInbound('b');
    expect(channel.readHolds).toEqual(['streams']);
    expect(channel.autoRead).toBe(true);
    const reader = readable.getReader();
    expect(await reader.read()).toEqual({ done: false, value: 'a' });
    await turn();
    expect(channel.isReadHeld).toBe(false);
    expect(await reader.read()).toEqual({ done: false, value: 'b' });
  });

  it('asks for each read while autoRead is off', async () => {
    const channel = EmbeddedChannel.with({ autoRead: false });
    const { readable } = channelStreams(channel, { highWaterMark: 1 });
    await turn();
    const before = channel.embedded.reads;
    expect(before).toBeGreaterThan(0);
    channel.writeInbound('a');
    const reader = readable.getReader();
    await reader.read();
    await turn();
    expect(channel.embedded.reads).toBeGreaterThan(before);
    expect(channel.autoRead).toBe(false);
  });

  it('writes through the pipeline, and pushes back while the transport is stuck', async () => {
    const channel = EmbeddedChannel.with({});
    const { writable } = channelStreams(channel, { highWaterMark: 1 });
    const writer = writable.getWriter();
    await writer.write('a');
    expect(channel.readOutbound()).toBe('a');
    channel.embedded.isStuck = true;
    let isTaken = false;
    const written = writer.write('b').then(() => {
      isTaken = true;
    });
    await turn();
    expect([isTaken, writer.desiredSize]).toEqual([false, 0]);
    channel.run(() => channel.embedded.release());
    await written;
    await writer.close();
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('ends when the channel closes, after what was read', async () => {
    const channel = EmbeddedChannel.with({});
    const { readable, writable } = channelStreams(channel);
    channel.writeInbound('last');
    channel.close();
    channel.runPendingTasks();
    const all: unknown[] = [];
    for await (const message of readable) all.push(message);
    expect(all).toEqual(['last']);
    await expect(writable.getWriter().closed).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_CLOSED',
    });
  });

  it.each([1, 2, 16])(
    'fails after the messages that were read before the error, with room for %i',
    async (highWaterMark) => {
      const channel = EmbeddedChannel.with({});
      const { readable } = channelStreams(channel, { highWaterMark });
      channel.writeInbound('a', 'b', 'c');
      channel.run(() => channel.embedded.sink.failed(new Error('gone')));
      const got: unknown[] = [];
      const reader = readable.getReader();
      const failure = await (async () => {
        for (;;) got.push((await reader.read()).value);
      })().catch((error: unknown) => error);
      expect(got).toEqual(['a', 'b', 'c']);
      expect(String(failure)).toContain('gone');
    },
  );

  it('fails with the error that closed the channel', async () => {
    const channel = EmbeddedChannel.with({});
    const { readable, writable } = channelStreams(channel);
    const failure = writable.getWriter().closed.catch((error: unknown) => error);
    channel.run(() => channel.embedded.sink.failed(new Error('gone')));
    await expect(readable.getReader().read()).rejects.toThrow('gone');
    expect(String(await failure)).toContain('gone');
  });

  it('shuts our input down when the readable is cancelled, and closes when the writable is aborted', async () => {
    const channel = EmbeddedChannel.with({ allowHalfOpen: true });
    const { readable, writable } = channelStreams(channel);
    await readable.cancel();
    expect([channel.isInputShutdown, channel.isOpen]).toEqual([true, true]);
    await writable.abort();
    expect(channel.closeInfo?.reason).toBe('error');
  });

  it('refuses an invalid high watermark', () => {
    const channel = EmbeddedChannel.with({});
    expect(() => channelStreams(channel, { highWaterMark: 0 })).toThrow(/highWaterMark/);
  });
});
