import { type Channel, type Context, type Handler, initializer, type Logger } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const unregistered = (...handlers: Handler[]): EmbeddedChannel =>
  EmbeddedChannel.with({ register: false }, ...handlers);

/** Notes when it comes and goes, nothing else. */
function marker(name: string, into: string[]): Handler {
  return {
    handlerAdded: () => void into.push(`${name} added`),
    handlerRemoved: () => void into.push(`${name} removed`),
  };
}

function lines(): Logger & { readonly entries: string[] } {
  const entries: string[] = [];
  return { entries, log: (level, message) => void entries.push(`${level} ${message}`) };
}

describe('handlerAdded', () => {
  it('runs once per add, before any other event reaches the handler', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    expect(seen.take()).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
    const late = recordEvents();
    channel.pipeline.addLast(late);
    expect(late.take()).toEqual(['handlerAdded']);
    channel.writeInbound(1);
    expect(late.take()).toEqual(['channelRead 1', 'channelReadComplete']);
  });

  it('events fired from inside handlerAdded can come back to the handler', () => {
    const got: unknown[] = [];
    new EmbeddedChannel().pipeline.addLast({
      handlerAdded: (ctx) => ctx.pipeline.fireUserEventTriggered('hello'),
      userEventTriggered: (_ctx, event) => void got.push(event),
    } satisfies Handler);
    expect(got).toEqual(['hello']);
  });

  it('a linked handler whose handlerAdded has not run is passed by, by every event', () => {
    const pending = recordEvents({ reads: true });
    const downstream = recordEvents();
    const channel = unregistered(
      {
        handlerAdded({ pipeline }) {
          pipeline.fireChannelActive();
          pipeline.fireChannelRead('m');
          pipeline.fireChannelReadComplete();
          pipeline.fireChannelWritabilityChanged();
          pipeline.fireUserEventTriggered('e');
          pipeline.fireChannelShutdown('input');
          pipeline.fireExceptionCaught(new Error('x'));
          pipeline.write('w');
          pipeline.flush();
          pipeline.read();
        },
      } satisfies Handler,
      pending,
      downstream,
    );
    channel.register();
    const start = ['handlerAdded', 'channelRegistered', 'channelActive', 'read'];
    expect(pending.take()).toEqual(start);
    expect(downstream.take()).toEqual(start.slice(0, 3));
    expect(channel.readInbound()).toBe('m');
    expect(() => channel.checkException()).toThrow('x');
  });

  it('handlers added before registration are notified then, in order, before channelRegistered', () => {
    const into: string[] = [];
    const channel = unregistered(
      recordEvents({ name: 'a', into }),
      recordEvents({ name: 'b', into }),
    );
    expect(into).toEqual([]);
    channel.register();
    expect(into.slice(0, 4)).toEqual([
      'a.handlerAdded',
      'b.handlerAdded',
      'a.channelRegistered',
      'b.channelRegistered',
    ]);
  });

  it('added and removed before registration: both callbacks once, added first', () => {
    const into: string[] = [];
    const handler = marker('a', into);
    const channel = unregistered(handler);
    channel.pipeline.remove(handler);
    expect(into).toEqual([]);
    channel.register();
    expect(into).toEqual(['a added', 'a removed']);
  });

  it('added and replaced before registration: old added, new added, old removed', () => {
    const into: string[] = [];
    const channel = unregistered(marker('old', into));
    channel.pipeline.replace('Handler#0', marker('new', into));
    channel.register();
    expect(into).toEqual(['old added', 'new added', 'old removed']);
  });

  it('a channel that never registers calls neither', () => {
    const into: string[] = [];
    const channel = unregistered(marker('a', into), marker('b', into));
    channel.pipeline.remove('Handler#0');
    channel.pipeline.replace('Handler#1', marker('c', into));
    channel.close();
    channel.runPendingTasks();
    expect(into).toEqual([]);
    expect(channel.pipeline.names()).toEqual([]);
  });

  it('throws: the handler is unlinked, gets handlerRemoved, and the error goes in at the head', () => {
    const into: string[] = [];
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    const cause = new Error('no');
    channel.pipeline.addFirst({
      handlerAdded() {
        throw cause;
      },
      handlerRemoved: (ctx) => void into.push(`removed ${ctx.isRemoved}`),
    } satisfies Handler);
    expect(into).toEqual(['removed true']);
    expect(channel.pipeline.names()).toEqual(['EventRecorder#0']);
    expect(seen.take()).toEqual(['exceptionCaught HR_ERR_PIPELINE_HANDLER_FAILED']);
    expect(() => channel.checkException()).toThrow(expect.objectContaining({ cause }));
  });

  it('throws, and handlerRemoved too: one error that says so, the first one as its cause', () => {
    const channel = new EmbeddedChannel();
    const cause = new Error('first');
    channel.pipeline.addLast({
      handlerAdded() {
        throw cause;
      },
      handlerRemoved() {
        throw new Error('second');
      },
    } satisfies Handler);
    expect(channel.pipeline.names()).toEqual([]);
    expect(() => channel.checkException()).toThrow(
      expect.objectContaining({
        cause,
        message: expect.stringMatching(/handlerRemoved threw too/),
      }),
    );
    expect(() => channel.checkException()).not.toThrow();
  });

  it('an error during registration does not keep the other handlers from being added', () => {
    const seen = recordEvents();
    const channel = unregistered(
      {
        handlerAdded() {
          throw new Error('no');
        },
      } satisfies Handler,
      seen,
    );
    channel.register();
    expect(seen.take()).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
    expect(() => channel.checkException()).toThrow(/no/);
  });
});

