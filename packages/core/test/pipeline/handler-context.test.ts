import { type Context, type Handler, type Logger, type WriteFuture } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

interface Entry {
  readonly level: string;
  readonly message: string;
  readonly error: Error | undefined;
}

function lines(): Logger & { readonly entries: Entry[] } {
  const entries: Entry[] = [];
  return { entries, log: (level, message, error) => void entries.push({ level, message, error }) };
}

/** Handles one method only: everything else passes it by. */
const only = (methods: Handler): Handler => methods;

describe('the way of an event', () => {
  it('a handler without the method is skipped without a call', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(
      only({ channelActive: (ctx) => ctx.fireChannelActive() }),
      seen,
    );
    seen.take();
    const { pipeline } = channel;
    pipeline.fireChannelRegistered();
    pipeline.fireChannelWritabilityChanged();
    pipeline.fireUserEventTriggered('e');
    pipeline.fireChannelShutdown('input');
    pipeline.fireChannelInactive();
    pipeline.fireChannelUnregistered();
    pipeline.fireExceptionCaught(new Error('x'));
    expect(() => channel.checkException()).toThrow('x');
    expect(seen.take()).toEqual([
      'channelRegistered',
      'channelWritabilityChanged true',
      'userEventTriggered "e"',
      'channelShutdown input',
      'channelInactive',
      'channelUnregistered',
      'exceptionCaught Error: x',
    ]);
  });

  it('ctx goes to the neighbor, pipeline starts at the end of the event’s own direction', () => {
    const into: string[] = [];
    const channel = new EmbeddedChannel(
      ...['1', '2', '3'].map((name) => recordEvents({ name, into })),
    );
    const ctx = channel.pipeline.context('EventRecorder#1')!;
    const during = (action: () => void): string[] => {
      into.length = 0;
      action();
      return [...into];
    };
    expect(during(() => ctx.fireChannelRead(1))).toEqual(['3.channelRead 1']);
    expect(during(() => ctx.fireUserEventTriggered('e'))).toEqual(['3.userEventTriggered "e"']);
    expect(during(() => ctx.writeAndFlush(1))).toEqual(['1.write 1', '1.flush']);
    expect(during(() => ctx.flush())).toEqual(['1.flush']);
    const whole = ['3.write 1', '2.write 1', '1.write 1'];
    expect(during(() => channel.write(1))).toEqual(whole);
    expect(during(() => channel.pipeline.write(1))).toEqual(whole);
    expect(during(() => channel.pipeline.fireUserEventTriggered('e'))).toEqual(
      ['1', '2', '3'].map((name) => `${name}.userEventTriggered "e"`),
    );
    expect(during(() => ctx.shutdown('output'))).toContain('1.shutdown output');
    expect(during(() => ctx.close('idle'))).toEqual(['1.close idle']);
  });

  it('read() travels from the tail to the head, and a handler may keep it', () => {
    const into: string[] = [];
    const channel = new EmbeddedChannel(
      only({ read: () => void into.push('kept') }),
      recordEvents({ name: 'r', into, reads: true }),
    );
    into.length = 0;
    const before = channel.embedded.reads;
    channel.read();
    expect(into).toEqual(['r.read', 'kept']);
    expect(channel.embedded.reads).toBe(before);
    channel.pipeline.removeFirst();
    channel.read();
    expect(channel.embedded.reads).toBe(before + 1);
  });
});

