import {
  type Channel,
  ChannelError,
  type Handler,
  MemoryTransport,
  silentLogger,
} from '@headrace/core';
import {
  EmbeddedChannel,
  type EmbeddedChannelOptions,
  recordEvents,
  VirtualClock,
} from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';
import { coreOf, startChannel, TransportChannel } from '../../src/channel/transport-channel.ts';

const system = (code: string): Error => Object.assign(new Error(code), { code });

/** A channel whose transport is not connected. */
function connecting(options: EmbeddedChannelOptions = {}, ...handlers: Handler[]): EmbeddedChannel {
  const channel = EmbeddedChannel.with({ ...options, register: false }, ...handlers);
  channel.embedded.isActive = false;
  channel.register();
  return channel;
}

function connect(channel: EmbeddedChannel): void {
  channel.embedded.isActive = true;
  channel.run(() => channel.embedded.sink.connected());
}

describe('the life of a channel', () => {
  it('handlerAdded, registered, active, reads, inactive, unregistered, handlerRemoved', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    channel.writeInbound('a', 'b');
    channel.writeInbound('c');
    channel.endInput();
    expect(seen.events).toEqual([
      'handlerAdded',
      'channelRegistered',
      'channelActive',
      'channelRead "a"',
      'channelRead "b"',
      'channelReadComplete',
      'channelRead "c"',
      'channelReadComplete',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
  });

  it('the connect’s future is fulfilled before channelActive', () => {
    const order: string[] = [];
    const channel = EmbeddedChannel.with({ register: false }, {
      channelActive: () => void order.push(`active ${coreOf(channel)!.connectFuture.isSuccess}`),
    } satisfies Handler);
    coreOf(channel)!.connectFuture.onSettled(() => order.push('connected'));
    channel.register();
    expect(order).toEqual(['connected', 'active true']);
  });

  it('channelActive fires once', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    channel.embedded.sink.connected();
    channel.embedded.sink.connected();
    expect(seen.events.filter((event) => event === 'channelActive')).toHaveLength(1);
  });

  it('not at all if a listener of the connect closes the channel', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with({ register: false }, seen);
    coreOf(channel)!.connectFuture.onSettled(() => channel.close());
    channel.register();
    expect(seen.events).not.toContain('channelActive');
    expect(channel.isOpen).toBe(false);
  });

  it('channelActive comes before the first channelRead', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with({ register: false }, seen);
    channel.embedded.isActive = false;
    channel.register();
    expect(seen.take()).toEqual(['handlerAdded', 'channelRegistered']);
    channel.run(() => {
      channel.embedded.sink.connected();
      channel.embedded.sink.received('first');
    });
    expect(seen.take()).toEqual(['channelActive', 'channelRead "first"']);
  });

  it('with auto-read, read() follows channelActive and every channelReadComplete, through the pipeline', () => {
    const seen = recordEvents({ reads: true });
    const channel = new EmbeddedChannel(seen);
    channel.writeInbound('m');
    expect(seen.events.slice(2)).toEqual([
      'channelActive',
      'read',
      'channelRead "m"',
      'channelReadComplete',
      'read',
    ]);
    expect(channel.embedded.reads).toBe(2);
  });

  it.each([
    ['handlerAdded of a handler', { handlerAdded: (ctx) => void ctx.channel.close() }, undefined],
    ['the initializer', {}, (channel) => void channel.close()],
  ] satisfies [string, Handler, ((channel: Channel) => void) | undefined][])(
    'one that %s closes is registered before it is unregistered',
    (_where, closer, initialize) => {
      const seen = recordEvents();
      const channel = EmbeddedChannel.with({ register: false }, seen, closer);
      channel.register(initialize);
      const inbound = seen.events.filter((event) => event !== 'close local');
      expect(inbound).toEqual([
        'handlerAdded',
        'channelRegistered',
        'channelUnregistered',
        'handlerRemoved',
      ]);
    },
  );

  it('registering twice is an error', () => {
    const channel = new EmbeddedChannel();
    expect(() => channel.register()).toThrow(ChannelError);
  });
});