describe('handlerRemoved', () => {
  it('runs only if handlerAdded ran', () => {
    const into: string[] = [];
    const late = marker('late', into);
    const channel = unregistered(
      {
        handlerAdded({ pipeline, channel: self }) {
          pipeline.remove(late);
          self.close();
        },
      } satisfies Handler,
      late,
    );
    channel.close();
    channel.runPendingTasks();
    expect(into).toEqual([]);
  });

  it('a handler that is removed while it waits for handlerAdded gets both, in order', () => {
    const into: string[] = [];
    const late = marker('late', into);
    const channel = unregistered(
      { handlerAdded: ({ pipeline }) => void pipeline.remove(late) } satisfies Handler,
      late,
    );
    channel.register();
    expect(into).toEqual(['late added', 'late removed']);
  });

  it('replace: the new one is added before the old one is removed', () => {
    const into: string[] = [];
    const channel = new EmbeddedChannel(marker('old', into));
    into.length = 0;
    channel.pipeline.replace('Handler#0', marker('new', into), 'Handler#0');
    expect(into).toEqual(['new added', 'old removed']);
  });

  it('what a handler forwards from handlerRemoved reaches the next one, or its replacement', () => {
    const leaving = (): Handler => ({
      handlerRemoved(ctx) {
        ctx.fireChannelRead('rest');
        ctx.fireUserEventTriggered('e');
        ctx.fireChannelReadComplete();
      },
    });
    const downstream = recordEvents();
    const channel = new EmbeddedChannel(leaving(), leaving(), downstream);
    downstream.take();
    channel.pipeline.remove('Handler#0');
    const rest = ['channelRead "rest"', 'userEventTriggered "e"', 'channelReadComplete'];
    expect(downstream.take()).toEqual(rest);
    const replacement = recordEvents();
    channel.pipeline.replace('Handler#1', replacement);
    expect(replacement.take()).toEqual(['handlerAdded', ...rest]);
    expect(downstream.take()).toEqual(rest);
  });

  it('what it writes reaches the one before it, or its replacement', () => {
    const leaving = (): Handler => ({
      handlerRemoved(ctx) {
        ctx.writeAndFlush('rest');
      },
    });
    const before = recordEvents();
    const channel = new EmbeddedChannel(before, leaving(), leaving());
    before.take();
    channel.pipeline.remove('Handler#0');
    expect(before.take()).toEqual(['write "rest"', 'flush']);
    const replacement = recordEvents();
    channel.pipeline.replace('Handler#1', replacement);
    expect(replacement.take()).toEqual(['handlerAdded', 'write "rest"', 'flush']);
    expect(before.take()).toEqual(['write "rest"', 'flush']);
    expect(channel.readOutbound()).toBe('rest');
  });

  it('passes a replacement that does not write', () => {
    const channel = new EmbeddedChannel({
      handlerRemoved(ctx) {
        ctx.writeAndFlush('out');
        ctx.fireChannelRead('in');
        ctx.fireChannelReadComplete();
      },
    } satisfies Handler);
    channel.pipeline.replace('Handler#0', { channelActive() {} });
    expect(channel.readOutbound()).toBe('out');
    expect(channel.readInbound()).toBe('in');
  });

  it('a stale context says so, and still forwards to its old neighbors', () => {
    const before = recordEvents();
    const downstream = recordEvents();
    const channel = new EmbeddedChannel(before, { channelActive() {} }, downstream);
    const ctx = channel.pipeline.context('Handler#0')!;
    expect(ctx.isRemoved).toBe(false);
    channel.pipeline.remove('Handler#0');
    before.take();
    downstream.take();
    expect(ctx.isRemoved).toBe(true);
    ctx.fireChannelRead('in');
    ctx.fireChannelInactive();
    ctx.writeAndFlush('out');
    expect(downstream.take()).toEqual(['channelRead "in"', 'channelInactive']);
    expect(before.take()).toEqual(['write "out"', 'flush']);
  });

  it('a stale context forwards past neighbors that went after it', () => {
    const channel = new EmbeddedChannel({ channelActive() {} }, recordEvents());
    const ctx = channel.pipeline.context('Handler#0')!;
    channel.pipeline.removeFirst();
    channel.pipeline.removeFirst();
    ctx.fireChannelRead('in');
    expect(channel.readInbound()).toBe('in');
    expect(channel.pipeline.names()).toEqual([]);
  });

  it('a stale context of a closed channel throws nothing', () => {
    const channel = new EmbeddedChannel({ channelActive() {} });
    const ctx = channel.pipeline.context('Handler#0')!;
    channel.finish();
    ctx.fireChannelRead('in');
    ctx.fireChannelReadComplete();
    ctx.read();
    ctx.flush();
    expect(ctx.write('out').error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
  });

  it('a handler removed by the one before it, in the middle of an event, gets no further event', () => {
    const next = recordEvents();
    const last = recordEvents();
    const channel = new EmbeddedChannel(
      {
        channelRead(ctx, message) {
          ctx.pipeline.removeIfExists(next);
          ctx.fireChannelRead(message);
        },
      } satisfies Handler,
      next,
      last,
    );
    next.take();
    last.take();
    channel.writeInbound('m');
    expect(next.take()).toEqual(['handlerRemoved']);
    expect(last.take()).toEqual(['channelRead "m"', 'channelReadComplete']);
  });

  it('throws: the error goes in at the head, the handler is gone', () => {
    const channel = new EmbeddedChannel();
    const cause = new Error('no');
    channel.pipeline.addLast('x', {
      handlerRemoved() {
        throw cause;
      },
    } satisfies Handler);
    channel.pipeline.remove('x');
    expect(channel.pipeline.names()).toEqual([]);
    expect(() => channel.checkException()).toThrow(
      expect.objectContaining({ code: 'HR_ERR_PIPELINE_HANDLER_FAILED', cause }),
    );
  });

  it('at the end all handlers go, the last one first, after inactive and unregistered', () => {
    const into: string[] = [];
    const channel = new EmbeddedChannel(
      ...['1', '2', '3'].map((name) => recordEvents({ name, into })),
    );
    into.length = 0;
    channel.pipeline.fireUserEventTriggered('go');
    into.length = 0;
    channel.finish();
    expect(into).toEqual([
      '3.close local',
      '2.close local',
      '1.close local',
      '1.channelInactive',
      '2.channelInactive',
      '3.channelInactive',
      '1.channelUnregistered',
      '2.channelUnregistered',
      '3.channelUnregistered',
      '3.handlerRemoved',
      '2.handlerRemoved',
      '1.handlerRemoved',
    ]);
  });

  it('never runs inside a channelRead of the handler that closed the channel', () => {
    const into: string[] = [];
    const channel = new EmbeddedChannel({
      channelRead(ctx) {
        into.push('read begins');
        ctx.close();
        into.push('read ends');
      },
      channelInactive: () => void into.push('inactive'),
      handlerRemoved: () => void into.push('removed'),
    } satisfies Handler);
    channel.writeInbound('m');
    expect(into).toEqual(['read begins', 'read ends', 'inactive', 'removed']);
  });

  it('a handler that removes itself during the tear-down is notified once', () => {
    const into: string[] = [];
    const leaver: Handler = {
      channelUnregistered: (ctx) => void ctx.pipeline.remove(leaver),
      handlerRemoved: (ctx) => {
        into.push('removed');
        ctx.pipeline.removeIfExists(leaver);
      },
    };
    const channel = new EmbeddedChannel(marker('first', into), leaver, marker('last', into));
    into.length = 0;
    channel.finish();
    expect(into).toEqual(['removed', 'last removed', 'first removed']);
  });

  it('a handler that removes another one from handlerRemoved does not upset the tear-down', () => {
    const into: string[] = [];
    const first = marker('first', into);
    const channel = new EmbeddedChannel(first, {
      handlerRemoved: ({ pipeline }) => void pipeline.remove(first),
    } satisfies Handler);
    into.length = 0;
    channel.finish();
    expect(into).toEqual(['first removed']);
  });
});

describe('asynchronous ones', () => {
  it('their rejections count as throws, and are never unhandled', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('a', {
      handlerAdded: async () => {
        throw new Error('added');
      },
    } satisfies Handler);
    channel.pipeline.addLast('r', {
      handlerRemoved: async () => {
        throw new Error('removed');
      },
    } satisfies Handler);
    await new Promise((resolve) => setImmediate(resolve));
    expect(channel.pipeline.names()).toEqual(['r']);
    expect(() => channel.checkException()).toThrow(/a\.handlerAdded threw \(added\)/);
    channel.pipeline.remove('r');
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => channel.checkException()).toThrow(/r\.handlerRemoved threw \(removed\)/);
    const refused = new EmbeddedChannel(
      initializer(async () => {
        await Promise.resolve();
        throw new Error('no such user');
      }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(refused.closeInfo).toMatchObject({
      reason: 'error',
      error: { message: 'no such user' },
    });
    expect(rejections).toEqual([]);
  });
});

describe('initializer', () => {
  it('removes itself when it is done, and when it threw', () => {
    const channel = new EmbeddedChannel(
      initializer((self) => self.pipeline.addLast(recordEvents())),
    );
    expect(channel.pipeline.names()).toEqual(['EventRecorder#0']);
    const failing = new EmbeddedChannel(
      initializer(() => {
        throw new Error('no');
      }),
    );
    expect(failing.pipeline.names()).toEqual([]);
  });

  it('runs once, even if it fires events through the pipeline', () => {
    let runs = 0;
    const init = initializer(({ pipeline }: Channel) => {
      runs += 1;
      pipeline.fireChannelRegistered();
      pipeline.fireChannelActive();
      pipeline.addLast(recordEvents());
      pipeline.fireChannelRead('m');
    });
    const channel = new EmbeddedChannel(init);
    expect(runs).toBe(1);
    expect(channel.readInbound()).toBe('m');
  });

  it('nested initializers expand in place', () => {
    const into: string[] = [];
    const add = (self: Channel, name: string) =>
      self.pipeline.addLast(name, recordEvents({ name, into }));
    const channel = new EmbeddedChannel(
      initializer((self) => {
        add(self, '1');
        self.pipeline.addLast(
          initializer((inner) => {
            add(inner, '2');
            add(inner, '3');
          }),
        );
        add(self, '4');
      }),
    );
    expect(channel.pipeline.names()).toEqual(['1', '2', '3', '4']);
  });

  it('an error in it is logged and closes the channel before it is active', () => {
    const logger = lines();
    const seen = recordEvents();
    const channel = EmbeddedChannel.with(
      { logger },
      seen,
      initializer(() => {
        throw new Error('no such page');
      }),
    );
    expect(channel.isOpen).toBe(false);
    expect(channel.isActive).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'error', by: 'local' });
    expect(channel.closeInfo?.error?.message).toBe('no such page');
    expect(logger.entries).toHaveLength(1);
    expect(logger.entries[0]).toMatch(/error .*initializer/);
    expect(seen.events).not.toContain('channelActive');
    expect(seen.events).not.toContain('channelInactive');
    expect(seen.events.slice(-2)).toEqual(['channelUnregistered', 'handlerRemoved']);
  });

  it('what it adds gets channelRegistered once', () => {
    const [first, last] = [recordEvents(), recordEvents()];
    new EmbeddedChannel(
      initializer((self) => {
        self.pipeline.addFirst(first);
        self.pipeline.addLast(last);
      }),
    );
    const start = ['handlerAdded', 'channelRegistered', 'channelActive'];
    expect(first.events).toEqual(start);
    expect(last.events).toEqual(start);
  });
});

