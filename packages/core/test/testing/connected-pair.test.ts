import { type Context, type Handler, pipeline } from '@headrace/core';
import { connectedPair, recordEvents, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { Text } from '../fixture/text.ts';

it('a write at one end is read at the other when the call returns', () => {
  const seen = recordEvents();
  const { client, server } = connectedPair({
    client: (channel) => channel.pipeline.addLast(new Text()),
    server: (channel) => channel.pipeline.addLast(new Text(), seen),
  });
  expect(seen.take()).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
  client.writeAndFlush('hello');
  expect(seen.take()).toEqual(['channelRead "hello"', 'channelReadComplete']);
  client.end();
  expect(seen.take().slice(0, 1)).toEqual(['channelInactive']);
  expect([client.isOpen, server.isOpen]).toEqual([false, false]);
  expect([client.closeInfo?.reason, server.closeInfo?.reason]).toEqual(['local', 'peer']);
});

it('takes templates, and runs both ends on one clock', () => {
  const answers = pipeline().add(
    () => new Text(),
    () =>
      ({
        channelRead: (ctx: Context, text: string) =>
          void ctx.clock.schedule(() => ctx.writeAndFlush(`${text}!`), 500),
      }) satisfies Handler,
  );
  const got: unknown[] = [];
  const clock = new VirtualClock();
  const { client } = connectedPair({
    clock,
    server: answers,
    client: (channel) =>
      channel.pipeline.addLast(new Text(), {
        channelRead: (_ctx, text) => void got.push(`${text} at ${clock.now()}`),
      } satisfies Handler),
  });
  client.writeAndFlush('hi');
  clock.advance(499);
  expect(got).toEqual([]);
  clock.advance(1);
  expect(got).toEqual(['hi! at 500']);
});

it('pushes back: an end that does not read makes the other unwritable, and nothing is lost', () => {
  const { client, server } = connectedPair({
    capacityBytes: 1000,
    options: { autoRead: false, writeBufferHighBytes: 1000, writeBufferLowBytes: 100 },
  });
  let bytes = 0;
  server.pipeline.addLast({
    channelRead: (_ctx, chunk: Buffer) => {
      bytes += chunk.length;
    },
  } satisfies Handler);
  let written = 0;
  for (; client.isWritable; written += 300) client.writeAndFlush(Buffer.alloc(300));
  expect(written).toBeGreaterThan(1000);
  server.autoRead = true;
  expect(bytes).toBe(written);
  expect(client.isWritable).toBe(true);
});

it('an abort is the other end’s reset', () => {
  const { client, server } = connectedPair();
  client.abort();
  expect(server.closeInfo).toMatchObject({ reason: 'reset', by: 'peer' });
});

it('leaves no timer', () => {
  const { client, clock } = connectedPair();
  client.writeAndFlush(Buffer.from('x'));
  client.close();
  expect([clock.pendingTimers, clock.hasPendingTasks]).toEqual([0, false]);
});
