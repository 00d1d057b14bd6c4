import {
  type Channel,
  ChannelGroup,
  type Clock,
  MemoryTransport,
  openChannel,
  systemClock,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { resolveChannelOptions } from '../../src/channel/channel-options.ts';

const BUDGET_MS = 2;
const MESSAGE_MS = 0.25;

/** Handles ten messages, each of which takes time, as far as the channel may; goes on when it may again. */
function handleTen(name: string, channel: Channel, pass: (ms: number) => void, log: string[]) {
  let left = 10;
  const resume = (): void => {
    let handled = 0;
    for (; left > 0; left -= 1) {
      channel.checkTurn();
      if (channel.isReadHeld) break;
      pass(MESSAGE_MS);
      handled += 1;
    }
    log.push(`${name} ${handled}`);
    if (left > 0) channel.onceReadable(resume);
  };
  resume();
}

/** Notes where each of the next turns begins. */
function noteTurns(clock: Clock, count: number, log: string[]): void {
  clock.nextTurn(() => {
    log.push('turn');
    if (count > 1) noteTurns(clock, count - 1, log);
  });
}

// The first connection has a whole budget, which leaves the others of this turn a quarter each. From then on each has a
// turn of its own.
const SHARED = ['a 8', 'b 2', 'c 2', 'turn', 'a 2', 'turn', 'b 8', 'turn', 'c 8'];

describe('busy connections', () => {
  it('have their turns one after the other, and one budget in each', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.run(() => {
      noteTurns(clock, 3, log);
      for (const name of ['a', 'b', 'c']) {
        const channel = EmbeddedChannel.with({ clock, readBudgetMs: BUDGET_MS });
        handleTen(name, channel, (ms) => clock.advanceQuietly(ms), log);
      }
    });
    expect(log).toEqual(SHARED);
  });

  it('on clocks that wrap the system clock share its turns', async () => {
    let time = 0;
    const log: string[] = [];
    noteTurns(systemClock, 3, log);
    const channels = ['a', 'b', 'c'].map((name) => {
      const clock: Clock = { ...systemClock, now: () => time };
      const channel = openChannel(MemoryTransport.pair({ clock })[0], {
        clock,
        readBudgetMs: BUDGET_MS,
      });
      const pass = (ms: number) => {
        time += ms;
      };
      handleTen(name, channel, pass, log);
      return channel;
    });
    while (log.length < SHARED.length) await new Promise(setImmediate);
    expect(log).toEqual(SHARED);
    for (const channel of channels) channel.abort();
  });
});

describe('nextTurn', () => {
  it('runs a task when the tasks and promises of this turn are over', async () => {
    for (const clock of [systemClock, { ...systemClock }]) {
      const log: string[] = [];
      clock.nextTurn(() => log.push('turn'));
      clock.execute(() => clock.execute(() => log.push('task')));
      void Promise.resolve().then(() => log.push('promise'));
      // A timer could come before the turn on a slow machine; immediates run in the order of their calls.
      await new Promise((resolve) => setImmediate(resolve));
      expect(log.at(-1)).toBe('turn');
      expect(log).toHaveLength(3);
    }
  });

  it('of a virtual clock comes after its tasks, in order', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.run(() => {
      clock.nextTurn(() => {
        log.push('turn');
        clock.nextTurn(() => log.push('next turn'));
        clock.execute(() => log.push('its task'));
      });
      clock.execute(() => log.push('task'));
      expect(clock.hasPendingTasks).toBe(true);
    });
    expect(log).toEqual(['task', 'turn', 'its task', 'next turn']);
    expect(clock.hasPendingTasks).toBe(false);
  });

  it('asked of a context reports what a task throws to the handler', () => {
    const caught: string[] = [];
    const channel = new EmbeddedChannel({
      channelActive: (ctx) =>
        ctx.clock.nextTurn(() => {
          throw new Error('in a turn');
        }),
      exceptionCaught: (_ctx, error) => void caught.push(error.message),
    });
    expect(caught).toEqual(['in a turn']);
    channel.finish();
  });
});

it('a broadcast in slices goes on in the next turn, without a timer', () => {
  const clock = new VirtualClock();
  const group = new ChannelGroup();
  let written = 0;
  const log: number[] = [];
  for (let i = 0; i < 200; i++) {
    const slow = {
      write: (ctx: { write(message: unknown): unknown }, message: unknown) => {
        clock.advanceQuietly(0.1);
        written += 1;
        return ctx.write(message) as never;
      },
    };
    group.add(EmbeddedChannel.with({ clock }, slow));
  }
  clock.run(() => {
    clock.nextTurn(() => log.push(written));
    group.writeAndFlush('hello');
    log.push(written);
  });
  expect(log).toEqual([64, 64]);
  expect([written, clock.pendingTimers]).toEqual([200, 0]);
  for (const channel of group) channel.abort();
});

describe('a failed write', () => {
  it.each([
    ['the system clock', systemClock],
    ['a clock that wraps it', { ...systemClock }],
  ])('is not reported on %s when its future is awaited', async (_name, clock) => {
    const reported: string[] = [];
    const channel = openChannel(MemoryTransport.pair({ clock })[0], {
      clock,
      hooks: { writeFailed: (_channel, error) => void reported.push(error.message) },
    });
    channel.abort();
    // Called by the event loop: the tasks of Node's `process.nextTick` come before the first promise.
    const outcome = await new Promise<string>((resolve) => {
      setImmediate(async () => {
        try {
          await channel.write('seen');
        } catch (error) {
          resolve((error as Error).message);
        }
      });
    });
    expect(outcome).toContain('closed');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(reported).toEqual([]);
    channel.write('unseen');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(reported).toHaveLength(1);
  });
});

it('refuses a clock without turns before there is a channel', () => {
  const { now, schedule, execute } = systemClock;
  const clock = { now, schedule, execute } as unknown as Clock;
  expect(() => resolveChannelOptions({ clock })).toThrow(
    /clock is .*, but must be a Clock, such as systemClock/,
  );
});