it('a context knows its channel, pipeline, clock and name', () => {
  let found: Context | undefined;
  const channel = new EmbeddedChannel({
    handlerAdded: (ctx) => {
      found = ctx;
    },
  } satisfies Handler);
  expect(found?.channel).toBe(channel);
  expect(found?.pipeline).toBe(channel.pipeline);
  channel.advance(5);
  expect(found?.clock.now()).toBe(5);
  expect(found?.name).toBe('Handler#0');
});

describe('a handler that left before its handlerAdded ran, and throws there', () => {
  it('is not taken out a second time: the pipeline is whole, and the others are called once', () => {
    const noted: string[] = [];
    const channel = unregistered();
    const bad: Handler = {
      handlerAdded() {
        throw new Error('no');
      },
      handlerRemoved: () => void noted.push('bad removed'),
    };
    channel.pipeline.addLast('bad', bad);
    channel.pipeline.replace('bad', marker('x', noted), 'x');
    channel.pipeline.remove('x');
    channel.register();
    expect(channel.pipeline.names()).toEqual([]);
    expect(noted).toEqual(['bad removed', 'x added', 'x removed']);
    expect(() => channel.checkException()).toThrow('bad.handlerAdded threw (no)');
    channel.writeInbound('through');
    expect(channel.readInbound()).toBe('through');
  });
});
