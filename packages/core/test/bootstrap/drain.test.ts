import { describe, expect, it } from 'vitest';
import type { ShutdownOptions } from '../../src/bootstrap/drain.ts';
import { Drain, drainPlan } from '../../src/bootstrap/drain.ts';
import {
  ChannelGroup,
  type Context,
  DrainEvent,
  type DrainHold,
  type Handler,
  type LogLevel,
} from '../../src/index.ts';
import { EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

/** Connections that are drained; what happens to them, with its time. */
function drained(count: number, options: ShutdownOptions, handler: () => Handler = () => ({})) {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const logged: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void logged.push(`${level} ${text}`) };
  const group = new ChannelGroup('connections', { stayClosed: true });
  const make = () => EmbeddedChannel.with({ clock, logger }, handler(), new Watch(seen));
  const channels = Array.from({ length: count }, make);
  for (const channel of channels) group.add(channel);
  const drain = new Drain(group, clock, drainPlan(options));
  const start = () => clock.run(async () => drain.start());
  return { clock, seen, logged, make, group, channels, drain, start };
}

class Watch implements Handler {
  private readonly seen: string[];

  constructor(seen: string[]) {
    this.seen = seen;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainEvent) {
      this.seen.push(`event ${event.timeoutMs}`);
      event.lastWord(() => ctx.writeAndFlush('last word'));
    }
    ctx.fireUserEventTriggered(event);
  }
}

describe('tell of a shutdown', () => {
  it('is called for each connection before its DrainEvent, and before the last words', async () => {
    const { seen, channels, drain, start } = drained(2, {
      drainTimeoutMs: 4000,
      tell: (channel, remainingMs) => {
        seen.push(`tell ${remainingMs}`);
        channel.writeAndFlush('BYE');
      },
    });
    await start();
    expect(seen).toEqual(['tell 4000', 'event 4000', 'tell 4000', 'event 4000']);
    for (const channel of channels) {
      expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['BYE', 'last word']);
      expect(channel.isEnding).toBe(true);
      channel.endInput();
    }
    await drain.done;
  });

  it('comes with the batch of the connection, and when a later one is accepted', async () => {
    const { clock, seen, make, channels, drain, start } = drained(3, {
      drainTimeoutMs: 4000,
      batch: 2,
      everyMs: 1000,
      tell: (_, remainingMs) => void seen.push(`tell ${remainingMs}`),
    });
    await start();
    expect(seen.filter((line) => line.startsWith('tell'))).toEqual(['tell 4000', 'tell 4000']);
    clock.advance(1000);
    expect(seen.slice(-2)).toEqual(['tell 3000', 'event 3000']);
    clock.advance(500);
    const late = make();
    drain.adopt(late);
    expect(seen.slice(-2)).toEqual(['tell 2500', 'event 2500']);
    for (const channel of [late, ...channels]) channel.endInput();
    await drain.done;
  });

  it('is not for a connection that has closed, and not followed by the event where it closes one', async () => {
    const { seen, channels, drain, start } = drained(3, {
      tell: (channel) => {
        seen.push('tell');
        if (channel === channels[0]) channels[1]!.close();
        else channel.close('shutdown');
      },
    });
    await start();
    expect(seen).toEqual(['tell', 'event 10000', 'tell']);
    channels[0]!.endInput();
    await drain.done;
  });

  it('does not end a channel that a handler holds', async () => {
    const holds: DrainHold[] = [];
    const { channels, drain, start } = drained(
      1,
      { tell: (channel) => void channel.writeAndFlush('MOVE') },
      () => ({
        userEventTriggered(ctx, event) {
          if (event instanceof DrainEvent) holds.push(event.hold('work'));
          ctx.fireUserEventTriggered(event);
        },
      }),
    );
    const channel = channels[0]!;
    await start();
    expect([channel.readOutbound(), channel.isEnding]).toEqual(['MOVE', false]);
    channel.run(() => holds[0]!.release());
    expect([channel.readOutbound(), channel.isEnding]).toEqual(['last word', true]);
    channel.endInput();
    await drain.done;
  });
});
