import { Bootstrap, type Context, type Handler, ServerBootstrap, sequential } from '@headrace/core';
import { expect, it } from 'vitest';

const host = '127.0.0.1';
const HIGH_WATER_MARK = 64 * 1024;
/** More than all kernels hold. */
const MAX_BYTES = 64 * 1024 * 1024;

it('a consumer that takes one message after the other makes the sender stop', async () => {
  let received = 0;
  let taken = 0;
  /** Most of what was read and not yet taken: what our process holds for this connection. */
  let most = 0;
  /** Lets the consumer take the message that it has. */
  const waiting: (() => void)[] = [];
  const counter: Handler = {
    channelRead(ctx: Context, bytes: Buffer) {
      received += bytes.length;
      most = Math.max(most, received - taken);
      ctx.fireChannelRead(bytes);
    },
  };
  const consumer: Handler = {
    async channelRead(_ctx: Context, bytes: Buffer) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      taken += bytes.length;
    },
  };
  await using server = await new ServerBootstrap()
    .childHandler((channel) => void channel.pipeline.addLast(counter, sequential(consumer)))
    .bind({ port: 0, host });
  const sender = await new Bootstrap()
    .handler(() => {})
    .options({ outboundStallMs: false })
    .connect({ port: server.port, host });

  let sent = 0;
  const block = Buffer.alloc(16 * 1024);
  const pump = () => {
    while (sender.isWritable && sent < MAX_BYTES) {
      sender.writeAndFlush(block);
      sent += block.length;
    }
    if (sender.isOpen) sender.onceWritable(pump);
  };
  /** Waits until the kernels are full: nothing was sent while everything that was ready had its turns. */
  const stopped = async () => {
    for (let before = -1; sent < MAX_BYTES && (before !== sent || sender.isWritable); ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  pump();
  await stopped();
  expect(received).toBeGreaterThan(0);
  expect(taken).toBe(0);
  expect(sent).toBeLessThan(MAX_BYTES);
  expect(sender.pendingOutboundBytes).toBeLessThanOrEqual(2 * HIGH_WATER_MARK);
  const stoppedAt = sent;
  for (let count = 1; count <= 3; count++) {
    waiting.shift()!();
    await expect.poll(() => waiting.length, { interval: 1 }).toBe(1);
  }
  await stopped();
  expect(taken).toBeGreaterThan(0);
  expect(sent - stoppedAt).toBeLessThanOrEqual(4 * HIGH_WATER_MARK);
  expect(most).toBeLessThanOrEqual(2 * HIGH_WATER_MARK);
  sender.abort();
  await server.close();
});