describe('errors of handlers', () => {
  it('a handler that throws gets the error itself, not the next one', () => {
    const error = new Error('boom');
    const caught: unknown[] = [];
    const next = recordEvents();
    const thrower = (key: string): Handler => ({
      [key]() {
        throw error;
      },
      exceptionCaught: (_ctx: Context, seen: Error) => void caught.push(`${key} ${seen === error}`),
    });
    const events: readonly [string, (channel: EmbeddedChannel) => void][] = [
      ['channelRead', ({ pipeline }) => pipeline.fireChannelRead(1)],
      ['channelReadComplete', ({ pipeline }) => pipeline.fireChannelReadComplete()],
      ['channelWritabilityChanged', ({ pipeline }) => pipeline.fireChannelWritabilityChanged()],
      ['userEventTriggered', ({ pipeline }) => pipeline.fireUserEventTriggered(1)],
      ['channelShutdown', ({ pipeline }) => pipeline.fireChannelShutdown('input')],
      ['channelActive', ({ pipeline }) => pipeline.fireChannelActive()],
      ['channelRegistered', ({ pipeline }) => pipeline.fireChannelRegistered()],
      ['channelInactive', ({ pipeline }) => pipeline.fireChannelInactive()],
      ['channelUnregistered', ({ pipeline }) => pipeline.fireChannelUnregistered()],
    ];
    for (const [key, fire] of events) {
      const channel = new EmbeddedChannel();
      channel.pipeline.addLast(thrower(key));
      fire(channel);
    }
    expect(caught).toEqual(events.map(([key]) => `${key} true`));
    expect(next.events).toEqual([]);
  });

  it('passes on from head to tail, and visits handlers that are outbound otherwise', () => {
    const visited: string[] = [];
    const channel = new EmbeddedChannel(
      only({ channelRead: thrown }),
      only({
        write: (ctx, message) => ctx.write(message),
        exceptionCaught(ctx, error) {
          visited.push(error.message);
          ctx.fireExceptionCaught(error);
        },
      }),
      recordEvents(),
    );
    function thrown(): never {
      throw new Error('sync');
    }
    expect(() => channel.writeInbound(1)).toThrow('sync');
    expect(visited).toEqual(['sync']);
  });

  it('an error in exceptionCaught is logged and dropped', () => {
    const logger = lines();
    const seen = recordEvents();
    const channel = EmbeddedChannel.with(
      { logger },
      only({
        exceptionCaught() {
          throw new Error('second');
        },
      }),
      seen,
    );
    seen.take();
    channel.pipeline.fireExceptionCaught(new Error('first'));
    expect(seen.take()).toEqual([]);
    expect(logger.entries).toHaveLength(1);
    expect(logger.entries[0]!.message).toMatch(/Handler#0\.exceptionCaught threw.*"first"/);
    expect(logger.entries[0]!.error?.message).toBe('second');
    expect(() => channel.checkException()).not.toThrow();
    expect(channel.isOpen).toBe(true);
  });

  it('so is a rejection of an asynchronous exceptionCaught', async () => {
    const logger = lines();
    const channel = EmbeddedChannel.with(
      { logger },
      only({ exceptionCaught: () => Promise.reject(new Error('second')) }),
    );
    channel.pipeline.fireExceptionCaught(new Error('first'));
    await Promise.resolve();
    expect(logger.entries.map(({ error }) => error?.message)).toEqual(['second']);
  });

  it('exceptionCaught that fires an event whose handler throws: only that handler is notified, once', () => {
    const reported: string[] = [];
    const channel = new EmbeddedChannel(
      only({
        exceptionCaught(ctx, error) {
          reported.push(`1 ${error.message}`);
          ctx.fireUserEventTriggered('e');
        },
      }),
      only({
        userEventTriggered() {
          throw new Error('inner');
        },
        exceptionCaught: (_ctx, error) => void reported.push(`2 ${error.message}`),
      }),
    );
    channel.pipeline.fireExceptionCaught(new Error('outer'));
    expect(reported).toEqual(['1 outer', '2 inner']);
  });

  it('an operation with a result that throws fails its future, and calls no exceptionCaught', () => {
    const throwing = (key: string): Handler => ({
      [key]() {
        throw new Error(key);
      },
      exceptionCaught: () => void reported.push(key),
    });
    const reported: string[] = [];
    const run = (key: string, call: (channel: EmbeddedChannel) => WriteFuture): void => {
      const channel = new EmbeddedChannel(throwing(key));
      expect(call(channel).error?.message).toBe(key);
      expect(channel.isOpen).toBe(true);
    };
    run('write', (channel) => channel.write(1));
    run('close', (channel) => channel.close());
    run('shutdown', (channel) => channel.shutdown());
    expect(reported).toEqual([]);
  });

  it('flush and read have no result: the handler that throws gets the error', () => {
    const reported: string[] = [];
    const throwing = (key: string): Handler => ({
      [key]() {
        throw new Error(key);
      },
      exceptionCaught: (_ctx: Context, error: Error) => void reported.push(error.message),
    });
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(throwing('flush'), throwing('read'), recordEvents());
    channel.flush();
    channel.read();
    expect(reported).toEqual(['flush', 'read']);
  });

  it('read that throws is reported to the handler that threw, not to its caller', () => {
    const reported: string[] = [];
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(
      only({
        read() {
          throw new Error('r');
        },
        exceptionCaught: () => void reported.push('thrower'),
      }),
      only({
        userEventTriggered: (ctx) => ctx.read(),
        exceptionCaught: () => void reported.push('caller'),
      }),
    );
    channel.pipeline.fireUserEventTriggered('go');
    expect(reported).toEqual(['thrower']);
  });

  it('writeAndFlush: a write that throws fails the future, and the flush still happens', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(
      seen,
      only({
        write(ctx, message: string) {
          if (message === 'bad') throw new Error('no');
          return ctx.write(message);
        },
      }),
    );
    channel.write('good');
    seen.take();
    expect(channel.writeAndFlush('bad').error?.message).toBe('no');
    expect(seen.take()).toEqual(['flush']);
    expect(channel.readOutbound()).toBe('good');
  });

  it('a rejection of an asynchronous handler counts as its throw', async () => {
    const reported: string[] = [];
    const async = (key: string): Handler => ({
      [key]: () => Promise.reject(new Error(key)),
      exceptionCaught: (_ctx: Context, error: Error) => void reported.push(error.message),
    });
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(async('channelRead'), async('userEventTriggered'), async('flush'));
    channel.pipeline.fireChannelRead(1);
    channel.pipeline.fireUserEventTriggered(1);
    channel.flush();
    await Promise.resolve();
    expect(reported).toEqual(['channelRead', 'userEventTriggered', 'flush']);
  });

  it('an error in what a handler scheduled is its own, and does not end the process', () => {
    const reported: string[] = [];
    const later = (name: string): Handler => ({
      channelActive(ctx) {
        ctx.clock.schedule(() => {
          throw new Error(`${name} timer`);
        }, 10);
        ctx.clock.execute(() => {
          throw new Error(`${name} task`);
        });
        ctx.fireChannelActive();
      },
      exceptionCaught(ctx, error) {
        reported.push(`${name} caught ${error.message}`);
        if (error.message.startsWith('1')) ctx.fireExceptionCaught(error);
      },
    });
    const channel = new EmbeddedChannel(later('1'), later('2'));
    expect(reported).toEqual(['1 caught 1 task', '2 caught 1 task', '2 caught 2 task']);
    reported.length = 0;
    channel.pipeline.removeFirst();
    channel.advance(10);
    expect(reported).toEqual(['2 caught 1 timer', '2 caught 2 timer']);
  });

  it('an asynchronous task that rejects is the handler’s error; a write’s future is ignored', async () => {
    const reported: string[] = [];
    const channel = new EmbeddedChannel({
      handlerAdded(ctx) {
        ctx.clock.schedule(async () => {
          throw new Error('task');
        }, 10);
        ctx.clock.schedule(() => ctx.write('never flushed'), 10);
      },
      exceptionCaught: (_ctx, error) => void reported.push(error.message),
    } satisfies Handler);
    channel.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reported).toEqual(['task']);
    channel.run(() => channel.abort());
    await new Promise((resolve) => setImmediate(resolve));
    expect(reported).toEqual(['task']);
  });

  it('messages do not wait for an asynchronous handler', () => {
    const channel = new EmbeddedChannel(
      only({
        async channelRead(ctx, message: string) {
          ctx.fireChannelRead(`${message} begins`);
          await Promise.resolve();
          ctx.fireChannelRead(`${message} ends`);
        },
      }),
    );
    channel.writeInbound('a', 'b');
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['a begins', 'b begins']);
  });

  it('an asynchronous write settles its future with its outcome', async () => {
    const channel = new EmbeddedChannel(
      only({
        write: async (ctx, message: string) => {
          await Promise.resolve();
          if (message === 'bad') throw new Error('no');
          await ctx.writeAndFlush(message);
        },
      }),
    );
    await channel.write('good');
    expect(channel.readOutbound()).toBe('good');
    await expect(channel.write('bad')).rejects.toThrow('no');
  });

  it('a handler that throws something else than an Error gets an Error', () => {
    const channel = new EmbeddedChannel(
      only({
        channelRead() {
          throw 'just text';
        },
      }),
    );
    expect(() => channel.writeInbound(1)).toThrow('just text');
  });
});

