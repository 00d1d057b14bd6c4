import { AsyncLocalStorage } from 'node:async_hooks';
import { type DeadlineEntry, systemClock } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

class Named implements DeadlineEntry {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  readonly name: string;
  private readonly due: (name: string) => void;

  constructor(name: string, due: (name: string) => void) {
    this.name = name;
    this.due = due;
  }

  expire(): void {
    this.due(this.name);
  }
}

describe('ClockDeadlines', () => {
  it('calls each in an event of its own, even after one that throws', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const due = (name: string) => {
      seen.push(name);
      clock.execute(() => seen.push(`task of ${name}`));
      if (name === 'a') throw new Error('of a');
    };
    for (const name of ['a', 'b', 'c']) clock.deadlines.add(new Named(name, due), 10);
    expect(() => clock.advance(10)).toThrow('of a');
    clock.advance(10);
    expect(seen).toEqual(['a', 'task of a', 'b', 'task of b', 'c', 'task of c']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('moves one that has a place, and takes it out for ever', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const due = (name: string) => seen.push(`${name} @${clock.now()}`);
    const [one, other] = [new Named('one', due), new Named('other', due)];
    clock.deadlines.add(one, 10);
    clock.deadlines.add(other, 10);
    clock.deadlines.add(one, 5);
    clock.deadlines.add(other, Number.POSITIVE_INFINITY);
    clock.advance(100);
    expect([seen, clock.pendingTimers]).toEqual([['one @5'], 0]);
  });

  it('has no timer when the last has been taken out', () => {
    const clock = new VirtualClock();
    const entry = new Named('a', () => {});
    clock.deadlines.add(entry, 10);
    expect(clock.pendingTimers).toBe(1);
    clock.deadlines.remove(entry);
    clock.deadlines.remove(entry);
    expect(clock.pendingTimers).toBe(0);
    clock.deadlines.add(entry, 10);
    expect(clock.pendingTimers).toBe(1);
  });

  it('goes on by turns when those that fall together take long, and lets others have theirs', () => {
    const clock = new VirtualClock();
    const turns: string[][] = [[]];
    const begin = () => turns.push([]);
    const { nextTurn } = clock;
    clock.nextTurn = (task) =>
      nextTurn.call(clock, () => {
        begin();
        task();
      });
    const due = (name: string) => {
      turns.at(-1)!.push(name);
      clock.advanceQuietly(0.25);
      // A connection that is read, and has used up its share.
      if (name === '2') clock.turns.wait(clock.now(), () => turns.at(-1)!.push('read'));
    };
    for (let at = 1; at <= 10; at++) clock.deadlines.add(new Named(`${at}`, due), 1000);
    clock.advance(1000);
    // Four of 0.25 ms are one budget.
    expect(turns).toEqual([['1', '2', '3', '4'], ['read'], ['5', '6', '7', '8'], ['9', '10']]);
    expect([clock.pendingTimers, clock.hasPendingTasks]).toEqual([0, false]);
  });

  it('runs tasks as entries: once, by turns with the others, and not when cancelled', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.deadlines.add(new Named('entry', (name) => seen.push(name)), 10);
    const tasks = ['a', 'b', 'c'].map((name) =>
      clock.deadlines.schedule(() => seen.push(name), 10),
    );
    tasks[1]!.cancel();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(10);
    clock.advance(10);
    tasks[0]!.cancel();
    expect([seen, clock.pendingTimers]).toEqual([['entry', 'a', 'c'], 0]);
  });

  it('needs no timer for what is added or taken out between two turns', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const later = new Named('later', (name) => seen.push(`${name} @${clock.now()}`));
    const due = (name: string) => {
      seen.push(name);
      clock.advanceQuietly(2);
      if (name === 'a') {
        clock.deadlines.remove(taken);
        clock.deadlines.add(later, 1);
      }
    };
    const taken = new Named('taken', due);
    for (const entry of [new Named('a', due), taken, new Named('b', due)]) {
      clock.deadlines.add(entry, 10);
    }
    clock.advance(10);
    expect(seen).toEqual(['a', 'b', 'later @14']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not show tasks the asynchronous context of the code that set the timer', () => {
    const clock = new VirtualClock();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { schedule } = clock;
    clock.schedule = (...args) => {
      seen.push(request.getStore());
      return schedule.apply(clock, args);
    };
    request.run('of one connection', () => clock.deadlines.add(new Named('a', () => {}), 10));
    expect(seen).toEqual([undefined]);
  });

  it('does not show tasks the asynchronous context that another deadline entered', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      const due = (name: string) => {
        seen.push(request.getStore());
        request.enterWith(`of ${name}`);
        if (name === 'c') resolve();
      };
      // Two that are due together, and one for which the timer is set again.
      for (const [name, ms] of [
        ['a', 1],
        ['b', 1],
        ['c', 20],
      ] as const) {
        systemClock.deadlines.add(new Named(name, due), ms);
      }
    });
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});
