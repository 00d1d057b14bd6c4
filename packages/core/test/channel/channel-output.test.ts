import type { Context } from '@headrace/core';
import { PendingWriteQueue, SettableFuture } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { coreOf } from '../../src/channel/transport-channel.ts';
import { allSettled } from '../../src/future/all-settled.ts';

it('onceWritable: a listener that came in a change which was over before it was announced is called', () => {
  let ctx!: Context;
  const channel = new EmbeddedChannel({
    handlerAdded(own: Context) {
      ctx = own;
    },
  });
  const reported: string[] = [];
  ctx.addPendingOutboundBytes(100_000);
  expect(channel.isWritable).toBe(false);
  channel.onceWritable(() => reported.push('writable'));
  ctx.addPendingOutboundBytes(-100_000);
  channel.runPendingTasks();
  expect(reported).toEqual(['writable']);
});

it('onceWritable: a listener that throws keeps neither the others nor the end of the channel away', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const reported: string[] = [];
  const channel = new EmbeddedChannel({ channelInactive: () => void reported.push('inactive') });
  channel.embedded.isStuck = true;
  channel.writeAndFlush('x'.repeat(100_000));
  channel.onceWritable(() => {
    throw new Error('no');
  });
  channel.onceWritable(() => reported.push('second'));
  channel.close();
  channel.runPendingTasks();
  expect(reported).toEqual(['second', 'inactive']);
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

it('what handlers hold back counts with what is queued: a write that passes the high watermark makes it unwritable', () => {
  let ctx!: Context;
  const channel = new EmbeddedChannel({
    handlerAdded(own: Context) {
      ctx = own;
    },
  });
  ctx.addPendingOutboundBytes(60_000);
  expect(channel.isWritable).toBe(true);
  channel.write('x'.repeat(10_000)).onSettled(() => {});
  expect([channel.isWritable, channel.pendingOutboundBytes > 70_000]).toEqual([false, true]);
});

it('a close makes no error before the first write, and one error for all writes', () => {
  const channel = new EmbeddedChannel();
  const closedError = vi.spyOn(coreOf(channel)!.ending, 'closedError');
  channel.close();
  expect(closedError).not.toHaveBeenCalled();
  const { error } = channel.write('late');
  expect(error?.message).toBe('the channel is closed (local)');
  expect(channel.write('later').error).toBe(error);
  expect(closedError).toHaveBeenCalledOnce();
});

it('a shutdown after the transport has ended our half by itself succeeds', () => {
  const channel = EmbeddedChannel.with({ allowHalfOpen: true });
  channel.run(() => channel.embedded.sink.outputEnded());
  expect(channel.isOutputShutdown).toBe(true);
  expect(channel.shutdown('output').isSuccess).toBe(true);
  expect(channel.write('late').error?.message).toContain('shut down');
});

describe('mayHaveLeft', () => {
  it('is false for what the transport was not given, and true for what it had begun to send', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    const inFlight = channel.writeAndFlush('given to the transport');
    const flushed = channel.writeAndFlush('waits for the transport');
    const unflushed = channel.write('not flushed');
    channel.close();
    const late = channel.write('too late');
    const all = [inFlight, flushed, unflushed, late];
    expect(all.map((future) => future.error !== undefined)).toEqual([true, true, true, true]);
    expect(all.map((future) => future.mayHaveLeft)).toEqual([true, false, false, false]);
  });

  it('is true for what the transport has taken', () => {
    const channel = new EmbeddedChannel();
    expect(channel.writeAndFlush('taken').mayHaveLeft).toBe(true);
  });

  it('is true for all segments of a batch that the transport was given', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('first').onSettled(() => {
      channel.embedded.isStuck = true;
    });
    const second = channel.write('second', { signal: new AbortController().signal });
    const third = channel.writeAndFlush('third');
    channel.embedded.release();
    channel.close();
    expect([second.mayHaveLeft, third.mayHaveLeft]).toEqual([true, true]);
  });

  it('goes with a write that a handler holds back: false in its queue, then as the write is', () => {
    let queue!: PendingWriteQueue;
    const channel = new EmbeddedChannel({
      handlerAdded(ctx: Context) {
        queue = new PendingWriteQueue(ctx);
      },
      write: (_ctx: Context, message: unknown) => queue.add(message),
    });
    channel.embedded.isStuck = true;
    const written = channel.write('written');
    const refused = channel.write('refused');
    queue.removeAndWrite();
    queue.removeAndFail(new Error('no'));
    channel.pipeline.firstContext()!.flush();
    channel.close();
    const seen = [written, refused].map(({ error, mayHaveLeft }) => [
      error !== undefined,
      mayHaveLeft,
    ]);
    expect(seen).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  it('is true for a handler that returns a promise, because the channel cannot know what it sent', async () => {
    const channel = new EmbeddedChannel({ write: () => Promise.reject(new Error('no')) });
    const future = channel.write('x');
    await future.catch(() => {});
    expect(future.mayHaveLeft).toBe(true);
  });

  it('is true for one future of many, if any of them may have left', () => {
    const [sent, waiting, failed] = [new SettableFuture(), new SettableFuture(), new Error('no')];
    const both = allSettled([sent, waiting]);
    sent.handOver();
    sent.fail(failed);
    waiting.fail(failed);
    expect([both.mayHaveLeft, allSettled([waiting]).mayHaveLeft]).toEqual([true, false]);
  });
});