describe('operations', () => {
  it('write of null or undefined throws at once', () => {
    const channel = new EmbeddedChannel();
    const ctx = () => channel.pipeline.context('Handler#0')!;
    channel.pipeline.addLast({ channelActive() {} });
    for (const nothing of [null, undefined]) {
      expect(() => channel.write(nothing)).toThrow(TypeError);
      expect(() => channel.writeAndFlush(nothing)).toThrow(TypeError);
      expect(() => channel.pipeline.write(nothing)).toThrow(TypeError);
      expect(() => ctx().write(nothing)).toThrow(/null or undefined/);
    }
    channel.flush();
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('a write whose signal is aborted already reaches no handler, and fails', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    const signal = AbortSignal.abort(new Error('changed my mind'));
    expect(channel.write('x', { signal }).error).toMatchObject({
      code: 'HR_ERR_OPERATION_ABORTED',
      cause: signal.reason,
    });
    expect(seen.take()).toEqual([]);
    expect(channel.writeAndFlush('x', { signal }).isSuccess).toBe(false);
    expect(seen.take()).toEqual(['flush']);
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('a write aborted before its flush is taken back, and the others go out in order', () => {
    const channel = new EmbeddedChannel();
    const abort = new AbortController();
    const before = channel.write('1');
    const cancelled = channel.write('22', { signal: abort.signal });
    const after = channel.write('3');
    const pending = channel.pendingOutboundBytes;
    abort.abort();
    expect(cancelled.error).toMatchObject({ code: 'HR_ERR_OPERATION_ABORTED' });
    expect(pending - channel.pendingOutboundBytes).toBe(64 + 2);
    channel.flush();
    expect([channel.readOutbound(), channel.readOutbound(), channel.readOutbound()]).toEqual([
      '1',
      '3',
      undefined,
    ]);
    expect(before.isSuccess && after.isSuccess).toBe(true);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('an abort after the flush changes nothing', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    const abort = new AbortController();
    const future = channel.writeAndFlush('x', { signal: abort.signal });
    abort.abort();
    expect(future.isSettled).toBe(false);
    channel.embedded.release();
    expect(future.isSuccess).toBe(true);
    expect(channel.readOutbound()).toBe('x');
  });

  it('write and flush in turn from within a handler keep the order and end', () => {
    const channel = new EmbeddedChannel(
      only({
        flush(ctx) {
          const next = left.shift();
          if (next !== undefined) ctx.channel.writeAndFlush(next);
          ctx.flush();
        },
      }),
    );
    const left = ['2', '3', '4'];
    channel.writeAndFlush('1');
    const out = Array.from({ length: 5 }, () => channel.readOutbound());
    expect(out).toEqual(['1', '2', '3', '4', undefined]);
  });

  it('reads asked for from within reads, through a handler that holds messages back, keep their order', () => {
    const held: string[] = [];
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      only({
        channelRead(ctx, message: string) {
          held.push(message);
          if (wanted > 0) deliver(ctx);
        },
        read: (ctx) => {
          wanted += 1;
          deliver(ctx);
        },
      }),
      only({
        channelRead(ctx, message) {
          ctx.fireChannelRead(message);
          ctx.read();
        },
      }),
    );
    let wanted = 0;
    function deliver(ctx: Context): void {
      const next = held.shift();
      if (next === undefined) ctx.read();
      else {
        wanted -= 1;
        ctx.fireChannelRead(next);
      }
    }
    channel.writeInbound('A', 'B', 'C');
    expect(channel.readInbound()).toBeUndefined();
    channel.read();
    expect([1, 2, 3].map(() => channel.readInbound())).toEqual(['A', 'B', 'C']);
  });

  it('closing from a write’s future inside the flush is safe', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    const first = channel.write('1');
    first.onSettled(() => channel.close());
    channel.flush();
    expect(seen.take()).toEqual([
      'write "1"',
      'flush',
      'close local',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
    expect(first.isSuccess).toBe(true);
    expect(channel.pendingOutboundBytes).toBe(0);
  });
});
