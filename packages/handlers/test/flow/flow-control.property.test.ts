import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FlowControlHandler } from '../../src/flow/flow-control-handler.ts';

/** What may happen to a channel whose reader is slow. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('burst' as const), count: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant('read' as const), count: fc.constant(1) }),
  fc.record({ kind: fc.constant('on' as const), count: fc.constant(0) }),
  fc.record({ kind: fc.constant('off' as const), count: fc.constant(0) }),
);

it('loses, doubles and reorders nothing, and gives no more than was asked for', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.boolean(), { maxLength: 30 }),
      (steps, stops) => {
        const got: number[] = [];
        let sent = 0;
        let allowed = 0;
        const app: Handler = {
          channelRead(ctx, message: number) {
            got.push(message);
            if (!ctx.channel.autoRead) {
              allowed -= 1;
              expect(allowed).toBeGreaterThanOrEqual(0);
            }
            // Some messages make the application turn auto-read off.
            if (stops[message] === true) ctx.channel.autoRead = false;
          },
        };
        const channel = new EmbeddedChannel(new FlowControlHandler(), app);
        for (const { kind, count } of steps) {
          if (kind === 'burst') {
            channel.writeInbound(...Array.from({ length: count }, () => sent++));
          } else if (kind === 'read') {
            if (!channel.autoRead) allowed += 1;
            channel.run(() => channel.read());
          } else {
            channel.run(() => {
              channel.autoRead = kind === 'on';
            });
          }
        }
        channel.run(() => channel.pipeline.remove(FlowControlHandler));
        expect(got).toEqual(Array.from({ length: sent }, (_, i) => i));
      },
    ),
    { numRuns: 300 },
  );
});
