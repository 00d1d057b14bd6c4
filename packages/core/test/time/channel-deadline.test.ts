import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { Channel } from '../../src/contract.ts';
import { ChannelDeadline } from '../../src/time/channel-deadline.ts';

/** Notes when its time was over. */
class Noted extends ChannelDeadline {
  readonly overAt: number[] = [];

  protected override over({ clock }: Channel): void {
    this.overAt.push(clock.now());
  }
}

function begun(whileHeld: 'pauses' | 'runs' = 'pauses') {
  const channel = new EmbeddedChannel();
  const deadline = new Noted({ ms: 100, whileHeld });
  deadline.begin(channel);
  let timers = 0;
  const { clock } = channel;
  const { schedule } = clock;
  clock.schedule = (...args) => {
    timers += 1;
    return schedule.apply(clock, args);
  };
  return { channel, deadline, timers: () => timers };
}

describe('ChannelDeadline', () => {
  it('begins again and again with one timer', () => {
    const { channel, deadline, timers } = begun();
    for (let i = 0; i < 99; i++) {
      channel.advance(1);
      deadline.begin(channel);
    }
    expect(timers()).toBe(0);
    channel.advance(100);
    expect([deadline.overAt, timers()]).toEqual([[199], 1]);
  });

  it('does not come once it was stopped, and begins again', () => {
    const { channel, deadline } = begun();
    deadline.stop();
    channel.advance(100);
    deadline.begin(channel);
    channel.advance(100);
    expect(deadline.overAt).toEqual([200]);
    deadline.begin(channel);
    deadline.cancel();
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('waits for the release while reads are held, without a timer, and for what is read then', () => {
    const { channel, deadline, timers } = begun();
    channel.advance(99);
    const hold = channel.holdReads('test');
    channel.advance(60_000);
    expect([deadline.overAt, timers(), channel.clock.pendingTimers]).toEqual([[], 0, 0]);
    channel.run(() => hold.release());
    expect(deadline.overAt).toEqual([]);
    channel.advance(1);
    expect(deadline.overAt).toEqual([60_100]);
  });

  it('begins while it waits for reads, and is cancelled', () => {
    const { channel, deadline } = begun();
    channel.advance(50);
    const hold = channel.holdReads('test');
    channel.advance(1000);
    deadline.begin(channel);
    channel.run(() => hold.release());
    channel.advance(99);
    expect(deadline.overAt).toEqual([]);
    channel.advance(1);
    expect(deadline.overAt).toEqual([1150]);
    deadline.begin(channel);
    const other = channel.holdReads('test');
    channel.advance(1000);
    deadline.cancel();
    channel.run(() => other.release());
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('counts the time in which reads are asked for with auto-read off', () => {
    const { channel, deadline } = begun();
    channel.autoRead = false;
    channel.advance(40);
    channel.run(() => channel.read());
    channel.advance(60);
    // A hold within the time in which nothing is asked for counts once.
    channel.writeInbound('a');
    const hold = channel.holdReads('test');
    channel.advance(10);
    hold.release();
    channel.advance(10);
    expect([channel.readHeldMs, deadline.overAt]).toEqual([60, []]);
    channel.autoRead = true;
    channel.advance(40);
    expect([channel.readHeldMs, deadline.overAt]).toEqual([60, [160]]);
  });

  it('passes what it throws to the pipeline', () => {
    class Throws extends ChannelDeadline {
      protected override over(): void {
        throw new Error('of the deadline');
      }
    }
    const channel = new EmbeddedChannel();
    new Throws({ ms: 10, whileHeld: 'runs' }).begin(channel);
    channel.advance(10);
    expect(() => channel.checkException()).toThrow('of the deadline');
  });
});
