import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { DeadlineEntry } from '../../src/deadline/deadline-heap.ts';
import { DeadlineTimer } from '../../src/deadline/deadline-timer.ts';

interface Named extends DeadlineEntry {
  readonly name: string;
}

function started() {
  const clock = new VirtualClock();
  const due: string[] = [];
  const timer = new DeadlineTimer<Named>(clock, ({ name }) => due.push(`${name} @${clock.now()}`));
  const add = (name: string, deadline: number): Named => {
    const entry = { name, deadline, heapIndex: -1, heapOrder: 0 };
    timer.add(entry);
    return entry;
  };
  return { clock, due, timer, add };
}

describe('DeadlineTimer', () => {
  it('calls each when its time has come, exactly, in order of time', () => {
    const { clock, due, add } = started();
    add('c', 300);
    add('a', 100);
    add('b', 200);
    clock.advance(1000);
    expect(due).toEqual(['a @100', 'b @200', 'c @300']);
  });

  it('has one timer for any number of deadlines, and none once it has nothing to watch', () => {
    const { clock, timer, add } = started();
    const entries = Array.from({ length: 1000 }, (_, i) => add(`${i}`, 10_000 + i));
    expect(clock.pendingTimers).toBe(1);
    for (const entry of entries) timer.remove(entry);
    expect(timer.size).toBe(0);
    clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps its timer while calls come and go, and sets it anew only when it fires', () => {
    const { clock, due, timer, add } = started();
    let sets = 0;
    const { schedule } = clock;
    clock.schedule = (...args) => {
      sets += 1;
      return schedule.apply(clock, args);
    };
    for (let i = 0; i < 99; i++) {
      timer.remove(add('answered', clock.now() + 100));
      clock.advance(1);
    }
    add('late', clock.now() + 100);
    expect(sets).toBe(1);
    clock.advance(1000);
    expect([sets, ...due]).toEqual([2, 'late @199']);
  });

  it('sets no timer for what has no end', () => {
    const { clock, timer, add } = started();
    add('endless', Number.POSITIVE_INFINITY);
    expect([timer.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('takes what is added while something is due', () => {
    const { clock, due, timer } = started();
    const entry = (name: string, deadline: number) => ({
      name,
      deadline,
      heapIndex: -1,
      heapOrder: 0,
    });
    const chain = new DeadlineTimer<Named>(clock, ({ name }) => {
      due.push(`${name} @${clock.now()}`);
      if (name.length < 3) chain.add(entry(`${name}x`, clock.now() + 5));
    });
    chain.add(entry('x', 10));
    chain.add(entry('y', 12));
    clock.advance(1000);
    expect(due).toEqual(['x @10', 'y @12', 'xx @15', 'yx @17', 'xxx @20', 'yxx @22']);
    expect([clock.pendingTimers, timer.size]).toEqual([0, 0]);
  });

  it('calls each in an event of its own, also after one that throws', () => {
    const { clock, due } = started();
    const timer = new DeadlineTimer<Named>(clock, ({ name }) => {
      due.push(name);
      clock.execute(() => due.push(`task of ${name}`));
      if (name === 'a') throw new Error('of a');
    });
    for (const name of ['a', 'b', 'c']) {
      timer.add({ name, deadline: 10, heapIndex: -1, heapOrder: 0 });
    }
    expect(() => clock.advance(10)).toThrow('of a');
    clock.advance(10);
    expect(due).toEqual(['a', 'task of a', 'b', 'task of b', 'c', 'task of c']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends its timer with the last entry where it is asked to', () => {
    const { clock } = started();
    const timer = new DeadlineTimer<Named>(clock, () => {}, { endsWithLast: true });
    const entry = { name: 'a', deadline: 10, heapIndex: -1, heapOrder: 0 };
    timer.add(entry);
    timer.remove(entry);
    expect(clock.pendingTimers).toBe(0);
    timer.add(entry);
    expect(clock.pendingTimers).toBe(1);
  });

  it('shows nobody the asynchronous context of the one that set the timer', () => {
    const { clock, timer } = started();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { schedule } = clock;
    clock.schedule = (...args) => {
      seen.push(request.getStore());
      return schedule.apply(clock, args);
    };
    request.run('of one connection', () => {
      timer.add({ name: 'a', deadline: 10, heapIndex: -1, heapOrder: 0 });
    });
    expect(seen).toEqual([undefined]);
  });

  it('shows nobody the asynchronous context that was entered at the deadline of another', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      const timer = new DeadlineTimer<Named>(systemClock, ({ name }) => {
        seen.push(request.getStore());
        request.enterWith(`of ${name}`);
        if (timer.size === 0) resolve();
      });
      const now = systemClock.now();
      for (const [i, name] of ['a', 'b', 'c'].entries()) {
        // Two that are due together, and one for which the timer is set anew.
        timer.add({ name, deadline: now + (i < 2 ? 1 : 20), heapIndex: -1, heapOrder: 0 });
      }
    });
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('forgets all at once', () => {
    const { clock, due, timer, add } = started();
    add('a', 10);
    timer.clear();
    clock.advance(100);
    expect([due, clock.pendingTimers]).toEqual([[], 0]);
  });
});
