// Whatever stands in a pipeline, each event visits exactly the handlers that have its method, in order.
import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const INBOUND = [
  ['channelRegistered', (ctx: Context) => ctx.fireChannelRegistered()],
  ['channelActive', (ctx: Context) => ctx.fireChannelActive()],
  ['channelRead', (ctx: Context, message: unknown) => ctx.fireChannelRead(message)],
  ['channelReadComplete', (ctx: Context) => ctx.fireChannelReadComplete()],
  ['channelWritabilityChanged', (ctx: Context) => ctx.fireChannelWritabilityChanged()],
  ['userEventTriggered', (ctx: Context, event: unknown) => ctx.fireUserEventTriggered(event)],
  ['channelShutdown', (ctx: Context, direction: 'input') => ctx.fireChannelShutdown(direction)],
  ['channelInactive', (ctx: Context) => ctx.fireChannelInactive()],
  ['channelUnregistered', (ctx: Context) => ctx.fireChannelUnregistered()],
  ['exceptionCaught', (ctx: Context, error: Error) => ctx.fireExceptionCaught(error)],
] as const;
const OUTBOUND = [
  ['read', (ctx: Context) => ctx.read()],
  ['write', (ctx: Context, message: unknown) => ctx.write(message)],
  ['flush', (ctx: Context) => ctx.flush()],
] as const;
const ALL = [...INBOUND, ...OUTBOUND].map(([name]) => name);

const methods = fc.subarray(ALL);
const step = fc.oneof(
  fc.record({ op: fc.constantFrom('first' as const, 'last' as const), methods }),
  fc.record({
    op: fc.constantFrom('before' as const, 'after' as const, 'replace' as const),
    at: fc.nat(),
    methods,
  }),
  fc.record({ op: fc.constant('remove' as const), at: fc.nat() }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Placed {
  readonly handler: Handler;
  readonly id: number;
  readonly methods: readonly string[];
}

class Run {
  readonly channel: EmbeddedChannel = new EmbeddedChannel();
  readonly list: Placed[] = [];
  visited: number[] = [];
  private lastId = 0;

  perform(one: Step): void {
    const { pipeline } = this.channel;
    const index = 'at' in one && this.list.length > 0 ? one.at % this.list.length : -1;
    const base = this.list[index]?.handler;
    if (one.op === 'remove') {
      if (base === undefined) return;
      pipeline.remove(base);
      this.list.splice(index, 1);
      return;
    }
    const placed = this.make(one.methods);
    if (one.op === 'first' || (base === undefined && one.op !== 'last')) {
      pipeline.addFirst(placed.handler);
      this.list.unshift(placed);
    } else if (one.op === 'last') {
      pipeline.addLast(placed.handler);
      this.list.push(placed);
    } else if (one.op === 'before') {
      pipeline.addBefore(base!, placed.handler);
      this.list.splice(index, 0, placed);
    } else if (one.op === 'after') {
      pipeline.addAfter(base!, placed.handler);
      this.list.splice(index + 1, 0, placed);
    } else {
      pipeline.replace(base!, placed.handler);
      this.list[index] = placed;
    }
  }

  private make(names: readonly string[]): Placed {
    this.lastId += 1;
    const id = this.lastId;
    const handler: Record<string, unknown> = {};
    for (const [name, pass] of [...INBOUND, ...OUTBOUND]) {
      if (!names.includes(name)) continue;
      handler[name] = (ctx: Context, argument: never) => {
        this.visited.push(id);
        return pass(ctx, argument);
      };
    }
    return { handler, id, methods: names };
  }

  visitedBy(action: () => void): number[] {
    this.visited = [];
    action();
    return this.visited;
  }

  having(name: string): number[] {
    return this.list.filter((placed) => placed.methods.includes(name)).map(({ id }) => id);
  }
}

const FIRE: Readonly<Record<string, (channel: EmbeddedChannel) => unknown>> = {
  channelRegistered: ({ pipeline }) => pipeline.fireChannelRegistered(),
  channelRead: ({ pipeline }) => pipeline.fireChannelRead('m'),
  channelWritabilityChanged: ({ pipeline }) => pipeline.fireChannelWritabilityChanged(),
  userEventTriggered: ({ pipeline }) => pipeline.fireUserEventTriggered('e'),
  channelShutdown: ({ pipeline }) => pipeline.fireChannelShutdown('input'),
  channelInactive: ({ pipeline }) => pipeline.fireChannelInactive(),
  channelUnregistered: ({ pipeline }) => pipeline.fireChannelUnregistered(),
  exceptionCaught: ({ pipeline }) => pipeline.fireExceptionCaught(new Error('e')),
};

/** As `toEqual`, which takes too long for half a million comparisons. */
function same(actual: readonly number[], expected: readonly number[], name?: string): void {
  if (actual.join() !== expected.join()) expect(actual, name).toEqual(expected);
}

it('visits those that have the method, in order, from the head or from the tail', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const run = new Run();
      const { channel } = run;
      for (const one of steps) {
        run.perform(one);
        for (const [name, fire] of Object.entries(FIRE)) {
          same(
            run.visitedBy(() => fire(channel)),
            run.having(name),
            name,
          );
        }
        // With auto-read on, these are followed by a read() from the tail.
        const reads = run.having('read').reverse();
        const active = run.visitedBy(() => channel.pipeline.fireChannelActive());
        same(active, [...run.having('channelActive'), ...reads]);
        const complete = run.visitedBy(() => channel.pipeline.fireChannelReadComplete());
        same(complete, [...run.having('channelReadComplete'), ...reads]);
        same(
          run.visitedBy(() => channel.read()),
          reads,
        );
        const writes = run.having('write').reverse();
        same(
          run.visitedBy(() => void channel.write('m')),
          writes,
        );
        same(
          run.visitedBy(() => channel.flush()),
          run.having('flush').reverse(),
        );
        for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound());
        while (channel.readInbound() !== undefined);
      }
    }),
    { numRuns: 100 },
  );
});
