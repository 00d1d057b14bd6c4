import { Bootstrap, type Context, type Handler, ServerBootstrap, sequential } from '@headrace/core';
import { expect, it } from 'vitest';

const host = '127.0.0.1';
const HIGH_WATER_MARK = 64 * 1024;

it('a consumer that takes one message per 100 ms makes the sender stop', async () => {
  let received = 0;
  let taken = 0;
  const counter: Handler = {
    channelRead(ctx: Context, bytes: Buffer) {
      received += bytes.length;
      ctx.fireChannelRead(bytes);
    },
  };
  const consumer: Handler = {
    async channelRead(_ctx: Context, bytes: Buffer) {
      await new Promise((resolve) => setTimeout(resolve, 100));
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
    while (sender.isWritable && sent < 64 * 1024 * 1024) {
      sender.writeAndFlush(block);
      sent += block.length;
    }
    if (sender.isOpen) sender.onceWritable(pump);
  };
  pump();
  await new Promise((resolve) => setTimeout(resolve, 550));
  // What is read and not yet taken is what our process holds for this connection.
  expect(taken).toBeGreaterThan(0);
  expect(received - taken).toBeLessThanOrEqual(2 * HIGH_WATER_MARK);
  expect(sender.pendingOutboundBytes).toBeLessThanOrEqual(2 * HIGH_WATER_MARK);
  expect(sender.isWritable).toBe(false);
  const stoppedAt = sent;
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(sent - stoppedAt).toBeLessThanOrEqual(4 * HIGH_WATER_MARK);
  sender.abort();
  await server.close();
});
