import { type Channel, type Context, type Handler, initializer } from '@headrace/core';
import { EmbeddedChannel, recordEvents, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

describe('registration', () => {
  it('registers and activates at once', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    expect(seen.events).toEqual(['handlerAdded', 'channelRegistered', 'channelActive']);
    expect([channel.isRegistered, channel.isActive, channel.isOpen]).toEqual([true, true, true]);
  });

  it('unless an option forbids it', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with({ register: false }, seen);
    expect([seen.events, channel.isRegistered, channel.isActive]).toEqual([[], false, false]);
    channel.register();
    expect(seen.events).toHaveLength(3);
  });

  it('registering twice is an error', () => {
    const channel = EmbeddedChannel.with({ register: false });
    channel.register();
    expect(() => channel.register()).toThrow(/registered already/);
  });

  it('works with an initializer', () => {
    const channel = new EmbeddedChannel(
      initializer((self) => self.pipeline.addLast(recordEvents())),
    );
    expect(channel.pipeline.names()).toEqual(['EventRecorder#0']);
  });
});

describe('inbound', () => {
  it('one channelRead per message, one channelReadComplete; says whether any reached the tail', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen, {
      channelRead: (ctx, message) => void (message !== 'kept' && ctx.fireChannelRead(message)),
    } satisfies Handler);
    seen.take();
    expect(channel.writeInbound('kept')).toBe(false);
    expect(channel.writeInbound('a', 'b')).toBe(true);
    expect(seen.take()).toEqual([
      'channelRead "kept"',
      'channelReadComplete',
      'channelRead "a"',
      'channelRead "b"',
      'channelReadComplete',
    ]);
    expect(channel.writeInbound()).toBe(true);
    expect(seen.take()).toEqual(['channelReadComplete']);
  });

  it('rethrows the first error that reached the tail', () => {
    const channel = new EmbeddedChannel({
      channelRead(_ctx, message: string) {
        throw new Error(message);
      },
    } satisfies Handler);
    expect(() => channel.writeInbound('1', '2')).toThrow('1');
    expect(() => channel.checkException()).not.toThrow();
    expect(channel.isOpen).toBe(true);
  });

  it('readInbound gives the messages in order, then undefined', () => {
    const channel = new EmbeddedChannel();
    channel.writeInbound(1, 2);
    expect([channel.readInbound(), channel.readInbound(), channel.readInbound()]).toEqual([
      1,
      2,
      undefined,
    ]);
  });

  it('writeOneInbound does not end the burst, flushInbound does', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    channel.writeOneInbound('a').writeOneInbound('b');
    expect(seen.take()).toEqual(['channelRead "a"', 'channelRead "b"']);
    channel.flushInbound();
    expect(seen.take()).toEqual(['channelReadComplete']);
  });
});

describe('outbound', () => {
  it('writes all, flushes once, says whether anything came out', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    expect(channel.writeOutbound('a', 'b')).toBe(true);
    expect(seen.take()).toEqual(['write "a"', 'write "b"', 'flush']);
    expect([channel.readOutbound(), channel.readOutbound(), channel.readOutbound()]).toEqual([
      'a',
      'b',
      undefined,
    ]);
    expect(channel.writeOutbound()).toBe(false);
  });

  it('rethrows the first failed write', () => {
    const channel = new EmbeddedChannel({
      write(ctx, message: string) {
        if (message.startsWith('bad')) throw new Error(message);
        return ctx.write(message);
      },
    } satisfies Handler);
    expect(() => channel.writeOutbound('good', 'bad 1', 'bad 2')).toThrow('bad 1');
    expect(channel.readOutbound()).toBe('good');
  });

  it('writeOneOutbound does not flush, flushOutbound does', () => {
    const channel = new EmbeddedChannel();
    channel.writeOneOutbound('a').writeOneOutbound('b');
    expect(channel.readOutbound()).toBeUndefined();
    channel.flushOutbound();
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['a', 'b']);
  });

  it('gives byte sources as the bytes they write', () => {
    const channel = new EmbeddedChannel();
    channel.writeOutbound({
      byteLength: 2,
      writeTo: (target: Uint8Array, offset: number) => target.set([1, 2], offset),
    });
    expect(channel.readOutbound(Buffer)).toEqual(Buffer.from([1, 2]));
  });
});

