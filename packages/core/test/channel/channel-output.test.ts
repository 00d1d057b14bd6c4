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
  const told: string[] = [];
  ctx.addPendingOutboundBytes(100_000);
  expect(channel.isWritable).toBe(false);
  channel.onceWritable(() => told.push('writable'));
  ctx.addPendingOutboundBytes(-100_000);
  channel.runPendingTasks();
  expect(told).toEqual(['writable']);
});

it('onceWritable: a listener that throws keeps neither the others nor the end of the channel away', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const told: string[] = [];
  const channel = new EmbeddedChannel({ channelInactive: () => void told.push('inactive') });
  channel.embedded.isStuck = true;
  channel.writeAndFlush('x'.repeat(100_000));
  channel.onceWritable(() => {
    throw new Error('no');
  });
  channel.onceWritable(() => told.push('second'));
  channel.close();
  channel.runPendingTasks();
  expect(told).toEqual(['second', 'inactive']);
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});
