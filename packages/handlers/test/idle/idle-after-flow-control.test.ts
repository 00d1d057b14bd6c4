import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { FlowControlHandler } from '../../src/flow/flow-control-handler.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';

it('a FlowControlHandler before it, which holds channelReadComplete back, does not freeze it', () => {
  const idleAt: number[] = [];
  const recorder: Handler = {
    userEventTriggered: (ctx: Context) => void idleAt.push(ctx.clock.now()),
  };
  const channel = EmbeddedChannel.with(
    { autoRead: false },
    new FlowControlHandler(),
    new IdleStateHandler({ readerIdleMs: 100 }),
    recorder,
  );
  channel.read();
  channel.writeInbound('a', 'b');
  channel.advance(50);
  // The second one passes to the transport: with nothing asked for the time would stand.
  channel.run(() => {
    channel.read();
    channel.read();
  });
  expect([channel.readInbound(), channel.readInbound()]).toEqual(['a', 'b']);
  channel.advance(99);
  expect(idleAt).toEqual([]);
  channel.advance(1);
  expect(idleAt).toEqual([150]);
});
