// The test kit records what the tail sees; these tests are about what a real channel does there.
import {
  type Channel,
  type ChannelHooks,
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  initializer,
  type Logger,
  type LogLevel,
} from '@headrace/core';
import { EmbeddedChannel, recordEvents, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';
import { coreOf, startChannel, TransportChannel } from '../../src/channel/transport-channel.ts';

interface Entry {
  readonly level: string;
  readonly message: string;
  readonly error: Error | undefined;
}

function open(hooks: ChannelHooks = {}, ...handlers: Handler[]) {
  const entries: Entry[] = [];
  const logger: Logger = {
    log: (level, message, error) => void entries.push({ level, message, error }),
  };
  const clock = new VirtualClock();
  const { embedded } = new EmbeddedChannel();
  const channel = new TransportChannel(embedded, resolveChannelOptions({ logger, clock, hooks }));
  channel.pipeline.addLast(...handlers);
  clock.run(() => startChannel(channel));
  return { channel, entries, clock };
}

describe('the tail', () => {
  it('drops an unhandled message, and warns once with its type and the last handler’s name', () => {
    const { channel, entries } = open({}, recordEvents(), recordEvents());
    coreOf(channel)!.received('hello');
    coreOf(channel)!.received(Buffer.from('hello'));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ level: 'warn', error: undefined });
    expect(entries[0]!.message).toMatch(/string.*dropped.*EventRecorder#1/);
    expect(entries[0]!.message).toContain(channel.id);
    expect(channel.isOpen).toBe(true);
    const empty = open();
    coreOf(empty.channel)!.received(Buffer.from('hello'));
    expect(empty.entries[0]!.message).toMatch(/Buffer.*dropped: no handler took it/);
  });

  it('warns once for the channels of a listener with the same last handler, and names the cure', () => {
    const lines: string[] = [];
    const logger = {
      log: (level: LogLevel, text: string) =>
        void lines.push(`${level} ${text.slice(text.indexOf(']') + 2)}`),
    };
    const hooks = { unhandledMessage: undefined } as object;
    const listener = new EmbeddedChannel();
    const drop = (parent: Channel, ...handlers: Handler[]): EmbeddedChannel => {
      const child = EmbeddedChannel.with({ parent, logger, hooks }, ...handlers);
      child.writeInbound('hello', 'again');
      return child;
    };
    const text =
      'a message (string) was dropped: no handler took it; further ones are dropped silently. ' +
      'Add a handler that reads it; to ignore messages, add { channelRead() {} } as the last handler';
    const connection = drop(listener);
    expect(lines.splice(0)).toEqual([`warn ${text}`]);
    drop(listener);
    expect(lines.splice(0)).toEqual([`debug ${text}`]);
    drop(connection, recordEvents());
    expect(lines.splice(0)).toEqual([
      expect.stringMatching(/^warn .* the last handler, EventRecorder#0/),
    ]);
    drop(new EmbeddedChannel());
    expect(lines).toEqual([`warn ${text}`]);
  });

  it('logs an unhandled error once, and closes the channel', () => {
    const { channel, entries, clock } = open();
    const error = new Error('boom');
    clock.run(() => channel.pipeline.fireExceptionCaught(error));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ level: 'warn', error });
    expect(entries[0]!.message).toMatch(/no handler caught an error; closing/);
    expect(entries[0]!.message).toContain(channel.id);
    expect(channel.closeInfo).toEqual({ reason: 'error', by: 'local', error });
  });

  it('warns once of input that is wrong in many places: what is wrong after the end is for debugging', () => {
    const { channel, entries, clock } = open();
    const wrong = (text: string) => new DecodeError('MESSAGE_INVALID', text);
    clock.run(() => channel.pipeline.fireExceptionCaught(wrong('first')));
    clock.run(() => channel.pipeline.fireExceptionCaught(wrong('second')));
    expect(channel.isOpen).toBe(true);
    expect(channel.discardsInput).toBe(true);
    clock.run(() => channel.pipeline.fireExceptionCaught(new TypeError('a fault of the program')));
    clock.run(() => channel.pipeline.fireExceptionCaught(wrong('third')));
    expect(entries.map(({ level, message }) => [level, message.replace(/^.*; /, '')])).toEqual([
      ['warn', 'closing'],
      ['debug', 'closing'],
      ['warn', 'closing'],
      ['debug', 'the channel is closed already'],
    ]);
    const { reason, by, error } = channel.closeInfo!;
    expect([reason, by, error?.message]).toEqual(['bad-input', 'peer', 'first']);
  });

  it('names the handler that threw, however the error came to the end', async () => {
    class Faulty implements Handler {
      channelRead(): void {
        throw new Error('boom');
      }
      async userEventTriggered(): Promise<void> {
        throw new Error('boom');
      }
      exceptionCaught(ctx: Context, error: Error): void {
        ctx.fireExceptionCaught(error);
      }
    }
    for (const start of [
      (channel: TransportChannel) => coreOf(channel)!.received('x'),
      (channel: TransportChannel) => channel.pipeline.fireUserEventTriggered('x'),
    ]) {
      const { channel, entries, clock } = open({}, recordEvents(), new Faulty(), recordEvents());
      clock.run(() => start(channel));
      await Promise.resolve();
      expect(entries.map(({ message }) => message)).toEqual([
        expect.stringMatching(/no handler caught an error in Faulty#0; closing/),
      ]);
    }
  });

  it('an asynchronous handler that fails because the peer went is not a warning', async () => {
    const { channel, entries, clock } = open({}, {
      channelRead: async (ctx) => {
        await Promise.resolve();
        await ctx.writeAndFlush('answer');
      },
    } satisfies Handler);
    clock.run(() => coreOf(channel)!.received('question'));
    clock.run(() => channel.close());
    await new Promise((resolve) => setImmediate(resolve));
    expect(entries.map(({ level, error }) => [level, (error as { code?: string }).code])).toEqual([
      ['debug', 'HR_ERR_CHANNEL_CLOSED'],
    ]);
  });

  it('closes even if a handler’s close throws', () => {
    const { channel, clock } = open({}, {
      close() {
        throw new Error('I stay');
      },
    } satisfies Handler);
    const error = new Error('boom');
    clock.run(() => channel.pipeline.fireExceptionCaught(error));
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toEqual({ reason: 'error', by: 'local', error });
  });

  it('drops an unhandled user event silently, and the rest of the events', () => {
    const { channel, entries } = open();
    const { pipeline } = channel;
    pipeline.fireUserEventTriggered('e');
    pipeline.fireChannelActive();
    pipeline.fireChannelReadComplete();
    pipeline.fireChannelWritabilityChanged();
    pipeline.fireChannelShutdown('input');
    pipeline.fireChannelInactive();
    pipeline.fireChannelUnregistered();
    expect(entries).toEqual([]);
    expect(channel.isOpen).toBe(true);
  });

  it('each of it can be replaced by a hook', () => {
    const seen: unknown[] = [];
    const { channel, entries, clock } = open({
      unhandledMessage: (_channel, message) => void seen.push(message),
      unhandledException: (_channel, error) => void seen.push(error.message),
      unhandledEvent: (_channel, event) => void seen.push(event),
      writeFailed: (_channel, error) => void seen.push(error.message),
    });
    coreOf(channel)!.received('m');
    channel.pipeline.fireUserEventTriggered('e');
    channel.pipeline.fireExceptionCaught(new Error('x'));
    clock.run(() => coreOf(channel)!.output.failedWrite(new Error('w')));
    expect(seen).toEqual(['m', 'e', 'x', 'w']);
    expect(entries).toEqual([]);
    expect(channel.isOpen).toBe(true);
  });
});