describe('close', () => {
  it('closed, close’s own future, flushed writes, unflushed ones; the events with the next task', () => {
    const order: string[] = [];
    const note = (text: string) => () => void order.push(text);
    const channel = EmbeddedChannel.with({}, {
      channelInactive: note('inactive'),
      channelUnregistered: note('unregistered'),
      handlerRemoved: note('removed'),
    } satisfies Handler);
    channel.embedded.isStuck = true;
    channel.run(() => {
      channel.write('flushed').onSettled((error) => note(`flushed ${error?.name}`)());
      channel.flush();
      channel.write('unflushed').onSettled((error) => note(`unflushed ${error?.name}`)());
      channel.onClosed(() => note(`closed ${channel.embedded.isActive}`)());
      channel.end().onSettled(note('close done'));
      channel.close();
      order.push('close returned');
    });
    expect(order).toEqual([
      'closed false',
      'close done',
      'flushed ChannelError',
      'unflushed ChannelError',
      'close returned',
      'inactive',
      'unregistered',
      'removed',
    ]);
  });

  it('flushed writes fail before unflushed ones', () => {
    const order: string[] = [];
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    channel.write('1').onSettled(() => order.push('flushed'));
    channel.flush();
    channel.write('2').onSettled(() => order.push('unflushed'));
    channel.close();
    expect(order).toEqual(['flushed', 'unflushed']);
  });

  it('channelInactive never runs inside close()', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    channel.run(() => {
      channel.close();
      expect(seen.events).not.toContain('channelInactive');
    });
    expect(seen.events).toContain('channelInactive');
  });

  it('nor inside a close() from a timer', () => {
    const order: string[] = [];
    const channel = new EmbeddedChannel({
      channelActive(ctx) {
        ctx.clock.schedule(() => {
          ctx.channel.close();
          order.push('timer ends');
        }, 10);
      },
      channelInactive: () => void order.push('inactive'),
    } satisfies Handler);
    channel.advance(10);
    expect(order).toEqual(['timer ends', 'inactive']);
  });

  it('in channelInactive the channel is neither active nor open, and its addresses are readable', () => {
    let state: unknown;
    const channel = new EmbeddedChannel({
      channelInactive({ channel: self }) {
        state = [self.isActive, self.isOpen, self.localAddress, self.remoteAddress];
      },
    } satisfies Handler);
    channel.close();
    expect(state).toEqual([false, false, { path: 'embedded' }, { path: 'embedded' }]);
  });

  it('a second close fires nothing, and settles with the first', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    const futures = channel.run(() => [channel.close(), channel.close()]);
    expect(futures.map((future) => future.isSuccess)).toEqual([true, true]);
    seen.take();
    expect(channel.close().isSuccess).toBe(true);
    expect(channel.abort().isSuccess).toBe(true);
    expect(channel.end().isSuccess).toBe(true);
    expect(seen.take()).toEqual([]);
  });

  it('closed never rejects, and has the reason', async () => {
    const channel = new EmbeddedChannel({ exceptionCaught() {} } satisfies Handler);
    const { closed } = channel;
    channel.run(() => channel.embedded.sink.failed(system('ECONNRESET')));
    await expect(closed).resolves.toMatchObject({ reason: 'reset', by: 'peer' });
    await expect(channel.closed).resolves.toBe(channel.closeInfo);
  });

  it('writes that wait at the close fail with CHANNEL_CLOSED, and no exceptionCaught', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    channel.embedded.isStuck = true;
    const futures = [channel.writeAndFlush('1'), channel.write('2')];
    channel.close('idle');
    for (const { error } of futures) {
      expect(error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
      expect(error?.message).toContain('idle');
    }
    expect(seen.events.filter((event) => event.startsWith('exceptionCaught'))).toEqual([]);
  });

  it('failing them at the close fires no writability events', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 100, writeBufferLowBytes: 50 },
      seen,
    );
    channel.embedded.isStuck = true;
    channel.writeAndFlush(Buffer.alloc(200));
    expect(seen.take()).toContain('channelWritabilityChanged false');
    channel.close();
    expect(seen.take().filter((event) => event.startsWith('channelWritab'))).toEqual([]);
    expect(channel.isWritable).toBe(false);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('nor does shutting the output down', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 100, writeBufferLowBytes: 50, allowHalfOpen: true },
      seen,
    );
    channel.write(Buffer.alloc(200));
    seen.take();
    channel.shutdown('output');
    expect(channel.write('x').error).toMatchObject({ code: 'HR_ERR_OUTPUT_SHUTDOWN' });
    expect(seen.take().filter((event) => event.startsWith('channelWritab'))).toEqual([]);
  });

  it('a write after the close fails, with the error that closed the channel as its cause', () => {
    const channel = new EmbeddedChannel({ exceptionCaught() {} } satisfies Handler);
    channel.run(() => channel.embedded.sink.failed(system('ECONNRESET')));
    const { error } = channel.write('x');
    expect(error).toMatchObject({
      code: 'HR_ERR_CHANNEL_CLOSED',
      cause: { code: 'HR_ERR_CHANNEL_RESET' },
    });
    const closed = new EmbeddedChannel();
    closed.close();
    expect(closed.write('x').error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    expect(closed.write('x').error?.cause).toBeUndefined();
  });

  it('what is flushed before the connect waits for it, and counts towards writability meanwhile', () => {
    const channel = connecting({ writeBufferHighBytes: 500, writeBufferLowBytes: 400 });
    const early = channel.writeAndFlush('x'.repeat(500));
    const unflushed = channel.write('unflushed');
    expect([early.isSettled, channel.isWritable]).toEqual([false, false]);
    connect(channel);
    expect([early.isSuccess, unflushed.isSettled, channel.isWritable]).toEqual([true, false, true]);
    channel.flush();
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual([
      'x'.repeat(500),
      'unflushed',
    ]);
  });

  it('what is flushed before the connect leaves before channelActive, whose end comes after it', () => {
    const seen: string[] = [];
    const channel = connecting({}, {
      handlerAdded: (ctx) => ctx.writeAndFlush('early').onSettled(() => seen.push('sent')),
      channelActive(ctx) {
        seen.push('active');
        ctx.close();
      },
    } satisfies Handler);
    connect(channel);
    expect(seen).toEqual(['sent', 'active']);
    expect(channel.readOutbound()).toBe('early');
  });

  it('a failed connect fails what was flushed before it, with its error', () => {
    const channel = connecting();
    const early = channel.writeAndFlush('early');
    channel.run(() => channel.embedded.sink.failed(new Error('nobody there')));
    expect(early.error?.message).toContain('nobody there');
    expect(early.mayHaveLeft).toBe(false);
  });

  it('end() before the connect closes at once with nothing to send, else after that was sent', () => {
    const idle = connecting();
    idle.flush();
    void idle.end();
    expect(idle.isOpen).toBe(false);
    const channel = connecting();
    channel.writeAndFlush('early');
    void channel.end({ reason: 'refused', lingerMs: 500 });
    expect([channel.isOpen, channel.isEnding]).toEqual([true, true]);
    connect(channel);
    expect([channel.readOutbound(), channel.isOutputShutdown]).toEqual(['early', true]);
    channel.advance(500);
    expect(channel.closeInfo?.reason).toBe('refused');
  });

  it('output that waits for the connect has its limit', () => {
    const channel = connecting({ maxOutboundBytes: 1000 });
    for (let i = 0; i < 5; i++) channel.writeAndFlush('x'.repeat(1000)).onSettled(() => {});
    expect(channel.closeInfo?.reason).toBe('slow-consumer');
  });

  it('closed before it was active: unregistered and handlerRemoved, no channelInactive', () => {
    const seen = recordEvents();
    const channel = EmbeddedChannel.with({ register: false }, seen);
    channel.embedded.isActive = false;
    channel.register();
    channel.close();
    expect(seen.events).toEqual([
      'handlerAdded',
      'channelRegistered',
      'close local',
      'channelUnregistered',
      'handlerRemoved',
    ]);
  });

  it('closed by a handler while it is being registered: nothing is left open', () => {
    const channel = new EmbeddedChannel({
      handlerAdded: (ctx) => void ctx.close('refused'),
    } satisfies Handler);
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo?.reason).toBe('refused');
    expect(channel.pipeline.names()).toEqual([]);
    expect(channel.embedded.isActive).toBe(false);
  });

  it('the output’s failure closes: flushed writes get the error itself, unflushed ones CHANNEL_CLOSED', () => {
    const channel = new EmbeddedChannel({ exceptionCaught() {} } satisfies Handler);
    channel.embedded.isStuck = true;
    const flushed = channel.writeAndFlush('1');
    const unflushed = channel.write('2');
    channel.run(() => channel.embedded.sink.failed(system('EPIPE')));
    expect(channel.isOpen).toBe(false);
    expect(flushed.error).toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    expect(unflushed.error).toMatchObject({
      code: 'HR_ERR_CHANNEL_CLOSED',
      cause: { code: 'HR_ERR_CHANNEL_RESET' },
    });
  });

  it('closing inside channelRead lets it finish; nothing is read after that', () => {
    const seen: string[] = [];
    const channel = new EmbeddedChannel({
      channelRead(ctx, message: string) {
        ctx.close();
        seen.push(message);
      },
      channelReadComplete: () => void seen.push('complete'),
      channelInactive: () => void seen.push('inactive'),
    } satisfies Handler);
    channel.writeInbound('1', '2');
    channel.run(() => channel.embedded.sink.received('3'));
    expect(seen).toEqual(['1', 'inactive']);
  });

  it('calls the close listeners once each, at once if it has closed, and not the ones taken away', () => {
    const calls: string[] = [];
    const channel = new EmbeddedChannel();
    const gone = () => void calls.push('gone');
    channel.onClosed((self) => calls.push(`a ${self === channel}`));
    channel.onClosed(gone);
    channel.onClosed(() => calls.push('b'));
    channel.offClosed(gone);
    channel.close();
    channel.close();
    channel.onClosed(() => calls.push('late'));
    expect(calls).toEqual(['a true', 'b', 'late']);
  });

  it('a close listener that throws keeps neither the others nor the close from happening', () => {
    const calls: string[] = [];
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    channel.onClosed(() => {
      throw new Error('listener');
    });
    channel.onClosed(() => calls.push('second'));
    const write = channel.write('x');
    const { emitWarning } = process;
    const warnings: string[] = [];
    process.emitWarning = ((warning: Error) => void warnings.push(warning.message)) as never;
    channel.close();
    process.emitWarning = emitWarning;
    expect(calls).toEqual(['second']);
    expect(warnings).toEqual(['listener']);
    expect(write.isSettled).toBe(true);
    expect(seen.events).toContain('channelInactive');
  });
});

