import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { describe, expect, it } from 'vitest';
import {
  checkedResult,
  GivenSource,
  observeSource,
  releaseSource,
} from '../../src/call/given-source.ts';
import { ChannelGroup } from '../../src/group/channel-group.ts';
import { PendingWriteQueue } from '../../src/hold/pending-write-queue.ts';
import { connectedPair, EmbeddedChannel } from '../../src/testing/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lost = () => new Error('upstream lost');

/** A stream that has no data. */
function silent(): Readable {
  return new Readable({ read() {} });
}

/** An iterable that notes its return. */
function noted(log: string[]): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: () => {
        log.push('returned');
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
}

describe('a source that the application gives away', () => {
  it('may fail before anything reads it', async () => {
    const stream = silent();
    const seen: string[] = [];
    observeSource(stream, (error) => seen.push(error.message));
    stream.destroy(lost());
    await turn();
    expect(seen).toEqual(['upstream lost']);
  });

  it('is observed by one listener, however often it is handed on', async () => {
    const stream = silent();
    for (let i = 0; i < 20; i++) observeSource(stream);
    expect(stream.listenerCount('error')).toBe(1);
    stream.destroy(lost());
    await turn();
  });

  it('reports a failure from before', async () => {
    const stream = silent().on('error', () => {});
    stream.destroy(lost());
    await turn();
    const seen: string[] = [];
    observeSource(stream, (error) => seen.push(error.message));
    expect(seen).toEqual([]);
    await turn();
    expect(seen).toEqual(['upstream lost']);
  });

  it('fails at its read, if it failed before', async () => {
    const given = new GivenSource(silent());
    (given.source as Readable).destroy(lost());
    await turn();
    await expect(given.next()).rejects.toThrow('upstream lost');
  });

  it('is released once, read or not, and a release never fails', async () => {
    const log: string[] = [];
    const given = new GivenSource(noted(log));
    void given.next();
    await given.release();
    await given.release();
    expect(log).toEqual(['returned']);
    await releaseSource(noted(log));
    expect(log).toEqual(['returned', 'returned']);
    await releaseSource({
      [Symbol.asyncIterator]() {
        throw new Error('cannot be read');
      },
    });
    for (const other of [undefined, null, 'text', 5, Buffer.from('bytes'), [1], new EventEmitter()])
      await releaseSource(other);
  });

  it('is closed even if it is not a stream of Node', async () => {
    let why: unknown = 'open';
    const web = new ReadableStream({
      cancel(reason) {
        why = reason;
      },
    });
    await releaseSource(web);
    expect(why).toBe(undefined);
    function* numbers(): Generator<number> {
      yield 1;
    }
    const generator = numbers();
    await releaseSource(generator);
    expect(generator.next().done).toBe(true);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'done'],
  ])('a result that is %s breaks the rules of iterators', (_name, result) => {
    expect(() => checkedResult(result)).toThrow(/broke the rules of iterators: next\(\) returned/);
  });

  it('an item that is a promise breaks them, too, and its rejection is handled', async () => {
    const value = Promise.reject(lost());
    expect(() => checkedResult({ done: false, value })).toThrow(/it yielded a promise/);
    await turn();
  });
});

describe('a write that is refused closes the stream that it was given', () => {
  type Refuse = (stream: Readable) => unknown;
  const failing = {
    write: () => {
      throw new Error('cannot encode');
    },
  };
  const cases: Record<string, Refuse> = {
    'the channel is closed': (stream) => {
      const channel = new EmbeddedChannel();
      channel.close();
      return channel.write(stream);
    },
    'the output is shut down': (stream) => {
      const channel = new EmbeddedChannel();
      channel.shutdown('output');
      return channel.write(stream);
    },
    'no handler encodes it': (stream) => {
      const { client } = connectedPair({ client: () => {}, server: () => {} });
      return client.write(stream as never);
    },
    'the output is full': (stream) => {
      const channel = EmbeddedChannel.with({ maxOutboundBytes: 10 });
      channel.write('x'.repeat(20));
      return channel.write(stream);
    },
    'a handler throws': (stream) => new EmbeddedChannel(failing).write(stream),
    'its signal has aborted': (stream) =>
      new EmbeddedChannel().write(stream, { signal: AbortSignal.abort() }),
    'a queue is full': (stream) => {
      const channel = new EmbeddedChannel({
        write: (ctx, message) => {
          const queue = new PendingWriteQueue(ctx, { maxMessages: 1 });
          queue.add('first');
          return queue.add(message);
        },
      });
      return channel.write(stream);
    },
    'a queue fails what waits in it': (stream) => {
      let queue!: PendingWriteQueue;
      const channel = new EmbeddedChannel({
        handlerAdded: (ctx) => {
          queue = new PendingWriteQueue(ctx);
        },
        write: (_ctx, message) => queue.add(message),
      });
      const write = channel.write(stream);
      queue.removeAndFailAll(new Error('over'));
      return write;
    },
    'a group has no members': (stream) => new ChannelGroup('room').writeAndFlush(stream),
    'the member of a group is slow': (stream) => {
      const limits = { writeBufferLowBytes: 0, writeBufferHighBytes: 10, outboundStallMs: false };
      const member = EmbeddedChannel.with(limits as never);
      member.embedded.isStuck = true;
      const group = new ChannelGroup('room', { slowMember: 'drop-newest' });
      group.add(member);
      member.writeAndFlush('x'.repeat(20));
      return group.writeAndFlush(stream);
    },
  };
  it.each(Object.entries(cases))('%s', async (_name, refuse) => {
    const stream = silent();
    const write = refuse(stream) as PromiseLike<void>;
    await Promise.resolve(write).catch(() => {});
    await turn();
    expect(stream.destroyed).toBe(true);
  });
});

it('a stream that waits in a queue of writes may fail', async () => {
  let queue!: PendingWriteQueue;
  const channel = new EmbeddedChannel({
    handlerAdded: (ctx) => {
      queue = new PendingWriteQueue(ctx);
    },
    write: (_ctx, message) => queue.add(message),
  });
  const stream = silent();
  channel.write(stream);
  stream.destroy(lost());
  await turn();
  expect(queue.size).toBe(1);
});
