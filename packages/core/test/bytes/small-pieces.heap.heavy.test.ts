// Bytes that arrive in pieces of one byte: what they hold while nobody reads them.
import { type ChannelDuplex, DuplexHandler, MemoryTransport, openChannel } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';

const CONNECTIONS = 20;
const BYTES = 60 * 1024;

const collect = (globalThis as { gc?: () => void }).gc!;

function bytesAlive(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What one connection holds, of many that are kept. */
function heldByEach(make: () => unknown): number {
  make();
  const all: unknown[] = [];
  const before = bytesAlive();
  for (let i = 0; i < CONNECTIONS; i++) all.push(make());
  const held = (bytesAlive() - before) / all.length;
  return held / BYTES;
}

it('a stream that nobody reads holds less than twice its bytes', () => {
  const held = heldByEach(() => {
    const streams: ChannelDuplex[] = [];
    const channel = new EmbeddedChannel(new DuplexHandler((stream) => void streams.push(stream)));
    for (let i = 0; i < BYTES; i++) channel.pipeline.fireChannelRead(Buffer.of(i));
    return [channel, streams];
  });
  expect(held).toBeLessThan(2);
});

it('an end in memory that nobody reads holds less than twice its bytes', () => {
  const held = heldByEach(() => {
    const [near, far] = MemoryTransport.pair();
    openChannel(far, { autoRead: false });
    const writer = openChannel(near, {});
    for (let i = 0; i < BYTES; i++) writer.writeAndFlush(Buffer.of(i));
    return [near, far, writer];
  });
  expect(held).toBeLessThan(2);
});