describe('errors and end', () => {
  it('keeps the first error for checkException, once; a second one is only logged', () => {
    const lines: string[] = [];
    const channel = EmbeddedChannel.with({
      logger: {
        log: (level, text, error) => void lines.push(`${level} ${text} ${error?.message}`),
      },
    });
    channel.pipeline.fireExceptionCaught(new Error('1'));
    channel.pipeline.fireExceptionCaught(new Error('2'));
    expect(lines).toEqual([expect.stringMatching(/^warn .*second error.* 2$/)]);
    expect(() => channel.checkException()).toThrow('1');
    expect(() => channel.checkException()).not.toThrow();
  });

  it('reading into or writing to a closed channel throws', () => {
    const channel = new EmbeddedChannel();
    channel.close();
    const closed = expect.objectContaining({ code: 'HR_ERR_CHANNEL_CLOSED' });
    expect(() => channel.writeInbound(1)).toThrow(closed);
    expect(() => channel.writeOneInbound(1)).toThrow(closed);
    expect(() => channel.writeOutbound(1)).toThrow(closed);
    expect(() => channel.writeOneOutbound(1)).toThrow(closed);
  });

  it('finish closes, runs tasks, cancels timers, rethrows, and returns what is left', () => {
    const ran: string[] = [];
    const channel = new EmbeddedChannel({
      channelInactive(ctx) {
        ctx.clock.execute(() => ran.push('task'));
        ctx.clock.schedule(() => ran.push('timer'), 10);
      },
    } satisfies Handler);
    channel.writeInbound('in');
    channel.writeOutbound('out');
    channel.write('never sent');
    const { clock } = channel;
    expect(channel.finish()).toEqual({
      inbound: ['in'],
      outbound: ['out'],
      pendingOutboundBytes: 'never sent'.length + 64,
    });
    expect([channel.isOpen, ran, clock.pendingTimers]).toEqual([false, ['task'], 0]);
    clock.advance(100);
    expect(ran).toEqual(['task']);
  });

  it('finish leaves the timers of a shared clock alone', () => {
    const clock = new VirtualClock();
    let ran = false;
    clock.schedule(() => {
      ran = true;
    }, 10);
    EmbeddedChannel.with({ clock }).finish();
    clock.advance(10);
    expect(ran).toBe(true);
  });

  it('finish rethrows an error that was recorded', () => {
    const channel = new EmbeddedChannel({
      channelInactive() {
        throw new Error('at the end');
      },
    } satisfies Handler);
    expect(() => channel.finish()).toThrow('at the end');
  });

  it('close, end and abort deliver inactive and unregistered, and tasks from channelInactive', () => {
    for (const how of ['close', 'abort', 'end'] as const) {
      const seen = recordEvents();
      const ran: string[] = [];
      const channel = new EmbeddedChannel(seen, {
        channelInactive(ctx) {
          ctx.clock.execute(() => ran.push(how));
          ctx.fireChannelInactive();
        },
      } satisfies Handler);
      channel[how]();
      if (how === 'end') channel.endInput();
      expect(seen.events.slice(-3)).toEqual([
        'channelInactive',
        'channelUnregistered',
        'handlerRemoved',
      ]);
      expect(ran).toEqual([how]);
      expect(channel.embedded.wasAborted).toBe(how === 'abort');
    }
  });
});

