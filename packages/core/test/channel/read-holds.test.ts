import { describe, expect, it } from 'vitest';
import { ReadHolds } from '../../src/channel/read-holds.ts';
import type { Context } from '../../src/index.ts';
import { EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

describe('holdReads', () => {
  it('asks nothing of the transport while any hold is out, and once when the last is released', () => {
    const channel = new EmbeddedChannel();
    const first = channel.holdReads('first');
    const second = channel.holdReads('second');
    const before = channel.embedded.reads;
    expect(channel.embedded.isReading).toBe(false);
    channel.writeInbound('a');
    channel.read();
    expect(channel.embedded.reads).toBe(before);
    expect(channel.readHolds).toEqual(['first', 'second']);
    channel.run(() => first.release());
    channel.run(() => first.release());
    expect(channel.isReadHeld).toBe(true);
    channel.run(() => second.release());
    expect(channel.isReadHeld).toBe(false);
    expect(channel.readHolds).toEqual([]);
    expect(channel.embedded.reads).toBe(before + 1);
  });

  it('looks for a failure less and less often: thousands may be held for long', () => {
    const clock = new VirtualClock();
    const looks: number[] = [];
    const holds = new ReadHolds(clock, {
      released() {},
      mayHideFailure: true,
      detectFailure: () => void looks.push(clock.now() / 1000),
    });
    const hold = holds.add('test');
    clock.advance(30_000);
    expect(looks).toEqual([1, 2, 4, 8, 16, 24]);
    clock.run(() => hold.release());
    clock.run(() => void holds.add('again'));
    clock.advance(2000);
    expect(looks.slice(6)).toEqual([31, 32]);
    holds.clear();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves autoRead to the application: turned off during a hold it stays off', () => {
    const channel = new EmbeddedChannel();
    const hold = channel.holdReads('test');
    channel.autoRead = false;
    const before = channel.embedded.reads;
    channel.run(() => hold.release());
    expect(channel.autoRead).toBe(false);
    expect(channel.embedded.reads).toBe(before);
  });

  it('remembers a read that was asked for with autoRead off', () => {
    const channel = EmbeddedChannel.with({ autoRead: false });
    const hold = channel.holdReads('test');
    channel.read();
    expect(channel.embedded.reads).toBe(0);
    channel.run(() => hold.release());
    expect(channel.embedded.reads).toBe(1);
    channel.writeInbound('a');
    const again = channel.holdReads('test');
    channel.run(() => again.release());
    expect(channel.embedded.reads).toBe(1);
  });

  it('calls the listeners of onceReadable in order before the next read, and not again', () => {
    const channel = new EmbeddedChannel();
    const seen: string[] = [];
    channel.onceReadable(() => seen.push('at once'));
    const hold = channel.holdReads('test');
    const before = channel.embedded.reads;
    channel.onceReadable(() => seen.push(`one ${channel.embedded.reads - before}`));
    channel.onceReadable(() => seen.push('two'));
    channel.run(() => hold.release());
    channel.run(() => channel.holdReads('test').release());
    expect(seen).toEqual(['at once', 'one 0', 'two']);
  });

  it('is released by a listener that holds again only when that hold goes, too', () => {
    const channel = new EmbeddedChannel();
    const hold = channel.holdReads('first');
    let second = hold;
    channel.onceReadable(() => {
      second = channel.holdReads('second');
    });
    const before = channel.embedded.reads;
    channel.run(() => hold.release());
    expect(channel.embedded.reads).toBe(before);
    channel.run(() => second.release());
    expect(channel.embedded.reads).toBe(before + 1);
  });

  it('forgets holds and listeners when the channel closes', () => {
    const channel = new EmbeddedChannel();
    const hold = channel.holdReads('test');
    const seen: string[] = [];
    channel.onceReadable(() => seen.push('called'));
    channel.close();
    hold.release();
    expect(channel.isReadHeld).toBe(false);
    expect(seen).toEqual([]);
  });
});

describe('the time that one connection has in a turn', () => {
  it('holds reads when it is used up, until the next turn', () => {
    const channel = EmbeddedChannel.with({ readBudgetMs: 2 });
    channel.pipeline.addLast({
      channelRead(ctx: Context) {
        ctx.channel.checkTurn();
        channel.clock.advanceQuietly(2);
        ctx.channel.checkTurn();
        expect(ctx.channel.readHolds).toEqual(['turn']);
      },
    });
    channel.writeInbound('a');
    expect(channel.isReadHeld).toBe(false);
    expect(channel.embedded.isReading).toBe(true);
  });

  it('is used up for a handler that holds reads itself, too, once per turn', () => {
    const channel = EmbeddedChannel.with({ readBudgetMs: 2 });
    channel.run(() => {
      const own = channel.holdReads('own');
      for (let i = 0; i < 5; i++) {
        channel.checkTurn();
        channel.clock.advanceQuietly(2);
      }
      expect(channel.readHolds).toEqual(['own', 'turn']);
      own.release();
      expect(channel.readHolds).toEqual(['turn']);
    });
    expect(channel.isReadHeld).toBe(false);
  });
});

describe('input that is dropped, after our end', () => {
  it('has no more time in a turn than what is read', () => {
    const channel = EmbeddedChannel.with({ readBudgetMs: 2 });
    void channel.end();
    expect(channel.isOpen).toBe(true);
    const { embedded, clock } = channel;
    const before = embedded.reads;
    channel.run(() => {
      for (let i = 0; i < 5; i++) {
        channel.embedded.sink.received('dropped');
        channel.embedded.sink.readComplete(true);
        clock.advanceQuietly(1);
      }
      expect(embedded.reads).toBe(before + 2);
    });
    expect(embedded.reads).toBe(before + 3);
    channel.abort();
  });
});

describe('isEnding and discardsInput', () => {
  it('are false while the channel is in use', () => {
    const channel = new EmbeddedChannel();
    expect([channel.isEnding, channel.discardsInput]).toEqual([false, false]);
  });

  it('are true from end() and close() on', () => {
    for (const end of ['end', 'close', 'abort'] as const) {
      const channel = new EmbeddedChannel();
      channel.embedded.isStuck = true;
      channel.run(() => {
        channel.write('held');
        channel[end]();
        expect([channel.isEnding, channel.discardsInput]).toEqual([true, true]);
      });
      channel.abort();
    }
  });

  it('a shutdown of the output, also by a handler, is the beginning of the end, and input is still read', () => {
    const channel = EmbeddedChannel.with({ allowHalfOpen: true });
    channel.run(() => channel.pipeline.shutdown('output'));
    expect([channel.isEnding, channel.discardsInput]).toEqual([true, false]);
    channel.writeInbound('a');
    expect(channel.readInbound()).toBe('a');
    channel.finish();
  });

  it("drops input after our own shutdown of the input, not after the peer's end", () => {
    const channel = EmbeddedChannel.with({ allowHalfOpen: true });
    channel.endInput();
    expect(channel.discardsInput).toBe(false);
    const other = EmbeddedChannel.with({ allowHalfOpen: true });
    other.run(() => other.shutdown('input'));
    expect(other.discardsInput).toBe(true);
    channel.finish();
    other.finish();
  });
});
