// Each place that takes a stream of the application and reads it later: a stream that fails before its turn fails its write, and
// a stream whose write is refused is closed.
import { Readable } from 'node:stream';
import type { WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { RequestHandler, StreamWriteHandler, TrafficShapingHandler } from '../../src/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lost = () => new Error('upstream lost');

function silent(): Readable {
  return new Readable({ objectMode: true, read() {} });
}

function outcomes(...writes: WriteFuture[]): string[] {
  const seen = writes.map(() => 'pending');
  for (const [i, write] of writes.entries())
    write.onSettled((error) => {
      seen[i] = error?.message ?? 'ok';
    });
  return seen;
}

async function settled(channel: EmbeddedChannel): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await turn();
    channel.runPendingTasks();
  }
}

describe('a StreamWriteHandler', () => {
  it('fails the write of a stream that breaks while another is sent', async () => {
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>());
    const [slow, next] = [silent(), silent()];
    const seen = outcomes(
      channel.write(slow),
      channel.write(next),
      channel.writeAndFlush('behind'),
    );
    next.destroy(lost());
    await settled(channel);
    expect(seen).toEqual(['pending', 'upstream lost', 'pending']);
    slow.push('a');
    slow.push(null);
    await settled(channel);
    expect(seen).toEqual(['ok', 'upstream lost', 'ok']);
  });

  it('fails the write of a stream that breaks before the flush', async () => {
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>());
    const broken = silent();
    const seen = outcomes(channel.write(broken), channel.write('behind'));
    broken.destroy(lost());
    await settled(channel);
    expect(seen[0]).toBe('upstream lost');
    channel.flush();
    expect(seen).toEqual(['upstream lost', 'ok']);
  });

  it('fails the write of a stream that breaks while the peer does not read', async () => {
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>());
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x'.repeat(1 << 20));
    const broken = silent();
    const seen = outcomes(channel.writeAndFlush(broken));
    await settled(channel);
    broken.destroy(lost());
    await settled(channel);
    expect(seen).toEqual(['upstream lost']);
  });

  it.each([
    ['next() gives its result without a promise', () => ({ done: false, value: 'v' }), 'ok'],
    ['next() resolves with undefined', async () => undefined, 'next() returned undefined'],
    ['next() resolves with null', async () => null, 'next() returned null'],
    ['next() returns undefined', () => undefined, 'next() returned undefined'],
    [
      'the item is a promise that rejects',
      async () => ({ done: false, value: Promise.reject(lost()) }),
      'it yielded a promise',
    ],
    [
      'a getter of the result throws',
      async () => ({
        get done(): boolean {
          throw new Error('no such result');
        },
      }),
      'no such result',
    ],
    ['there is no next()', undefined, 'next is not a function'],
    [
      'next() throws',
      () => {
        throw new Error('cannot');
      },
      'cannot',
    ],
  ])('goes on with the next message if %s', async (_name, next, text) => {
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>());
    let calls = 0;
    const once = next && (() => (calls++ > 0 ? { done: true, value: undefined } : next()));
    const source = { [Symbol.asyncIterator]: () => ({ next: once }) as never };
    const seen = outcomes(channel.writeAndFlush(source), channel.writeAndFlush('behind'));
    await settled(channel);
    expect(seen[0]).toContain(text);
    expect(seen[1]).toBe('ok');
  });

  it('closes a stream that is refused, because too much waits', async () => {
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>({ maxQueuedBytes: 1 }));
    const refused = silent();
    const seen = outcomes(channel.writeAndFlush(silent()), channel.writeAndFlush(refused));
    await settled(channel);
    expect(seen[1]).toMatch(/maxQueuedBytes/);
    expect(refused.destroyed).toBe(true);
  });

  it('behind a handler that delays writes gets a stream that broke meanwhile', async () => {
    const shaping = new TrafficShapingHandler({ writeBytesPerSecond: 1 });
    const channel = new EmbeddedChannel(new StreamWriteHandler<unknown>(), shaping);
    const broken = silent();
    const seen = outcomes(channel.writeAndFlush('xx'), channel.writeAndFlush(broken));
    broken.destroy(lost());
    await settled(channel);
    channel.advance(10_000);
    await settled(channel);
    expect(seen).toEqual(['ok', 'upstream lost']);
  });
});

describe('a RequestHandler', () => {
  const answering = (answers: Record<string, unknown>) =>
    new EmbeddedChannel(
      new StreamWriteHandler<unknown>(),
      new RequestHandler<string, unknown>({
        concurrency: 5,
        handle: (request) => answers[request],
      }),
    );

  it('goes on when an answer breaks that waits for an earlier one', async () => {
    let answer!: (text: string) => void;
    const broken = silent();
    const channel = answering({
      slow: new Promise((resolve) => {
        answer = resolve;
      }),
      broken,
      last: 'last',
    });
    channel.writeInbound('slow', 'broken', 'last');
    broken.destroy(lost());
    await settled(channel);
    answer('slow');
    await settled(channel);
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['slow', 'last']);
  });

  it('closes an answer that waits when the channel closes, or is not sent any more', async () => {
    const [waiting, late] = [silent(), silent()];
    let answer!: (stream: Readable) => void;
    const channel = answering({
      slow: new Promise(() => {}),
      waiting,
      late: new Promise((resolve) => {
        answer = resolve;
      }),
    });
    channel.writeInbound('slow', 'waiting', 'late');
    channel.close();
    answer(late);
    await settled(channel);
    expect([waiting.destroyed, late.destroyed]).toEqual([true, true]);
  });
});
