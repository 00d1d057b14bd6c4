import { type Context, type Handler, isHeadraceError, type WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { IdleStateEvent } from '../../src/idle/idle-state-event.ts';
import { IdleStateHandler, type IdleStateOptions } from '../../src/idle/idle-state-handler.ts';

/** Notes idle events as `reader first @100`. */
class Recorder implements Handler {
  readonly seen: string[] = [];

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof IdleStateEvent)) return;
    this.seen.push(`${event.state}${event.first ? ' first' : ''} @${ctx.clock.now()}`);
  }

  take(): string[] {
    return this.seen.splice(0);
  }
}

function setUp(options: IdleStateOptions): {
  channel: EmbeddedChannel;
  recorder: Recorder;
  idle: IdleStateHandler;
} {
  const recorder = new Recorder();
  const idle = new IdleStateHandler(options);
  const channel = new EmbeddedChannel(idle, recorder);
  return { channel, recorder, idle };
}

describe('IdleStateHandler', () => {
  it('keeps three times apart', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100, writerIdleMs: 150, allIdleMs: 220 });
    channel.advance(220);
    expect(recorder.take()).toEqual([
      'reader first @100',
      'writer first @150',
      'reader @200',
      'all first @220',
    ]);
  });

  it('leaves disabled checks off, and refuses times that are not valid', () => {
    const { channel, recorder } = setUp({ readerIdleMs: false });
    channel.advance(1e9);
    expect(recorder.seen).toEqual([]);
    expect(channel.clock.pendingTimers).toBe(0);
    for (const bad of [0, -1, Number.NaN]) {
      expect(() => new IdleStateHandler({ allIdleMs: bad })).toThrow(
        /allIdleMs is .* false for off/,
      );
    }
  });

  it('refuses to be made without any time, which would watch nothing', () => {
    for (const options of [{}, { observeOutput: true }]) {
      expect(() => new IdleStateHandler(options)).toThrow(
        /^IdleStateHandler: readerIdleMs is undefined, but must be a time where writerIdleMs and allIdleMs are not given/,
      );
    }
    expect(() => new IdleStateHandler({ allIdleMs: false })).not.toThrow();
  });

  it('takes less than a millisecond as one', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 0.25 });
    channel.advance(1);
    expect(recorder.take()).toEqual(['reader first @1']);
  });

  it('starts when the channel becomes active', () => {
    const recorder = new Recorder();
    const idle = new IdleStateHandler({ readerIdleMs: 100 });
    const channel = EmbeddedChannel.with({ register: false }, idle, recorder);
    channel.advance(500);
    channel.register();
    channel.advance(100);
    expect(recorder.take()).toEqual(['reader first @600']);
  });

  it('starts when it is added to an active channel', () => {
    const channel = new EmbeddedChannel();
    channel.advance(70);
    const recorder = new Recorder();
    channel.pipeline.addLast(new IdleStateHandler({ writerIdleMs: 100 }), recorder);
    channel.advance(100);
    expect(recorder.take()).toEqual(['writer first @170']);
  });

  it('cancels its timers when the channel closes', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100, writerIdleMs: 100, allIdleMs: 100 });
    channel.run(() => void channel.close());
    expect(channel.clock.pendingTimers).toBe(0);
    channel.advance(1000);
    expect(recorder.take()).toEqual([]);
  });

  it('cancels all three timers when it is removed', () => {
    const { channel, recorder, idle } = setUp({
      readerIdleMs: 100,
      writerIdleMs: 100,
      allIdleMs: 100,
    });
    channel.advance(250);
    recorder.take();
    channel.pipeline.remove(idle);
    expect(channel.clock.pendingTimers).toBe(0);
    channel.advance(1000);
    expect(recorder.take()).toEqual([]);
  });

  it('does nothing when a timer fires on a closed channel', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100 });
    channel.clock.schedule(() => channel.close(), 100);
    const late = new Recorder();
    const closing = EmbeddedChannel.with(
      { clock: channel.clock },
      new IdleStateHandler({ readerIdleMs: 100 }),
      late,
    );
    channel.clock.schedule(() => closing.close(), 99.5);
    channel.advance(100);
    expect(recorder.take()).toEqual(['reader first @100']);
    expect(late.take()).toEqual([]);
  });

  it('marks the first event once, then once per further full period', () => {
    const { channel, recorder } = setUp({ writerIdleMs: 100 });
    channel.advance(350);
    expect(recorder.take()).toEqual(['writer first @100', 'writer @200', 'writer @300']);
  });

  it('marks the first event again after a read, for reader and all', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100, writerIdleMs: 100, allIdleMs: 100 });
    channel.advance(100);
    channel.advance(50);
    recorder.take();
    channel.writeInbound('x');
    channel.advance(100);
    expect(recorder.take()).toEqual(['writer @200', 'reader first @250', 'all first @250']);
  });

  it('marks the first event again after a completed write, for writer and all', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100, writerIdleMs: 100, allIdleMs: 100 });
    channel.advance(150);
    recorder.take();
    channel.writeOutbound('x');
    channel.advance(100);
    expect(recorder.take()).toEqual(['reader @200', 'writer first @250', 'all first @250']);
  });

  it('counts from the end of the burst', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100 });
    channel.writeOneInbound('x');
    channel.advance(60);
    channel.flushInbound();
    channel.advance(99);
    expect(recorder.take()).toEqual([]);
    channel.advance(1);
    expect(recorder.take()).toEqual(['reader first @160']);
  });

  it('never calls a burst that is being read idle', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100, allIdleMs: 100 });
    channel.writeOneInbound('x');
    channel.advance(1000);
    expect(recorder.take()).toEqual([]);
    channel.flushInbound();
    channel.advance(100);
    expect(recorder.take()).toEqual(['reader first @1100', 'all first @1100']);
  });

  it('counts from the moment the write settles, not from the call', () => {
    const { channel, recorder } = setUp({ writerIdleMs: 100 });
    channel.writeOneOutbound('x');
    channel.advance(60);
    channel.flushOutbound();
    channel.advance(99);
    expect(recorder.take()).toEqual([]);
    channel.advance(1);
    expect(recorder.take()).toEqual(['writer first @160']);
  });

  it('counts a failed write, too', () => {
    const recorder = new Recorder();
    const failing: Handler = {
      write: (): WriteFuture => {
        throw new Error('no');
      },
    };
    const channel = new EmbeddedChannel(
      failing,
      new IdleStateHandler({ writerIdleMs: 100 }),
      recorder,
    );
    channel.advance(60);
    channel.run(() => channel.write('x').onSettled(() => {}));
    channel.advance(99);
    expect(recorder.take()).toEqual([]);
    channel.advance(1);
    expect(recorder.take()).toEqual(['writer first @160']);
  });

  it('does not hide that a write failed', () => {
    const reported: Error[] = [];
    const hooks = { writeFailed: (_channel: unknown, error: Error) => reported.push(error) };
    const channel = EmbeddedChannel.with({ hooks }, new IdleStateHandler({ writerIdleMs: 100 }));
    channel.run(() => void channel.write('never flushed'));
    channel.run(() => void channel.close());
    expect(reported.map((error) => isHeadraceError(error, 'CHANNEL_CLOSED'))).toEqual([true]);
  });

  it('waits only for what is left after an activity', () => {
    const { channel, recorder } = setUp({ readerIdleMs: 100 });
    channel.advance(30);
    channel.writeInbound('x');
    channel.advance(99);
    expect(recorder.take()).toEqual([]);
    channel.advance(1);
    expect(recorder.take()).toEqual(['reader first @130']);
  });

  it('sets no timer per message', () => {
    const { channel } = setUp({ readerIdleMs: 100, writerIdleMs: 100, allIdleMs: 100 });
    let armed = 0;
    const { schedule } = channel.clock;
    channel.clock.schedule = (task, delayMs) => {
      armed += 1;
      return schedule.call(channel.clock, task, delayMs);
    };
    for (let i = 0; i < 100; i++) {
      channel.writeInbound('x');
      channel.writeOutbound('y');
    }
    expect(armed).toBe(0);
  });

  it('takes a reset for activity', () => {
    const { channel, recorder, idle } = setUp({ readerIdleMs: 100, writerIdleMs: 100 });
    channel.advance(50);
    idle.resetReadTimeout();
    channel.advance(20);
    idle.resetWriteTimeout();
    channel.advance(100);
    expect(recorder.take()).toEqual(['reader first @150', 'writer first @170']);
  });

  it('gives an error of the next handler to that handler', () => {
    const caught: string[] = [];
    const channel = new EmbeddedChannel(new IdleStateHandler({ readerIdleMs: 100 }), {
      userEventTriggered: () => {
        throw new Error('on idle');
      },
      exceptionCaught: (_ctx: Context, error: Error) => void caught.push(error.message),
    });
    channel.advance(200);
    expect(caught).toEqual(['on idle', 'on idle']);
  });

  it('takes a slow write for idle, unless it observes the output', () => {
    const { channel, recorder } = setUp({ writerIdleMs: 100 });
    channel.embedded.isStuck = true;
    channel.run(() => void channel.writeAndFlush('x'.repeat(1000)));
    for (const unsent of [700, 400, 100]) {
      channel.embedded.unsentBytes = unsent;
      channel.advance(100);
    }
    expect(recorder.take()).toEqual(['writer first @100', 'writer @200', 'writer @300']);
    channel.finish();
  });

  it.each(['writer', 'all'] as const)(
    'sees the output move, but for the first event (%s)',
    (state) => {
      const { channel, recorder } = setUp({
        [state === 'writer' ? 'writerIdleMs' : 'allIdleMs']: 100,
        observeOutput: true,
      });
      channel.embedded.isStuck = true;
      channel.run(() => void channel.writeAndFlush('x'.repeat(1000)));
      channel.advance(100);
      expect(recorder.take()).toEqual([`${state} first @100`]);
      channel.embedded.unsentBytes = 500;
      channel.advance(100);
      expect(recorder.take()).toEqual([]);
      channel.advance(100);
      expect(recorder.take()).toEqual([`${state} @300`]);
      channel.run(() => void channel.write('more waits'));
      channel.advance(100);
      expect(recorder.take()).toEqual([]);
      channel.embedded.release();
      channel.advance(100);
      expect(recorder.take()).toEqual([`${state} first @500`]);
      channel.finish();
    },
  );

  it('watches the output for writer and all apart', () => {
    const { channel, recorder } = setUp({
      writerIdleMs: 100,
      allIdleMs: 100,
      observeOutput: true,
    });
    channel.embedded.isStuck = true;
    channel.run(() => void channel.writeAndFlush('x'.repeat(1000)));
    channel.advance(100);
    recorder.take();
    channel.embedded.unsentBytes = 500;
    channel.advance(100);
    expect(recorder.take()).toEqual([]);
    channel.finish();
  });

  it('has no write method when only reading is watched', () => {
    expect(new IdleStateHandler({ readerIdleMs: 100 }).write).toBeUndefined();
    expect(new IdleStateHandler({ writerIdleMs: 100 }).write).toBeTypeOf('function');
    expect(new IdleStateHandler({ allIdleMs: 100 }).write).toBeTypeOf('function');
    class Own extends IdleStateHandler {
      override write(ctx: Context, message: unknown): WriteFuture {
        return ctx.write(`own ${String(message)}`);
      }
    }
    const channel = new EmbeddedChannel(new Own({ readerIdleMs: 100 }));
    channel.writeOutbound('x');
    expect(channel.readOutbound()).toBe('own x');
  });

  it('listens once for the writes that share a future', () => {
    let listeners = 0;
    const watched = new Set<WriteFuture>();
    const counting: Handler = {
      write(ctx: Context, message: unknown): WriteFuture {
        const future = ctx.write(message);
        if (watched.has(future)) return future;
        watched.add(future);
        const peek = future.peekSettled.bind(future);
        future.peekSettled = (listener) => {
          listeners += 1;
          peek(listener);
        };
        return future;
      },
    };
    const channel = new EmbeddedChannel(counting, new IdleStateHandler({ writerIdleMs: 100 }));
    for (const text of ['a', 'b', 'c']) void channel.write(text);
    channel.flushOutbound();
    expect(listeners).toBe(1);
  });

  it('gives the same event object each time', () => {
    expect(IdleStateEvent.of('reader', true)).toBe(IdleStateEvent.of('reader', true));
    expect(Object.isFrozen(IdleStateEvent.of('all', false))).toBe(true);
  });
});

describe('a subclass of IdleStateHandler', () => {
  it.each([
    [
      'throws',
      (): void => {
        throw new Error('no pause');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no pause'))],
  ])('has its error fired when its channelIdle %s, and is called again', async (_what, fails) => {
    class Broken extends IdleStateHandler {
      protected override channelIdle(): void {
        // biome-ignore lint/correctness/noVoidTypeReturn: as a method that is async by mistake
        return fails() as undefined;
      }
    }
    const caught: string[] = [];
    const channel = new EmbeddedChannel(new Broken({ readerIdleMs: 100 }), {
      exceptionCaught: (_ctx: Context, error: Error) => void caught.push(error.message),
    });
    channel.advance(200);
    await Promise.resolve();
    expect(caught).toEqual(['no pause', 'no pause']);
  });
});
