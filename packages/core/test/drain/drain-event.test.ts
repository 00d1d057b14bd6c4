import { describe, expect, it } from 'vitest';
import { type Context, DrainEvent } from '../../src/index.ts';
import { EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

function drain(channel: EmbeddedChannel, timeoutMs = 10_000): DrainEvent {
  const event = new DrainEvent(timeoutMs);
  channel.run(() => channel.pipeline.fireUserEventTriggered(event));
  return event;
}

describe('a drain', () => {
  it('ends a channel on which nothing is under way at once', () => {
    const channel = new EmbeddedChannel();
    drain(channel);
    expect(channel.isEnding).toBe(true);
    channel.endInput();
    expect(channel.closeInfo).toMatchObject({ reason: 'shutdown', by: 'local' });
  });

  it('waits for every hold, whatever the order of their release', () => {
    const channel = new EmbeddedChannel();
    const event = new DrainEvent(10_000);
    const [one, two] = [event.hold('one'), event.hold('two')];
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    expect(event.holds).toEqual(['one', 'two']);
    channel.run(() => two.release());
    channel.run(() => two.release());
    expect(channel.isEnding).toBe(false);
    channel.run(() => one.release());
    expect(channel.isEnding).toBe(true);
    channel.finish();
  });

  it('does not end a channel before the event has passed the last handler', () => {
    const channel = new EmbeddedChannel({ userEventTriggered() {} });
    const event = drain(channel);
    event.hold('late').release();
    expect(channel.isEnding).toBe(false);
    channel.finish();
  });

  it('speaks the last words after the last hold, before the end of the output', () => {
    const channel = new EmbeddedChannel({
      userEventTriggered(ctx: Context, event: unknown) {
        if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
        ctx.fireUserEventTriggered(event);
      },
    });
    const event = new DrainEvent(10_000);
    const hold = event.hold('answer');
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    channel.writeOutbound('answer');
    channel.run(() => hold.release());
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['answer', 'BYE']);
    expect(channel.embedded.isOutputEnded).toBe(true);
    channel.finish();
  });

  it('gives waiting output all its time, and a peer that does not end its half two seconds', () => {
    const channel = EmbeddedChannel.with({ outboundStallMs: false });
    channel.embedded.isStuck = true;
    channel.run(() => channel.writeAndFlush('slow'));
    drain(channel);
    channel.advance(9000);
    expect([channel.isOpen, channel.embedded.isOutputEnded]).toEqual([true, false]);
    channel.run(() => channel.embedded.release());
    expect(channel.embedded.isOutputEnded).toBe(true);
    channel.advance(999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.isOpen).toBe(false);
    const other = new EmbeddedChannel();
    drain(other);
    other.advance(1999);
    expect(other.isOpen).toBe(true);
    other.advance(1);
    expect(other.closeInfo?.reason).toBe('shutdown');
  });

  it('has children of its kind, with the time that is left, and given up with it', () => {
    const [ending, resting] = [new DrainEvent(1000), new DrainEvent(1000, () => {})];
    for (const event of [ending, resting]) {
      const carrier = new EmbeddedChannel();
      const hold = event.hold('child');
      carrier.run(() => carrier.pipeline.fireUserEventTriggered(event));
      carrier.advance(300);
      const child = new EmbeddedChannel();
      const derived = event.forChild();
      expect([derived.timeoutMs, derived.endsChannel]).toEqual([700, event === ending]);
      child.run(() => child.pipeline.fireUserEventTriggered(derived));
      expect([child.isEnding, carrier.isEnding]).toEqual([event === ending, false]);
      carrier.run(() => hold.release());
      expect(carrier.isEnding).toBe(event === ending);
      event.giveUp();
      expect(derived.isGivenUp).toBe(true);
      child.finish();
      carrier.finish();
    }
  });

  it('ends and reports nothing after it was given up', () => {
    for (const atRest of [
      undefined,
      () => {
        throw new Error('at rest');
      },
    ]) {
      const channel = new EmbeddedChannel();
      const event = new DrainEvent(10_000, atRest);
      const hold = event.hold('answer');
      event.lastWord(() => channel.write('BYE'));
      channel.run(() => channel.pipeline.fireUserEventTriggered(event));
      channel.run(() => event.giveUp());
      channel.run(() => event.hold('late').release());
      channel.run(() => hold.release());
      channel.advance(10_000);
      expect([event.holds, event.isGivenUp, channel.isEnding]).toEqual([[], true, false]);
      expect(channel.readOutbound()).toBeUndefined();
      channel.finish();
    }
  });

  it('speaks the last words while there is time for them, whatever is still held', () => {
    for (const [timeoutMs, spokenAt] of [
      [10_000, 9000],
      [800, 700],
    ] as const) {
      const channel = new EmbeddedChannel({
        userEventTriggered(ctx: Context, event: unknown) {
          if (event instanceof DrainEvent) event.lastWord(() => ctx.write('BYE'));
          ctx.fireUserEventTriggered(event);
        },
      });
      const event = new DrainEvent(timeoutMs);
      const hold = event.hold('broadcasts');
      channel.run(() => channel.pipeline.fireUserEventTriggered(event));
      channel.advance(spokenAt - 1);
      expect(channel.readOutbound()).toBeUndefined();
      channel.advance(1);
      expect([channel.readOutbound(), channel.isEnding]).toEqual(['BYE', true]);
      expect(event.holds).toEqual([]);
      channel.run(() => hold.release());
      expect(channel.readOutbound()).toBeUndefined();
      channel.finish();
    }
  });

  it('gives its time to a last word that is left after the event has passed, whatever is still held', () => {
    for (const [leftAt, spokenAt] of [
      [5000, 9000],
      [9500, 9500],
    ] as const) {
      const channel = new EmbeddedChannel();
      const event = new DrainEvent(10_000);
      event.hold('broadcasts');
      channel.run(() => channel.pipeline.fireUserEventTriggered(event));
      channel.advance(leftAt);
      const spoken: number[] = [];
      channel.run(() => event.lastWord(() => spoken.push(channel.clock.now())));
      channel.advance(9999 - leftAt);
      expect([spoken, channel.isEnding]).toEqual([[spokenAt], true]);
      channel.finish();
    }
  });

  it('keeps no timer for last words of a channel that has closed', () => {
    const clock = new VirtualClock();
    const channel = EmbeddedChannel.with({ clock });
    const event = new DrainEvent(10_000);
    event.hold('request');
    event.lastWord(() => {});
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    channel.run(() => channel.close('local'));
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits for a hold all the time if there are no last words', () => {
    const channel = new EmbeddedChannel();
    const event = new DrainEvent(10_000);
    event.hold('request');
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    channel.advance(9999);
    expect(channel.isEnding).toBe(false);
    channel.finish();
  });

  it('does nothing to a channel that has closed meanwhile', () => {
    const channel = new EmbeddedChannel();
    const event = new DrainEvent(10_000);
    const hold = event.hold('request');
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    channel.run(() => channel.close('local'));
    channel.run(() => hold.release());
    expect(channel.closeInfo?.reason).toBe('local');
  });
});