describe('the head', () => {
  it('takes every operation that no handler kept: none can be unhandled', () => {
    const { channel, clock } = open();
    const future = channel.writeAndFlush(Buffer.from('x'));
    expect(future.isSuccess).toBe(true);
    expect(channel.shutdown('output').isSuccess).toBe(true);
    clock.run(() => channel.close());
    expect(channel.isOpen).toBe(false);
  });

  it('an operation that a handler keeps stays unsettled', () => {
    const { channel } = open({}, {
      write: () => new Promise<void>(() => {}),
      close: () => new Promise<void>(() => {}),
    } satisfies Handler);
    expect(channel.write('x').isSettled).toBe(false);
    expect(channel.close().isSettled).toBe(false);
    expect(channel.isOpen).toBe(true);
  });
});

describe('unhandled failures', () => {
  const failing: Handler = {
    sharable: true,
    write() {
      throw new Error('no');
    },
  };

  it('an ignored failed write is one line per channel, and no unhandled rejection', () => {
    const { channel, entries, clock } = open({}, failing);
    clock.run(() => {
      channel.write(1);
      channel.write(2);
    });
    clock.run(() => channel.write(3));
    expect(entries.map(({ level, error }) => [level, error?.message])).toEqual([['warn', 'no']]);
    expect(entries[0]!.message).toMatch(
      /a write failed in Handler#0, and nothing handled its error/,
    );
  });

  it('says that the peer gets nothing for a message that cannot be encoded', () => {
    const { channel, entries, clock } = open({}, {
      write() {
        throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'a BigInt');
      },
    });
    clock.run(() => void channel.write({ total: 1n }));
    expect(entries[0]!.message).toMatch(/nothing handled its error: the peer gets nothing for it$/);
  });

  it('a hook that throws is logged, and does not end the process', () => {
    const { channel, entries, clock } = open(
      {
        writeFailed() {
          throw new Error('in the hook');
        },
      },
      failing,
    );
    clock.run(() => void channel.write(1));
    expect(entries.map(({ level, error }) => `${level} ${error?.message}`)).toEqual([
      'error in the hook',
    ]);
  });

  it('a handled failure is not reported', () => {
    const { channel, entries, clock } = open({}, failing);
    clock.run(() => void channel.write(1).error);
    clock.run(() => channel.write(1).onSettled(() => {}));
    clock.run(() => void channel.write(1).catch(() => {}));
    expect(entries).toEqual([]);
  });

  it('an awaited failure is not reported, on the real clock', async () => {
    const reported: string[] = [];
    const hooks: ChannelHooks = {
      writeFailed: (_channel, error) => void reported.push(error.message),
    };
    const channel = new TransportChannel(
      new EmbeddedChannel().embedded,
      resolveChannelOptions({ hooks }),
    );
    const nextTick = () => new Promise((resolve) => setImmediate(resolve));
    channel.pipeline.addLast({ ...failing });
    startChannel(channel);
    // From a callback of the event loop, where Node's next tick comes before the microtasks.
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        void (async () => {
          try {
            await channel.write(1);
          } catch {}
          resolve();
        })();
      });
    });
    await nextTick();
    expect(reported).toEqual([]);
    channel.write(2);
    await nextTick();
    expect(reported).toEqual(['no']);
  });

  it('an unhandled failed shutdown or close is reported, too', () => {
    const { channel, entries, clock } = open({}, {
      close() {
        throw new Error('stuck');
      },
    } satisfies Handler);
    clock.run(() => void channel.close());
    expect(entries.map(({ error }) => error?.message)).toEqual(['stuck']);
  });

  it('an asynchronous write that rejects, ignored, is reported and never an unhandled rejection', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const { channel, entries, clock } = open({}, {
      write: () => Promise.reject(new Error('later')),
    } satisfies Handler);
    channel.write(1);
    await new Promise((resolve) => setImmediate(resolve));
    clock.runTasks();
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
    expect(entries.map(({ error }) => error?.message)).toEqual(['later']);
  });

  it('a write with a signal that fails at the close is reported, too', () => {
    const { channel, entries, clock } = open();
    clock.run(() => {
      channel.write('x', { signal: new AbortController().signal });
      channel.close();
    });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ level: 'debug' });
  });

  it('async handlers of every event: their rejections reach exceptionCaught, none is unhandled', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const reported: string[] = [];
    const fail = (name: string) => async () => {
      throw new Error(name);
    };
    const { channel } = open({}, {
      channelActive: fail('active'),
      channelRead: fail('read'),
      channelReadComplete: fail('complete'),
      userEventTriggered: fail('event'),
      channelWritabilityChanged: fail('writability'),
      flush: fail('flush'),
      read: fail('demand'),
      exceptionCaught: (_ctx, error) => void reported.push(error.message),
    } satisfies Handler);
    coreOf(channel)!.received(1);
    coreOf(channel)!.readComplete();
    channel.pipeline.fireUserEventTriggered(1);
    channel.pipeline.fireChannelWritabilityChanged();
    channel.flush();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
    expect(reported.sort()).toEqual(
      ['active', 'complete', 'demand', 'demand', 'event', 'flush', 'read', 'writability'].sort(),
    );
  });
});

it('an initializer’s error is reported once, with the error', () => {
  const { channel, entries } = open(
    {},
    initializer(() => {
      throw new Error('no such file');
    }),
  );
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ level: 'error' });
  expect(channel.isOpen).toBe(false);
});
