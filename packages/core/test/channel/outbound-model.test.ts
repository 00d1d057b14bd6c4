// Random writes, flushes, aborts and stuck transports, against a model that keeps a plain list.
import type { WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const OVERHEAD = 64;
const [LOW, HIGH] = [500, 1500];

interface Entry {
  readonly id: number;
  readonly cost: number;
  readonly future: WriteFuture;
  readonly abort: AbortController | undefined;
  isFlushed: boolean;
  /** Given to the transport. */
  isSent: boolean;
  isAborted: boolean;
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('write' as const),
      size: fc.nat(600),
      cancellable: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('stick' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('release' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('abort' as const), index: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('echo' as const), size: fc.nat(600) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly channel: EmbeddedChannel;
  readonly entries: Entry[] = [];
  readonly reported: boolean[] = [];
  readonly settled: number[] = [];
  readonly arrived: number[] = [];

  constructor() {
    this.channel = EmbeddedChannel.with(
      {
        writeBufferLowBytes: LOW,
        writeBufferHighBytes: HIGH,
        maxOutboundBytes: Number.POSITIVE_INFINITY,
        outboundStallMs: false,
      },
      { channelWritabilityChanged: ({ channel }) => void this.reported.push(channel.isWritable) },
    );
  }

  write(size: number, isCancellable: boolean, onSettled?: () => void): void {
    const abort = isCancellable ? new AbortController() : undefined;
    const id = this.entries.length;
    const message = Buffer.alloc(4 + size);
    message.writeUInt32BE(id);
    const future = this.channel.write(message, abort && { signal: abort.signal });
    const state = { isFlushed: false, isSent: false, isAborted: false };
    this.entries.push({ id, cost: 4 + size + OVERHEAD, future, abort, ...state });
    future.onSettled((error) => {
      if (error === undefined) this.settled.push(id);
      onSettled?.();
    });
  }

  perform(one: Step): void {
    if (one.op === 'write') this.write(one.size, one.cancellable);
    // A write whose future, when it settles, writes and flushes another one.
    else if (one.op === 'echo') {
      this.write(one.size, true, () => {
        if (!this.channel.isOpen) return;
        this.write(10, false);
        this.flush();
      });
    } else if (one.op === 'flush') this.flush();
    else if (one.op === 'stick') this.channel.embedded.isStuck = true;
    else if (one.op === 'release') this.channel.run(() => this.channel.embedded.release());
    else this.abort(one.index);
    for (let m = this.channel.readOutbound(Buffer); m; m = this.channel.readOutbound(Buffer)) {
      this.arrived.push(m.readUInt32BE());
    }
  }

  private flush(): void {
    for (const entry of this.entries) entry.isFlushed ||= !entry.isAborted;
    this.channel.flush();
  }

  private abort(index: number): void {
    const entry = this.entries[index % (this.entries.length || 1)];
    if (entry?.abort === undefined) return;
    if (!entry.isFlushed && !entry.future.isSettled) entry.isAborted = true;
    entry.abort.abort();
  }
}

it('keeps order, accounts for every byte, and settles each write once', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const run = new Run();
      const { channel, entries } = run;
      let isWritable = true;
      for (const one of steps) {
        run.perform(one);
        const waiting = entries.filter(({ future }) => !future.isSettled);
        const pending = waiting.reduce((sum, { cost }) => sum + cost, 0);
        expect(channel.pendingOutboundBytes).toBe(pending);
        if (pending > HIGH) isWritable = false;
        else if (pending < LOW || pending === 0) isWritable = true;
        else isWritable = channel.isWritable;
        expect(channel.isWritable).toBe(isWritable);
        expect(run.reported.at(-1) ?? true).toBe(isWritable);
        // Nothing arrives that was aborted or not flushed, and all in the order of the writes.
        const sent = entries.filter(({ future }) => future.isSuccess).map(({ id }) => id);
        expect(run.arrived).toEqual(sent);
        expect(run.settled).toEqual(sent);
        for (const entry of entries) {
          if (entry.isAborted) {
            expect(entry.future.error).toMatchObject({ code: 'HR_ERR_OPERATION_ABORTED' });
          } else if (!entry.isFlushed) expect(entry.future.isSettled).toBe(false);
          else if (!channel.embedded.isStuck) expect(entry.future.isSuccess).toBe(true);
        }
      }
      for (let i = 1; i < run.reported.length; i++)
        expect(run.reported[i]).not.toBe(run.reported[i - 1]);
      channel.close();
      expect(entries.every(({ future }) => future.isSettled)).toBe(true);
      expect(channel.pendingOutboundBytes).toBe(0);
      expect(channel.clock.pendingTimers).toBe(0);
    }),
    { numRuns: 1000 },
  );
});
