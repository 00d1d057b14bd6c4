import { type Context, type Handler, isHeadraceError, type WriteFuture } from '@headrace/core';
import { connectedPair, EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { IdleCloseHandler } from '../../src/idle/idle-close-handler.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';
import { MessageRateHandler } from '../../src/limit/message-rate-handler.ts';
import { ConnectionExpiredEvent } from '../../src/timeout/connection-expiry.ts';
import { MaxAgeHandler } from '../../src/timeout/max-age-handler.ts';
import { MaxMessagesHandler } from '../../src/timeout/max-messages-handler.ts';
import { ReadTimeoutHandler } from '../../src/timeout/read-timeout-handler.ts';
import { WriteTimeoutHandler } from '../../src/timeout/write-timeout-handler.ts';

class Catcher implements Handler {
  readonly errors: unknown[] = [];
  readonly events: unknown[] = [];

  exceptionCaught(_ctx: Context, error: Error & { code?: string }): void {
    this.errors.push(error.code);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof ConnectionExpiredEvent) {
      this.events.push(`${event.limit} @${ctx.clock.now()}`);
    }
  }
}

describe('ReadTimeoutHandler', () => {
  it('raises its error once, then closes', () => {
    const catcher = new Catcher();
    const channel = new EmbeddedChannel(new ReadTimeoutHandler({ timeoutMs: 1000 }), catcher);
    channel.advance(600);
    channel.writeInbound('x');
    channel.advance(999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(catcher.errors).toEqual(['HR_ERR_TIMEOUT_READ']);
    expect(channel.closeInfo?.reason).toBe('timeout');
    channel.advance(10_000);
    expect(catcher.errors).toHaveLength(1);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('expects nothing of a peer that has ended its half while it reads the answer', () => {
    const { client, server, clock } = connectedPair({
      capacityBytes: 1000,
      server: ({ pipeline }) =>
        void pipeline.addLast(new ReadTimeoutHandler({ timeoutMs: 500 }), {
          channelRead: (ctx: Context) => void ctx.writeAndFlush(Buffer.alloc(10_000)),
        }),
      client: ({ pipeline }) => void pipeline.addLast({ channelRead() {} }),
    });
    const hold = client.holdReads('test');
    client.writeAndFlush(Buffer.from('question'));
    clock.run(() => client.shutdown('output').onSettled(() => {}));
    clock.advance(1000);
    expect(server.isOpen).toBe(true);
    clock.run(() => hold.release());
    expect(server.closeInfo?.reason).toBe('peer');
  });

  it('leaves the end to a handler that sends a last message', () => {
    const polite: Handler = {
      exceptionCaught(ctx: Context) {
        ctx.write('good-bye');
        ctx.channel.end({ reason: 'timeout' });
      },
    };
    const channel = new EmbeddedChannel(new ReadTimeoutHandler({ timeoutMs: 1000 }), polite);
    channel.advance(1000);
    expect(channel.readOutbound()).toBe('good-bye');
    expect(channel.isOpen).toBe(true);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('timeout');
  });

  it('is off with timeoutMs: false, refuses invalid times, and does not touch writes', () => {
    const channel = new EmbeddedChannel(new ReadTimeoutHandler({ timeoutMs: false }));
    channel.advance(1e9);
    expect(channel.isOpen).toBe(true);
    expect(() => new ReadTimeoutHandler({ timeoutMs: 0 })).toThrow(/timeoutMs is 0/);
    expect(new ReadTimeoutHandler().write).toBeUndefined();
  });
});

describe('WriteTimeoutHandler', () => {
  it('raises its error once, closes, and the write fails by the close', () => {
    const catcher = new Catcher();
    const channel = new EmbeddedChannel(new WriteTimeoutHandler({ timeoutMs: 1000 }), catcher);
    channel.embedded.isStuck = true;
    const first = channel.writeAndFlush('one');
    channel.advance(300);
    const second = channel.writeAndFlush('two');
    channel.advance(699);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(catcher.errors).toEqual(['HR_ERR_TIMEOUT_WRITE']);
    expect(channel.closeInfo?.reason).toBe('timeout');
    expect(isHeadraceError(first.error, 'CHANNEL_CLOSED')).toBe(true);
    expect(isHeadraceError(second.error, 'CHANNEL_CLOSED')).toBe(true);
    channel.advance(10_000);
    expect(catcher.errors).toHaveLength(1);
  });

  it('times each write for itself', () => {
    const catcher = new Catcher();
    const channel = new EmbeddedChannel(new WriteTimeoutHandler({ timeoutMs: 1000 }), catcher);
    for (let i = 0; i < 20; i++) {
      channel.embedded.isStuck = true;
      channel.writeAndFlush(`message ${i}`);
      channel.advance(900);
      channel.run(() => channel.embedded.release());
    }
    expect(catcher.errors).toEqual([]);
    channel.embedded.isStuck = true;
    channel.writeAndFlush('stuck');
    channel.advance(999);
    expect(catcher.errors).toEqual([]);
    channel.advance(1);
    expect(catcher.errors).toHaveLength(1);
  });

  it('forgets a completed write, and all of them when it is removed', () => {
    const catcher = new Catcher();
    const handler = new WriteTimeoutHandler({ timeoutMs: 1000 });
    const channel = EmbeddedChannel.with({ outboundStallMs: false }, handler, catcher);
    channel.writeOutbound('through');
    channel.advance(5000);
    expect(channel.clock.pendingTimers).toBe(0);
    channel.embedded.isStuck = true;
    channel.writeAndFlush('stuck');
    channel.pipeline.remove(handler);
    expect(channel.clock.pendingTimers).toBe(0);
    channel.advance(5000);
    expect(catcher.errors).toEqual([]);
  });

  it('sets one timer, however much is written', () => {
    const channel = new EmbeddedChannel(new WriteTimeoutHandler({ timeoutMs: 1000 }));
    for (let i = 0; i < 100; i++) {
      channel.write('x');
      channel.flush();
    }
    expect(channel.clock.pendingTimers).toBeLessThanOrEqual(1);
    channel.run(() => void channel.close());
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('is off with timeoutMs: false, and refuses invalid times', () => {
    expect(new WriteTimeoutHandler({ timeoutMs: false }).write).toBeUndefined();
    expect(() => new WriteTimeoutHandler({ timeoutMs: -5 })).toThrow(/timeoutMs is -5/);
  });

  it('does not time a write that failed at once', () => {
    const failing: Handler = {
      write: (): WriteFuture => {
        throw new Error('no');
      },
    };
    const channel = new EmbeddedChannel(failing, new WriteTimeoutHandler({ timeoutMs: 1000 }));
    channel.write('x').onSettled(() => {});
    expect(channel.clock.pendingTimers).toBe(0);
  });
});

describe('MaxAgeHandler', () => {
  it('ends a connection of that age, with a last word and time to finish', () => {
    const catcher = new Catcher();
    const handler = new MaxAgeHandler({
      maxAgeMs: 60_000,
      graceMs: 5000,
      lastWord: () => 'MOVE',
      jitter: 0,
    });
    const channel = new EmbeddedChannel(handler, catcher);
    channel.advance(59_999);
    expect(catcher.events).toEqual([]);
    channel.advance(1);
    expect(catcher.events).toEqual(['age @60000']);
    channel.advance(4000);
    channel.writeOutbound('an answer');
    channel.advance(1000);
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['an answer', 'MOVE']);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('limit');
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('spreads the ends of connections that began together', () => {
    const ends = [0, 0.5, 1].map((chance) => {
      const channel = new EmbeddedChannel(
        new MaxAgeHandler({ maxAgeMs: 1000, jitter: 0.2, random: () => chance }),
      );
      while (!channel.isOutputShutdown) channel.advance(1);
      return channel.clock.now();
    });
    expect(ends).toEqual([1000, 900, 800]);
  });

  it('stops with the channel and with its removal, and can be off', () => {
    const handler = new MaxAgeHandler({ maxAgeMs: 1000 });
    const channel = new EmbeddedChannel(handler);
    channel.pipeline.remove(handler);
    expect(channel.clock.pendingTimers).toBe(0);
    const closed = new EmbeddedChannel(new MaxAgeHandler({ maxAgeMs: 1000 }));
    closed.run(() => void closed.close());
    expect(closed.clock.pendingTimers).toBe(0);
    const off = new EmbeddedChannel(new MaxAgeHandler({ maxAgeMs: false }));
    expect(off.clock.pendingTimers).toBe(0);
    expect(() => new MaxAgeHandler({ maxAgeMs: 1, jitter: 1.1 })).toThrow(/jitter is 1.1/);
  });
});

describe('MaxMessagesHandler', () => {
  it('hands on as many messages as allowed, then ends after the burst', () => {
    const catcher = new Catcher();
    const echo: Handler = { channelRead: (ctx: Context, message) => void ctx.write(message) };
    const handler = new MaxMessagesHandler({ maxMessages: 3, lastWord: () => 'ENOUGH' });
    const channel = new EmbeddedChannel(handler, echo, catcher);
    channel.writeInbound('a', 'b');
    expect(channel.isOutputShutdown).toBe(false);
    channel.writeInbound('c', 'd');
    expect(catcher.events).toEqual(['messages @0']);
    const got = [1, 2, 3, 4].map(() => channel.readOutbound());
    expect(got).toEqual(['a', 'b', 'c', 'ENOUGH']);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('limit');
  });

  it('gives answers that are under way their time', () => {
    const handler = new MaxMessagesHandler({ maxMessages: 1, graceMs: 1000 });
    const channel = new EmbeddedChannel(handler);
    channel.writeInbound('a', 'b');
    expect(channel.readInbound()).toBe('a');
    expect(channel.readInbound()).toBeUndefined();
    channel.advance(999);
    channel.writeInbound('c');
    expect(channel.isOutputShutdown).toBe(false);
    channel.advance(1);
    expect(channel.isOutputShutdown).toBe(true);
    expect(() => new MaxMessagesHandler({ maxMessages: 0 })).toThrow(/maxMessages is 0/);
  });
});

describe('a last word that throws', () => {
  const lastWord = (): string => {
    throw new Error('speechless');
  };
  it.each([
    ['MaxAgeHandler', new MaxAgeHandler({ maxAgeMs: 100, jitter: 0, lastWord })],
    ['IdleCloseHandler', new IdleCloseHandler({ lastWord })],
    [
      'MessageRateHandler',
      new MessageRateHandler({ perSecond: 1, excessPolicy: 'close', lastWord }),
    ],
  ])('of %s is fired, and the connection ends anyway', (_name, handler) => {
    const caught: string[] = [];
    const catcher: Handler = {
      exceptionCaught: (_ctx: Context, error: Error) => void caught.push(error.message),
    };
    const channel = new EmbeddedChannel(
      new IdleStateHandler({ readerIdleMs: 100 }),
      handler as Handler,
      catcher,
    );
    channel.writeInbound('one', 'two');
    channel.advance(100);
    expect([caught, channel.isEnding]).toEqual([['speechless'], true]);
  });
});