describe('tasks and time', () => {
  it('tasks of handlers run when the outermost call is over', () => {
    const order: string[] = [];
    const channel: EmbeddedChannel = new EmbeddedChannel({
      channelRead(ctx, message: string) {
        ctx.clock.execute(() => order.push(`task of ${message}`));
        if (message === 'outer') channel.writeInbound('inner');
        order.push(`${message} ends`);
      },
    } satisfies Handler);
    channel.writeInbound('outer');
    expect(order).toEqual(['inner ends', 'outer ends', 'task of outer', 'task of inner']);
  });

  it('across channels that share a clock, too', () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    const other = EmbeddedChannel.with({ clock }, {
      channelRead: (ctx) => ctx.clock.execute(() => order.push('task')),
    } satisfies Handler);
    const channel = EmbeddedChannel.with({ clock }, {
      channelRead() {
        other.writeInbound('x');
        order.push('event ends');
      },
    } satisfies Handler);
    channel.writeInbound('x');
    expect(order).toEqual(['event ends', 'task']);
  });

  it('timers run when they are due, in order, at their time', () => {
    const channel = new EmbeddedChannel();
    const ran: string[] = [];
    const later = (name: string, ms: number) =>
      channel.clock.schedule(() => ran.push(`${name} at ${channel.clock.now()}`), ms);
    later('b', 20);
    later('a', 10);
    later('a2', 10);
    const cancelled = later('never', 15);
    cancelled.cancel();
    channel.advance(9);
    expect(ran).toEqual([]);
    channel.advance(11);
    expect(ran).toEqual(['a at 10', 'a2 at 10', 'b at 20']);
    expect(channel.clock.now()).toBe(20);
  });

  it('a timer set by a timer runs in the same advance, if it is due', () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    const again = () => {
      ran.push(clock.now());
      if (ran.length < 5) clock.schedule(again, 10);
    };
    clock.schedule(again, 10);
    clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
  });

  it('nextDelay is the time until the next timer is due, -1 for none', () => {
    const { clock } = new EmbeddedChannel();
    expect(clock.nextDelay).toBe(-1);
    const timer = clock.schedule(() => {}, 30);
    clock.schedule(() => {}, 50);
    clock.advance(10);
    expect([clock.nextDelay, clock.pendingTimers]).toEqual([20, 2]);
    timer.cancel();
    expect([clock.nextDelay, clock.pendingTimers]).toEqual([40, 1]);
  });

  it('time cannot move within an event', () => {
    const channel = new EmbeddedChannel();
    expect(() => channel.run(() => channel.advance(1))).toThrow(/within an event/);
  });

  it('a task that throws does not lose the others', () => {
    const { clock } = new EmbeddedChannel();
    const ran: string[] = [];
    clock.execute(() => {
      throw new Error('task');
    });
    clock.execute(() => ran.push('second'));
    expect(() => clock.runTasks()).toThrow('task');
    clock.runTasks();
    expect(ran).toEqual(['second']);
  });
});

describe('overrides', () => {
  it('both sinks can be replaced; parent and id can be given', () => {
    const got: string[] = [];
    class Sinks extends EmbeddedChannel {
      protected override handleInboundMessage(message: unknown): void {
        got.push(`in ${String(message)}`);
      }
      protected override handleOutboundMessage(message: unknown): void {
        got.push(`out ${String(message)}`);
      }
    }
    const channel = new Sinks();
    channel.writeInbound('a');
    channel.writeOutbound('b');
    expect(got).toEqual(['in a', 'out b']);
    const child: Channel = EmbeddedChannel.with({ parent: channel, id: 'deadbeef' });
    expect([child.parent, child.id]).toEqual([channel, 'deadbeef']);
    expect(String(child)).toContain('deadbeef');
  });

  it('readInbound and readOutbound check the class, if one is given', () => {
    const channel = new EmbeddedChannel();
    channel.writeInbound('text', Buffer.from('x'));
    expect(() => channel.readInbound(Buffer)).toThrow(/expected a Buffer.*"text"/);
    expect(channel.readInbound(Buffer)?.toString()).toBe('x');
    expect(channel.readInbound(Buffer)).toBeUndefined();
    channel.writeOutbound('text');
    expect(() => channel.readOutbound(Buffer)).toThrow(TypeError);
  });

  it('waits for messages that come later, and rejects if the channel closes without one', async () => {
    const channel = new EmbeddedChannel({
      async channelRead(ctx: Context, message: string) {
        await Promise.resolve();
        ctx.fireChannelRead(`${message}!`);
        ctx.channel.writeAndFlush(`re: ${message}`);
      },
    } satisfies Handler);
    channel.writeInbound('a');
    expect(await channel.waitForInbound()).toBe('a!');
    expect(await channel.waitForOutbound()).toBe('re: a');
    const waiting = [channel.waitForInbound(), channel.waitForOutbound()];
    channel.close();
    for (const one of waiting) {
      await expect(one).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    }
  });
});
