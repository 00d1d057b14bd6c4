import { describeHeldWrites } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthHandler, StreamWriteHandler, TrafficShapingHandler } from '../../src/index.ts';

const run = { describe, it, expect };
const messages = [
  Buffer.alloc(10_000, 1),
  Buffer.alloc(10_000, 2),
  Buffer.alloc(10_000, 3),
] as const;

describeHeldWrites(run, {
  name: 'AuthHandler',
  handler: () => new AuthHandler({ authenticate: (id: string) => ({ principal: id }) }),
  release: (channel) => void channel.writeInbound('ann'),
  messages,
});

let end: (() => void) | undefined;

describeHeldWrites(run, {
  name: 'StreamWriteHandler',
  handler: () => new StreamWriteHandler(),
  begin: (channel) => {
    const stream = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<Uint8Array>>((resolve) => {
            end = () => resolve({ done: true, value: undefined });
          }),
      }),
    };
    channel.writeAndFlush(stream).onSettled(() => {});
  },
  release: async () => {
    end!();
    await new Promise((resolve) => setImmediate(resolve));
  },
  messages,
});

describeHeldWrites(run, {
  name: 'TrafficShapingHandler',
  handler: () => new TrafficShapingHandler({ writeBytesPerSecond: 1000 }),
  release: (channel) => channel.advance(60_000),
  messages,
  counts: false,
});
