import {
  type Context,
  DrainEvent,
  type Handler,
  type ReadHold,
  sequential,
  TlsUpgradeEvent,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';

/** Handles a message when the test says so. */
class Slow implements Handler {
  readonly begun: string[] = [];
  private readonly finish: ((error?: Error) => void)[] = [];

  channelRead(ctx: Context, message: string): Promise<void> {
    this.begun.push(message);
    return new Promise((resolve, reject) => {
      this.finish.push((error) => {
        if (error !== undefined) reject(error);
        else resolve(ctx.fireChannelRead(message));
      });
    });
  }

  async finishNext(error?: Error): Promise<void> {
    this.finish.shift()!(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('handles one message at a time, in order', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  channel.writeInbound('a', 'b');
  expect(slow.begun).toEqual(['a']);
  await slow.finishNext();
  expect(slow.begun).toEqual(['a', 'b']);
  expect(channel.readInbound()).toBe('a');
  await slow.finishNext();
  expect(channel.readInbound()).toBe('b');
});

it('asks for no more input while a message is being handled', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  const before = channel.embedded.reads;
  channel.writeInbound('a');
  expect(channel.embedded.reads).toBe(before);
  await slow.finishNext();
  expect(channel.embedded.reads).toBe(before + 1);
});

it('a rejection reaches exceptionCaught, and the next message is handled', async () => {
  const slow = new Slow();
  const channel = new EmbeddedChannel(sequential(slow));
  channel.writeInbound('a', 'b');
  await slow.finishNext(new Error('boom'));
  expect(() => channel.checkException()).toThrow('boom');
  expect(slow.begun).toEqual(['a', 'b']);
});

it('the end of the channel waits for the messages before it', async () => {
  const slow = new Slow();
  const events: string[] = [];
  const end: Handler = {
    channelRead: (_ctx, message: string) => void events.push(message),
    channelInactive: () => void events.push('inactive'),
  };
  const channel = new EmbeddedChannel(sequential(slow), end);
  channel.writeInbound('a');
  channel.run(() => channel.close());
  expect(events).toEqual([]);
  await slow.finishNext();
  expect(slow.begun).toEqual(['a']);
});

it('an asynchronous handlerAdded that rejects is reported by the pipeline', async () => {
  const reported: string[] = [];
  const hooks = {
    unhandledException: (_channel: unknown, error: Error) => void reported.push(error.message),
  };
  const broken = {
    async handlerAdded() {
      throw new Error('no');
    },
  };
  EmbeddedChannel.with({ hooks }, sequential(broken));
  await new Promise((resolve) => setImmediate(resolve));
  expect(reported).toEqual(['SequentialHandler#0.handlerAdded threw (no); it was removed']);
});

it('an error thrown by exceptionCaught is not delivered to it again', () => {
  let calls = 0;
  const handler: Handler = {
    exceptionCaught() {
      calls += 1;
      throw new Error('again');
    },
  };
  const channel = new EmbeddedChannel(sequential(handler));
  channel.pipeline.fireExceptionCaught(new Error('first'));
  expect(calls).toBe(1);
});

it('the next message waits for an asynchronous exceptionCaught, too', async () => {
  const events: string[] = [];
  let finish!: () => void;
  const handler: Handler = {
    channelRead(_ctx, message: string) {
      if (message === 'bad') throw new Error(message);
      events.push(message);
    },
    exceptionCaught: () =>
      new Promise<void>((resolve) => {
        finish = () => {
          events.push('caught');
          resolve();
        };
      }),
  };
  const channel = new EmbeddedChannel(sequential(handler));
  channel.writeInbound('bad', 'good');
  expect(events).toEqual([]);
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  expect(events).toEqual(['caught', 'good']);
});

it('a method that returns something else than a promise does not stop it', () => {
  const sloppy = {
    channelRead(ctx: Context, message: unknown) {
      ctx.fireChannelRead(message);
      return 1;
    },
  } as unknown as Handler;
  const channel = new EmbeddedChannel(sequential(sloppy));
  channel.writeInbound('a', 'b');
  expect([channel.readInbound(), channel.readInbound()]).toEqual(['a', 'b']);
});

it('a read() that throws is the handler’s error, and ends nothing', async () => {
  const reported: string[] = [];
  let finish!: () => void;
  const handler: Handler = {
    channelRead: () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
    read(ctx) {
      if (finish !== undefined) throw new Error('no read');
      ctx.read();
    },
    exceptionCaught: (_ctx, error) => void reported.push(error.message),
  };
  const channel = new EmbeddedChannel(sequential(handler));
  channel.writeInbound('a');
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  // At the end of the burst, and when reads are released.
  expect(reported).toEqual(['no read', 'no read']);
  expect(channel.isOpen).toBe(true);
});

/** An asynchronous handler that notes what it works on; the test lets it go on. */
function slowWorker() {
  const seen: string[] = [];
  let resume: (() => void) | undefined;
  const worker: Handler = {
    channelRead(_ctx, message: string) {
      seen.push(message);
      return new Promise<void>((resolve) => {
        resume = resolve;
      });
    },
    channelShutdown: (_ctx, direction) => void seen.push(direction),
    channelInactive: () => void seen.push('inactive'),
  };
  const next = async () => {
    resume?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { worker, seen, next };
}

it('holds reads while it works, and leaves autoRead alone', async () => {
  const { worker, seen, next } = slowWorker();
  const channel = new EmbeddedChannel(sequential(worker));
  channel.writeInbound('a', 'b');
  expect(channel.readHolds).toEqual(['sequential']);
  channel.autoRead = false;
  await next();
  expect(channel.isReadHeld).toBe(true);
  await next();
  expect([channel.isReadHeld, channel.autoRead]).toEqual([false, false]);
  expect(seen).toEqual(['a', 'b']);
});

it('drops messages that wait once this side has ended the channel, and not the end itself', async () => {
  const { worker, seen, next } = slowWorker();
  const channel = new EmbeddedChannel(sequential(worker));
  channel.writeInbound('a', 'b', 'c');
  channel.close();
  await next();
  expect(seen).toEqual(['a', 'inactive']);
});

it('delivers waiting messages while no other handler holds reads, and then the end of the input', async () => {
  const seen: string[] = [];
  const holds: ReadHold[] = [];
  let resume!: () => void;
  const channel = EmbeddedChannel.with(
    { allowHalfOpen: true },
    sequential({
      channelRead(ctx, message: string) {
        seen.push(message);
        if (message === 'b') holds.push(ctx.channel.holdReads('test'));
        if (message !== 'a') return;
        return new Promise<void>((resolve) => {
          resume = resolve;
        });
      },
      channelShutdown: (_ctx, direction) => void seen.push(direction),
    }),
  );
  channel.writeInbound('a', 'b', 'c', 'd');
  resume();
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(['a', 'b']);
  expect(channel.readHolds).toEqual(['test']);
  channel.endInput();
  expect(seen).toEqual(['a', 'b']);
  for (const hold of holds) channel.run(() => hold.release());
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'input']);
});

it('has a drain wait for the message that it works on, even when it came after the drain began', async () => {
  for (const isBefore of [true, false]) {
    const slow = new Slow();
    const channel = new EmbeddedChannel(sequential(slow));
    const event = new DrainEvent(60_000);
    const other = event.hold('other');
    if (isBefore) channel.writeInbound('a');
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    if (!isBefore) channel.writeInbound('a');
    expect(event.holds).toEqual(['other', 'kept input']);
    await slow.finishNext();
    expect(event.holds).toEqual(['other']);
    other.release();
    expect(channel.readInbound()).toBe('a');
  }
});

it('passes a drain and an upgrade to TLS on at once, while a message is being handled', () => {
  const events: string[] = [];
  const inner: Handler = {
    channelRead: () => new Promise<void>(() => {}),
    userEventTriggered: (ctx, event) => {
      events.push((event as object).constructor.name);
      ctx.fireUserEventTriggered(event);
    },
  };
  const channel = new EmbeddedChannel(sequential(inner));
  channel.writeInbound('a', 'b');
  const upgrade = new TlsUpgradeEvent();
  channel.run(() => {
    channel.pipeline.fireUserEventTriggered(upgrade);
    channel.pipeline.fireUserEventTriggered(new DrainEvent(60_000));
    channel.pipeline.fireUserEventTriggered('other');
  });
  expect(events).toEqual(['TlsUpgradeEvent', 'DrainEvent']);
  expect(upgrade.heldBytes).toBe(1);
});

it('handles what waits when it is removed, and is removed after that', async () => {
  const slow = new Slow();
  const events: string[] = [];
  const inner: Handler = {
    channelRead: (ctx, message: string) => slow.channelRead(ctx, message),
    handlerRemoved: () => void events.push('removed'),
  };
  const channel = new EmbeddedChannel(sequential(inner));
  channel.writeInbound('a', 'b');
  channel.run(() => channel.pipeline.remove(channel.pipeline.first()!));
  expect([slow.begun, events]).toEqual([['a'], []]);
  await slow.finishNext();
  await slow.finishNext();
  expect([slow.begun, events]).toEqual([['a', 'b'], ['removed']]);
  expect([channel.readInbound(), channel.readInbound()]).toEqual(['a', 'b']);
  expect(channel.isReadHeld).toBe(false);
});

it('handles each message before an error that follows it, even while reads are held', async () => {
  const slow = new Slow();
  const seen: string[] = [];
  const after: Handler = {
    channelRead: (_ctx, message: string) => void seen.push(message),
    exceptionCaught: (_ctx, error) => void seen.push(error.message),
  };
  const channel = new EmbeddedChannel(sequential(slow), after);
  channel.writeInbound('a', 'b', 'c');
  channel.holdReads('test');
  channel.run(() => channel.pipeline.fireExceptionCaught(new Error('error')));
  for (let left = 3; left > 0; left--) await slow.finishNext();
  expect(seen).toEqual(['a', 'b', 'c', 'error']);
});

it('reads on when the last message that waited takes no time, even if another handler held reads', async () => {
  let finish = (): void => {};
  const inner: Handler = {
    channelRead: (_ctx, message: string) =>
      message === 'a' ? new Promise<void>((resolve) => (finish = resolve)) : undefined,
  };
  const channel = new EmbeddedChannel(sequential(inner));
  channel.writeInbound('a', 'b');
  const hold = channel.holdReads('test');
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  hold.release();
  expect(channel.readHolds).toEqual([]);
});

it('the end of our half waits, too, while a message is being handled', async () => {
  const seen: string[] = [];
  let finish = (): void => {};
  const inner: Handler = {
    channelRead: () => new Promise<void>((resolve) => (finish = resolve)),
    channelShutdown: (_ctx, direction) => void seen.push(direction),
  };
  const channel = new EmbeddedChannel(sequential(inner));
  channel.writeInbound('a');
  channel.run(() => channel.shutdown('output'));
  expect(seen).toEqual([]);
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(['output']);
});
