// The links between contexts are kept up to date step by step: here against a plain list.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Context, Handler } from '../../src/contract.ts';
import { EmbeddedChannel } from '../../src/testing/embedded-channel.ts';

const KINDS = ['channelRead', 'channelReadComplete', 'write', 'flush', 'read'] as const;

interface Named extends Handler {
  readonly id: number;
  readonly kinds: number;
}

let trace: number[] = [];

function make(id: number, kinds: number): Named {
  const forward: Required<Pick<Handler, (typeof KINDS)[number]>> = {
    channelRead: (ctx: Context, message: unknown) => ctx.fireChannelRead(message),
    channelReadComplete: (ctx: Context) => ctx.fireChannelReadComplete(),
    write: (ctx: Context, message: unknown) => ctx.write(message),
    flush: (ctx: Context) => ctx.flush(),
    read: (ctx: Context) => ctx.read(),
  };
  const handler: Record<string, unknown> = { id, kinds };
  KINDS.forEach((kind, bit) => {
    if ((kinds & (1 << bit)) === 0) return;
    handler[kind] = (ctx: Context, message: unknown) => {
      trace.push(id);
      return (forward[kind] as (ctx: Context, message: unknown) => unknown)(ctx, message);
    };
  });
  return handler as unknown as Named;
}

function traced(run: () => void): number[] {
  trace = [];
  run();
  return trace;
}

const step = fc.record({
  action: fc.constantFrom('last', 'first', 'before', 'after', 'remove', 'replace'),
  at: fc.nat(20),
  kinds: fc.nat(31),
});

describe('the links of a pipeline', () => {
  it('lead every event to the handlers that have it, whatever was added, removed and replaced', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const channel = new EmbeddedChannel();
        const { pipeline } = channel;
        const list: Named[] = [];
        steps.forEach(({ action, at, kinds }, id) => {
          const handler = make(id, kinds);
          const index = list.length === 0 ? 0 : at % list.length;
          const base = list[index];
          if (base === undefined || action === 'last') list.push(handler);
          else if (action === 'first') list.unshift(handler);
          else if (action === 'before') list.splice(index, 0, handler);
          else if (action === 'after') list.splice(index + 1, 0, handler);
          else if (action === 'remove') list.splice(index, 1);
          else list.splice(index, 1, handler);
          if (base === undefined || action === 'last') pipeline.addLast(handler);
          else if (action === 'first') pipeline.addFirst(handler);
          else if (action === 'before') pipeline.addBefore(base, handler);
          else if (action === 'after') pipeline.addAfter(base, handler);
          else if (action === 'remove') pipeline.remove(base);
          else pipeline.replace(base, handler);
        });
        const having = (bit: number) =>
          list.filter(({ kinds }) => (kinds & (1 << bit)) !== 0).map(({ id }) => id);
        channel.autoRead = false;
        expect(traced(() => pipeline.fireChannelRead('x'))).toEqual(having(0));
        expect(traced(() => pipeline.fireChannelReadComplete())).toEqual(having(1));
        expect(traced(() => void pipeline.write('x'))).toEqual(having(2).reverse());
        expect(traced(() => pipeline.flush())).toEqual(having(3).reverse());
        expect(traced(() => pipeline.read())).toEqual(having(4).reverse());
        channel.close();
      }),
    );
  });
});
