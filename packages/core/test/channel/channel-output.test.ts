import type { Context } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it, vi } from 'vitest';

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

it('what handlers hold back counts with what is queued: a write that passes the high mark makes it unwritable', () => {
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

it('a close makes no error before somebody writes, and one for all writes', () => {
  const channel = new EmbeddedChannel();
  const closedError = vi.spyOn(channel, 'closedError');
  channel.close();
  expect(closedError).not.toHaveBeenCalled();
  const { error } = channel.write('late');
  expect(error?.message).toBe('the channel is closed (local)');
  expect(channel.write('later').error).toBe(error);
  expect(closedError).toHaveBeenCalledOnce();
});

it('a shutdown after the transport has ended our half by itself succeeds', () => {
  const channel = EmbeddedChannel.with({ allowHalfOpen: true });
  channel.run(() => channel.outputEnded());
  expect(channel.isOutputShutdown).toBe(true);
  expect(channel.shutdown('output').isSuccess).toBe(true);
  expect(channel.write('late').error?.message).toContain('shut down');
});
