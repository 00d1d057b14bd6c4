import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { StreamWriteHandler } from '../../src/flow/stream-write-handler.ts';

/** A stream of chunks, one of which may fail; or a plain message. */
const message = fc.oneof(
  fc.record({ chunks: fc.integer({ min: 0, max: 4 }), fails: fc.boolean() }),
  fc.constant('plain' as const),
);

async function* chunksOf(name: number, count: number, fails: boolean): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) {
    if (i % 2 === 1) await Promise.resolve();
    yield `${name}.${i}`;
  }
  if (fails) throw new Error(`${name} failed`);
}

it('writes streams and messages in their order, whatever fails and however slow the peer is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 12 }),
      fc.integer({ min: 0, max: 5 }),
      async (messages, stuckFor) => {
        const channel = EmbeddedChannel.with(
          { writeBufferHighBytes: 200, writeBufferLowBytes: 100 },
          new StreamWriteHandler<string>(),
        );
        const settled: string[] = [];
        const expected: string[] = [];
        channel.embedded.isStuck = stuckFor > 0;
        for (const [name, one] of messages.entries()) {
          const what = one === 'plain' ? `${name}` : chunksOf(name, one.chunks, one.fails);
          channel.write(what).onSettled((error) => settled.push(`${name} ${error === undefined}`));
          if (one === 'plain') expected.push(`${name}`);
          else for (let i = 0; i < one.chunks; i++) expected.push(`${name}.${i}`);
        }
        channel.run(() => channel.flush());
        for (let turn = 0; settled.length < messages.length && turn < 500; turn++) {
          if (turn >= stuckFor) channel.run(() => channel.embedded.release());
          await new Promise((resolve) => setImmediate(resolve));
        }
        // A stream that failed is settled while its chunks may still wait.
        channel.run(() => channel.embedded.release());
        const outcome = messages.map((one, name) => `${name} ${one === 'plain' || !one.fails}`);
        expect([...settled].sort()).toEqual([...outcome].sort());
        expect(channel.finish().outbound).toEqual(expected);
      },
    ),
    { numRuns: 100 },
  );
});
