import { MemoryTransport, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';
import { startChannel, TransportChannel } from '../../src/channel/transport-channel.ts';
import { Inbox } from '../fixture/inbox.ts';

type Step =
  | { readonly kind: 'write'; readonly size: number; readonly flush: boolean }
  | { readonly kind: 'read' | 'tasks' | 'toggle' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    size: fc.integer({ min: 0, max: 40 }),
    flush: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('read' as const, 'tasks' as const, 'toggle' as const) }),
);

/** Bytes that show their own place in the stream. */
function bytesFrom(start: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (start + i) % 251));
}

describe('a memory pair', () => {
  it('delivers every byte once and in order, and settles writes in order, whatever happens in between', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(step, { maxLength: 60 }), run),
      { numRuns: 300 },
    );
  });
});

function run(capacityBytes: number, steps: readonly Step[]): void {
  const clock = new VirtualClock();
  const options = resolveChannelOptions({ clock, logger: silentLogger, outboundStallMs: false });
  const ends = MemoryTransport.pair({ capacityBytes, clock });
  const [writer, reader] = ends.map((end) => new TransportChannel(end, options));
  const inbox = new Inbox();
  reader!.pipeline.addLast(inbox);
  startChannel(writer!);
  startChannel(reader!);
  let sent = 0;
  const settled: number[] = [];
  let writes = 0;
  for (const one of steps) {
    if (one.kind === 'write') {
      const index = writes++;
      writer!.write(bytesFrom(sent, one.size)).onSettled((error) => {
        expect(error).toBeUndefined();
        settled.push(index);
      });
      sent += one.size;
      if (one.flush) writer!.flush();
    } else if (one.kind === 'tasks') clock.runTasks();
    else if (one.kind === 'read') reader!.read();
    else reader!.autoRead = !reader!.autoRead;
  }
  writer!.flush();
  reader!.autoRead = true;
  clock.runTasks();
  const received = Buffer.concat(inbox.messages as Buffer[]);
  expect(received.equals(bytesFrom(0, sent))).toBe(true);
  expect(settled).toEqual(Array.from({ length: writes }, (_, index) => index));
  writer!.close();
  clock.runTasks();
  expect(reader!.closeInfo?.reason).toBe('peer');
  expect(clock.pendingTimers).toBe(0);
}
