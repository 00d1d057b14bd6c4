import { connect, createServer } from 'node:net';
import { type Clock, type Deadlines, systemClock, type Timer, type Turns } from '@headrace/core';
import { runTimer } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { systemClock as pageClock } from '../../src/browser/system-clock.ts';
import { ClockDeadlines } from '../../src/time/clock-deadlines.ts';

/** Runs nothing else until the time has passed, as the garbage collector or a long computation does. */
function standStill(clock: Clock, ms: number): void {
  if (clock instanceof VirtualClock) clock.advanceQuietly(ms);
  else for (const end = clock.now() + ms; clock.now() < end; );
}

/** Lets everything run that is due. */
async function goOn(clock: Clock): Promise<void> {
  if (clock instanceof VirtualClock) clock.advance(0);
  else for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What runs in a turn in which the sockets are read. */
function input(clock: Clock, task: () => void): void {
  if (clock instanceof VirtualClock) clock.schedule(task, 0);
  else clock.nextTurn(task);
}

const WAYS: readonly [string, (clock: Clock) => Clock['schedule'] | Deadlines['schedule']][] = [
  ['schedule', (clock) => clock.schedule.bind(clock)],
  ['deadlines.schedule', ({ deadlines }) => deadlines.schedule.bind(deadlines)],
];
const CLOCKS: readonly [string, () => Clock][] = [
  ['the clock of a process', () => systemClock],
  ['the clock of a page', () => pageClock],
  ['a virtual clock', () => new VirtualClock()],
];

describe.each(CLOCKS)('%s that stood still', (_, make) => {
  describe.each(WAYS)('runs a late timer of %s', (_way, of) => {
    it('after the input that arrived meanwhile, which can cancel it', async () => {
      const clock = make();
      const seen: string[] = [];
      const cancelled = of(clock)(() => seen.push('cancelled'), 10);
      of(clock)(() => seen.push('late'), 10);
      standStill(clock, 50);
      input(clock, () => {
        seen.push('input');
        cancelled.cancel();
      });
      await goOn(clock);
      expect(seen).toEqual(['input', 'late']);
    });

    it('after all input of connections that are busy, but not while a peer keeps one busy', async () => {
      const clock = make();
      const seen: string[] = [];
      of(clock)(() => seen.push('late'), 10);
      standStill(clock, 50);
      let turns = 3;
      let isOver = false;
      const read = (): void => {
        seen.push('input');
        turns -= 1;
        if (turns > 0) clock.turns.wait(clock.now(), read);
      };
      input(clock, read);
      await goOn(clock);
      expect(seen).toEqual(['input', 'input', 'input', 'late']);

      of(clock)(() => (isOver = true), 10);
      standStill(clock, 50);
      const flood = (): void => {
        standStill(clock, 1);
        if (!isOver) clock.turns.wait(clock.now(), flood);
      };
      input(clock, flood);
      while (!isOver) await goOn(clock);
    });
  });
});

it.each(WAYS)('a timer of %s that is late because of the timer before it waits, too', (_, of) => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  of(clock)(() => {
    seen.push('slow');
    standStill(clock, 50);
    input(clock, () => seen.push('input'));
  }, 10);
  of(clock)(() => seen.push('late'), 12);
  clock.advance(100);
  expect(seen).toEqual(['slow', 'input', 'late']);
});

it('runs a timer that is in time without a turn, and many late ones with one', () => {
  const clock = new VirtualClock();
  let turns = 0;
  const { nextTurn } = clock;
  clock.nextTurn = (task) => {
    turns += 1;
    nextTurn.call(clock, task);
  };
  let count = 0;
  for (let of = 0; of < 100; of++) clock.deadlines.schedule(() => (count += 1), 10);
  clock.schedule(() => (count += 1), 10);
  clock.advance(10);
  expect([count, turns]).toEqual([101, 0]);
  for (let of = 0; of < 100; of++) clock.deadlines.schedule(() => (count += 1), 10 + of / 100);
  clock.advanceQuietly(100);
  clock.advance(0);
  // One of the timer of all, and one of the deadlines themselves.
  expect([count, turns]).toEqual([201, 2]);
});

/** An event loop whose connections are always busy with their input, so that each turn takes 40 ms. */
class BusyLoop {
  readonly turns: Turns = {
    isBusy: true,
    endOfShare: (now, budgetMs) => now + budgetMs,
    wait: (_now, resume) => this.nextTurn(resume),
  };
  private time = 0;
  private readonly timers: { readonly at: number; readonly task: () => void }[] = [];
  private readonly tasks: (() => void)[] = [];
  private later: (() => void)[] = [];

  now = (): number => this.time;
  timeOfDay = this.now;
  execute = (task: () => void): void => void this.tasks.push(task);
  nextTurn = (task: () => void): void => void this.later.push(task);

  schedule = (task: () => void, delayMs: number): Timer => {
    const timer = { at: this.time + delayMs, task };
    this.timers.push(timer);
    return { cancel: () => void this.timers.splice(this.timers.indexOf(timer), 1) };
  };

  turn(): void {
    for (const timer of this.timers.filter(({ at }) => at <= this.time)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      runTimer(this, this.time, this.time - timer.at, timer.task);
      this.runTasks();
    }
    for (const task of this.later.splice(0)) {
      task();
      this.runTasks();
    }
    this.time += 40;
  }

  private runTasks(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task();
  }
}

it('deadlines of a process that is always busy are not later and later', () => {
  const loop = new BusyLoop();
  const deadlines = new ClockDeadlines(loop);
  const lateMs: number[] = [];
  for (let at = 100; at <= 5000; at += 100) {
    deadlines.schedule(() => lateMs.push(loop.now() - at), at);
  }
  for (let turn = 0; turn < 250; turn++) loop.turn();
  expect(lateMs).toHaveLength(50);
  expect(Math.max(...lateMs)).toBeLessThanOrEqual(120);
});

it('reads what lies in a socket before a late timer runs', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<import('node:net').Socket>((resolve) =>
    server.once('connection', resolve),
  );
  const client = connect(port, '127.0.0.1');
  await new Promise((resolve) => client.once('connect', resolve));
  const socket = await accepted;
  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => seen.push(String(bytes)));
    systemClock.schedule(() => seen.push('timer'), 10, true);
    systemClock.deadlines.schedule(() => {
      seen.push('deadline');
      resolve();
    }, 10);
  });
  client.write('input');
  standStill(systemClock, 50);
  await done;
  expect(seen).toEqual(['input', 'timer', 'deadline']);
  client.destroy();
  server.close();
});
