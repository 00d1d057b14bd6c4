import { Readable } from 'node:stream';
import { type Handler, isHeadraceError, type Logger } from '@headrace/core';
import { EmbeddedChannel, type EmbeddedChannelOptions } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { StreamWriteHandler } from '../../src/flow/stream-write-handler.ts';

/** A source whose chunks the test gives one by one, and that notes what is done with it. */
class Source implements AsyncIterable<unknown> {
  pulls = 0;
  isClosed = false;
  private waiting: ((result: IteratorResult<unknown>) => void) | undefined;
  private failing: ((error: Error) => void) | undefined;

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => {
        this.pulls += 1;
        return new Promise((resolve, reject) => {
          this.waiting = resolve;
          this.failing = reject;
        });
      },
      return: () => {
        this.isClosed = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async give(value: unknown): Promise<void> {
    this.waiting?.({ done: false, value });
    await turn();
  }

  async end(): Promise<void> {
    this.waiting?.({ done: true, value: undefined });
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.failing?.(error);
    await turn();
  }
}

/** Lets promises settle. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function streaming(options: EmbeddedChannelOptions = {}, ...before: Handler[]): EmbeddedChannel {
  return EmbeddedChannel.with(options, ...before, new StreamWriteHandler<unknown>());
}

function taken(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) all.push(m);
  return all;
}

function outcome(future: {
  onSettled(listener: (error: Error | undefined) => void): void;
}): string[] {
  const settled: string[] = [];
  future.onSettled((error) => settled.push(error === undefined ? 'ok' : error.message));
  return settled;
}

describe('StreamWriteHandler', () => {
  it.each([
    ['a Readable', () => Readable.from(['a', 'b', 'c'])],
    [
      'an async generator',
      async function* () {
        yield 'a';
        yield 'b';
        yield 'c';
      },
    ],
  ])('writes the chunks of %s in order', async (_name, make) => {
    const channel = streaming();
    await channel.writeAndFlush(make());
    expect(taken(channel)).toEqual(['a', 'b', 'c']);
  });

  it('writes the bytes of a stream', async () => {
    const channel = streaming();
    await channel.writeAndFlush(Readable.from([Buffer.from('one'), Buffer.from('two')]));
    expect(Buffer.concat(taken(channel) as Buffer[]).toString()).toBe('onetwo');
  });

  it('pulls nothing before the flush', async () => {
    const channel = streaming();
    const source = new Source();
    channel.write(source);
    await turn();
    expect(source.pulls).toBe(0);
    channel.flush();
    expect(source.pulls).toBe(1);
  });

  it('pulls only while the channel is writable, and goes on when it is again', async () => {
    const channel = streaming({ writeBufferHighBytes: 200, writeBufferLowBytes: 100 });
    const source = new Source();
    channel.embedded.isStuck = true;
    channel.writeAndFlush(source);
    await source.give(Buffer.alloc(300));
    expect(channel.isWritable).toBe(false);
    expect(source.pulls).toBe(1);
    channel.run(() => channel.embedded.release());
    expect(source.pulls).toBe(2);
  });

  it('keeps plain messages in their place, before and after the stream', async () => {
    const channel = streaming();
    const source = new Source();
    channel.write('before');
    channel.write(source);
    const after = outcome(channel.write('after'));
    channel.writeAndFlush(Readable.from(['second']));
    await source.give('chunk');
    expect(taken(channel)).toEqual(['before', 'chunk']);
    expect(after).toEqual([]);
    await source.end();
    await turn();
    expect(taken(channel)).toEqual(['after', 'second']);
    expect(after).toEqual(['ok']);
  });

  it('leaves unflushed messages after a stream unsent until their flush', async () => {
    const channel = streaming();
    channel.writeAndFlush(Readable.from(['chunk']));
    channel.write('unflushed');
    await turn();
    await turn();
    expect(taken(channel)).toEqual(['chunk']);
    channel.flush();
    expect(taken(channel)).toEqual(['unflushed']);
  });

  it('succeeds after the last chunk was taken', async () => {
    const channel = streaming();
    const source = new Source();
    const done = outcome(channel.writeAndFlush(source));
    channel.embedded.isStuck = true;
    await source.give('last');
    await source.end();
    expect(done).toEqual([]);
    channel.run(() => channel.embedded.release());
    expect(done).toEqual(['ok']);
  });

  it('succeeds for a stream without chunks', async () => {
    const channel = streaming();
    const done = outcome(channel.writeAndFlush(Readable.from([])));
    await turn();
    await turn();
    expect(done).toEqual(['ok']);
    expect(taken(channel)).toEqual([]);
  });

  it('closes the source when a chunk cannot be written, and goes on with the next message', async () => {
    const picky: Handler = {
      write: (ctx, message) => {
        if (message === 'bad') throw new Error('no such chunk');
        return ctx.write(message);
      },
    };
    const channel = streaming({}, picky);
    const source = new Source();
    const done = outcome(channel.write(source));
    channel.writeAndFlush('next');
    await source.give('good');
    await source.give('bad');
    expect(done).toEqual(['no such chunk']);
    expect(source.isClosed).toBe(true);
    await source.give('never');
    expect(taken(channel)).toEqual(['good', 'next']);
    expect(source.pulls).toBe(2);
  });

  it('reports the failure of a source by the future alone', async () => {
    const channel = streaming();
    const source = new Source();
    const done = outcome(channel.write(source));
    channel.writeAndFlush('next');
    await source.fail(new Error('disk'));
    expect(done).toEqual(['disk']);
    channel.checkException();
    expect(taken(channel)).toEqual(['next']);
  });

  it('reports a source that cannot even be started, and of a chunk that is none', async () => {
    const broken: AsyncIterable<unknown> = {
      [Symbol.asyncIterator]: () => {
        throw new Error('cannot open');
      },
    };
    const channel = streaming();
    expect(outcome(channel.writeAndFlush(broken))).toEqual(['cannot open']);
    const source = new Source();
    const done = outcome(channel.writeAndFlush(source));
    await source.give(undefined);
    expect(done[0]).toMatch(/cannot be null or undefined/);
  });

  it('fails what is pending when the channel closes, and closes the source', async () => {
    const channel = streaming();
    const source = new Source();
    const stream = new Readable({ read() {} });
    const errors: boolean[] = [];
    for (const message of [source, stream, 'plain']) {
      channel.write(message).onSettled((error) => {
        errors.push(isHeadraceError(error, 'CHANNEL_CLOSED'));
      });
    }
    channel.flush();
    channel.finish();
    expect(errors).toEqual([true, true, true]);
    expect(source.isClosed).toBe(true);
    expect(stream.destroyed).toBe(true);
    await source.give('late');
  });

  it('counts a source that has ended as written when the channel closes', async () => {
    const ended = Readable.from(['x']);
    ended.resume();
    await turn();
    expect(ended.readableEnded).toBe(true);
    const channel = streaming();
    const first = new Source();
    channel.write(first);
    const done = outcome(channel.write(ended));
    channel.flush();
    channel.finish();
    expect(done).toEqual(['ok']);
  });

  it('does not ask again while the source has nothing', async () => {
    const channel = streaming();
    const source = new Source();
    channel.writeAndFlush(source);
    for (let i = 0; i < 5; i++) {
      channel.flush();
      await turn();
    }
    expect(source.pulls).toBe(1);
  });

  it('refuses messages after a stream beyond its bound', () => {
    const handler = new StreamWriteHandler<unknown>({ maxQueuedBytes: 1000 });
    const channel = EmbeddedChannel.with({}, handler);
    channel.writeAndFlush(new Source());
    const full = outcome(channel.write(Buffer.alloc(2000)));
    expect(full[0]).toMatch(/exceed maxQueuedBytes \(1000\)/);
    expect(outcome(channel.write(Buffer.alloc(100)))).toEqual([]);
  });

  it('ends our half after the streams that were flushed before', async () => {
    const channel = streaming({ allowHalfOpen: true });
    const source = new Source();
    channel.writeAndFlush(source);
    const ended = outcome(channel.shutdown('output'));
    await source.give('x');
    expect(channel.isOutputShutdown).toBe(false);
    await source.end();
    expect(ended).toEqual(['ok']);
    expect(taken(channel)).toEqual(['x']);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('lets go of the source when it is removed', () => {
    const channel = streaming();
    const source = new Source();
    const done = outcome(channel.writeAndFlush(source));
    channel.run(() => channel.pipeline.remove(StreamWriteHandler));
    expect(done).toEqual(['StreamWriteHandler was removed while streaming']);
    expect(source.isClosed).toBe(true);
  });

  it('logs an unhandled failed stream', async () => {
    const lines: string[] = [];
    const logger: Logger = { log: (level, text) => void lines.push(`${level} ${text}`) };
    const channel = streaming({ logger });
    const source = new Source();
    channel.writeAndFlush(source);
    await source.fail(new Error('disk'));
    channel.runPendingTasks();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warn/);
  });

  it('settles a stream without a chunk in its place: after what was written before it', async () => {
    const channel = streaming();
    channel.embedded.isStuck = true;
    const order: string[] = [];
    channel.write('x').onSettled(() => order.push('x'));
    channel.writeAndFlush(Readable.from([])).onSettled(() => order.push('empty'));
    await turn();
    expect(order).toEqual([]);
    channel.run(() => channel.embedded.release());
    await turn();
    expect(order).toEqual(['x', 'empty']);
  });

  it('counts what waits for a stream towards writability, and goes on anyway', async () => {
    const channel = streaming({ writeBufferHighBytes: 1000, writeBufferLowBytes: 500 });
    const source = new Source();
    channel.writeAndFlush(source);
    channel.run(() => channel.writeAndFlush(Buffer.alloc(2000)));
    expect(channel.isWritable).toBe(false);
    expect(channel.pendingOutboundBytes).toBeGreaterThan(2000);
    await source.give('a');
    expect(source.pulls).toBe(2);
    channel.embedded.isStuck = true;
    await source.give(Buffer.alloc(1500));
    expect(source.pulls).toBe(2);
    channel.run(() => channel.embedded.release());
    await turn();
    expect(source.pulls).toBe(3);
    await source.end();
    channel.run(() => {});
    expect(taken(channel)).toHaveLength(3);
    expect(channel.isWritable).toBe(true);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('mayHaveLeft is true for a stream of which a chunk was written, false for one that has not begun', async () => {
    const channel = streaming();
    const [begun, waiting] = [new Source(), new Source()];
    const first = channel.writeAndFlush(begun);
    const second = channel.writeAndFlush(waiting);
    await begun.give('chunk');
    channel.close();
    channel.runPendingTasks();
    const seen = [first, second].map(({ error, mayHaveLeft }) => [
      error !== undefined,
      mayHaveLeft,
    ]);
    expect(seen).toEqual([
      [true, true],
      [true, false],
    ]);
  });
});