describe('what the transport reports', () => {
  it('the peer’s end: the last messages, then close', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    channel.writeInbound('last');
    channel.endInput();
    expect(seen.take()).toEqual([
      'channelRead "last"',
      'channelReadComplete',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
    expect(channel.closeInfo).toEqual({ reason: 'peer', by: 'peer', error: undefined });
  });

  it('a reset: what was read, exceptionCaught once, then inactive', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen, { exceptionCaught() {} } satisfies Handler);
    seen.take();
    channel.writeInbound('last');
    channel.run(() => {
      channel.embedded.sink.failed(system('ECONNRESET'));
      channel.embedded.sink.disconnected();
    });
    expect(seen.take()).toEqual([
      'channelRead "last"',
      'channelReadComplete',
      'exceptionCaught HR_ERR_CHANNEL_RESET',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
    expect(channel.closeInfo).toMatchObject({ reason: 'reset', by: 'peer' });
  });

  it.each([
    ['ECONNRESET', 'reset', 'peer', 'HR_ERR_CHANNEL_RESET'],
    ['EPIPE', 'reset', 'peer', 'HR_ERR_CHANNEL_RESET'],
    ['ETIMEDOUT', 'unreachable', 'network', 'HR_ERR_CHANNEL_FAILED'],
    ['EHOSTUNREACH', 'unreachable', 'network', 'HR_ERR_CHANNEL_FAILED'],
    ['ENETDOWN', 'unreachable', 'network', 'HR_ERR_CHANNEL_FAILED'],
    ['EIO', 'error', 'network', 'HR_ERR_CHANNEL_FAILED'],
  ])('%s closes as %s by %s', (code, reason, by, ours) => {
    const channel = new EmbeddedChannel({ exceptionCaught() {} } satisfies Handler);
    channel.run(() => channel.embedded.sink.failed(system(code)));
    expect(channel.closeInfo).toMatchObject({ reason, by, error: { code: ours, cause: { code } } });
  });

  it('a handler that closes because of a reset does not hide that it was one', () => {
    const channel = new EmbeddedChannel({
      exceptionCaught: (ctx) => void ctx.close('bad-input'),
    } satisfies Handler);
    channel.run(() => channel.embedded.sink.failed(system('ECONNRESET')));
    expect(channel.closeInfo?.reason).toBe('reset');
  });

  it('the transport’s disappearance after our own end() keeps our reason', () => {
    const channel = EmbeddedChannel.with({ allowHalfOpen: true });
    channel.end({ reason: 'shutdown' });
    channel.run(() => channel.embedded.sink.disconnected());
    expect(channel.closeInfo).toMatchObject({ reason: 'shutdown', by: 'local' });
  });
});

describe('end', () => {
  it('goes on discarding input though a handler turns autoRead off meanwhile', () => {
    const channel = new EmbeddedChannel();
    channel.end();
    channel.autoRead = false;
    expect(channel.embedded.isReading).toBe(true);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('local');
  });

  it('closes in order: sends flushed and unflushed writes, then waits for the peer', () => {
    const channel = new EmbeddedChannel();
    channel.write('last words');
    const future = channel.end({ reason: 'bad-input' });
    expect(channel.readOutbound()).toBe('last words');
    expect(future.isSettled).toBe(false);
    expect(channel.isOpen).toBe(true);
    channel.writeInbound('ignored');
    expect(channel.readInbound()).toBeUndefined();
    channel.endInput();
    expect(future.isSuccess).toBe(true);
    expect(channel.closeInfo).toEqual({ reason: 'bad-input', by: 'local', error: undefined });
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('gives up waiting after lingerMs', () => {
    const channel = new EmbeddedChannel();
    channel.end({ lingerMs: 500 });
    channel.advance(499);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'local', by: 'local' });
  });

  it('closes at once if the peer has ended already', () => {
    const channel = EmbeddedChannel.with({ allowHalfOpen: true });
    channel.endInput();
    channel.end();
    expect(channel.isOpen).toBe(false);
  });
});

describe('toString', () => {
  it('names both ends, and says whether it is up', () => {
    const channel = EmbeddedChannel.with({ id: '00c0ffee' });
    expect(String(channel)).toBe('[id: 0x00c0ffee, L:embedded - R:embedded]');
    channel.close();
    expect(String(channel)).toBe('[id: 0x00c0ffee, L:embedded ! R:embedded]');
  });

  it('writes IPv6 addresses in brackets, and leaves out what it does not know', () => {
    const { embedded } = new EmbeddedChannel();
    const ends: Record<string, unknown> = embedded as never;
    ends['localAddress'] = { host: '::1', port: 1, family: 'IPv6' };
    ends['remoteAddress'] = { host: '10.0.0.1', port: 2, family: 'IPv4' };
    const channel: Channel = new TransportChannel(
      embedded,
      resolveChannelOptions({ clock: new VirtualClock() }),
    );
    expect(String(channel)).toMatch(/^\[id: 0x[0-9a-f]{8}, L:\[::1\]:1 ! R:10\.0\.0\.1:2\]$/);
    ends['localAddress'] = ends['remoteAddress'] = undefined;
    expect(String(channel)).toMatch(/^\[id: 0x[0-9a-f]{8}\]$/);
  });

  it('gives every channel an id of eight hex digits', () => {
    const ids = Array.from({ length: 100 }, () => new EmbeddedChannel().id);
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}$/);
  });
});

it("gives a handler's close the reason that closeInfo has: a reset is not just an error", () => {
  const reasons: string[] = [];
  const clock = new VirtualClock();
  const [transport] = MemoryTransport.pair({ clock });
  const options = resolveChannelOptions({ clock, logger: silentLogger });
  const channel = new TransportChannel(transport, options);
  channel.pipeline.addLast({
    close(ctx, reason) {
      reasons.push(reason);
      return ctx.close(reason);
    },
  });
  clock.run(() => startChannel(channel));
  clock.run(() => coreOf(channel)!.failed(system('ECONNRESET')));
  expect([reasons, channel.closeInfo?.reason]).toEqual([['reset'], 'reset']);
});
