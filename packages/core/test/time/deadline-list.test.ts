import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { HeapEntry } from '../../src/time/deadline-heap.ts';
import { DeadlineList } from '../../src/time/deadline-list.ts';

interface Named extends HeapEntry {
  readonly name: string;
}

const named = (name: string, deadline: number): Named => ({
  name,
  deadline,
  heapIndex: -1,
  heapOrder: 0,
});

function started(keepsProcess?: boolean) {
  const clock = new VirtualClock();
  const due: string[] = [];
  const list = new DeadlineList<Named>(
    clock,
    ({ name }) => due.push(`${name} @${clock.now()}`),
    keepsProcess,
  );
  const add = (name: string, deadline: number): Named => {
    const entry = named(name, deadline);
    list.add(entry);
    return entry;
  };
  const refs: boolean[] = [];
  const { schedule } = clock;
  clock.schedule = (...args: [() => void, number, boolean?]) => {
    refs.push(args[2] === true);
    return schedule.apply(clock, [args[0], args[1]]);
  };
  return { clock, due, list, add, refs };
}

describe('DeadlineList', () => {
  it('calls each when its time has come, exactly, in order of time', () => {
    const { clock, due, add } = started();
    add('c', 300.5);
    add('a', 100);
    add('b', 200);
    clock.advance(1000);
    expect(due).toEqual(['a @100', 'b @200', 'c @301']);
  });

  it('is one deadline of the clock, and none once it has nothing to watch', () => {
    const { clock, list, add } = started();
    const entries = Array.from({ length: 1000 }, (_, i) => add(`${i}`, 10_000 + i));
    expect([clock.pendingTimers, clock.deadlines.size]).toEqual([1, 1]);
    for (const entry of entries) list.remove(entry);
    expect(list.size).toBe(0);
    clock.advance(10_000);
    expect([clock.pendingTimers, clock.deadlines.size]).toEqual([0, 0]);
  });

  it('keeps its place while calls come and go, and sets it again only when it is due', () => {
    const { clock, due, list, add, refs } = started();
    for (let i = 0; i < 99; i++) {
      list.remove(add('answered', clock.now() + 100));
      clock.advance(1);
    }
    add('late', clock.now() + 100);
    expect(refs).toHaveLength(1);
    clock.advance(1000);
    expect([refs.length, ...due]).toEqual([2, 'late @199']);
  });

  it('keeps the process alive while it has an entry, where it is asked to', () => {
    const { clock, list, add, refs } = started(true);
    const other = started();
    other.add('a', 5);
    expect(other.refs).toEqual([false]);
    // A deadline that keeps no process alive, before it and after it.
    const without = new DeadlineList<Named>(clock, () => {});
    without.add(named('b', 10));
    const entry = add('c', 1000);
    list.remove(entry);
    expect(refs).toEqual([false, true, false]);
    without.clear();
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes no place for what has no end', () => {
    const { clock, list, add } = started();
    add('endless', Number.POSITIVE_INFINITY);
    expect([list.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('takes what is added while something is due', () => {
    const clock = new VirtualClock();
    const due: string[] = [];
    const chain = new DeadlineList<Named>(clock, ({ name }) => {
      due.push(`${name} @${clock.now()}`);
      if (name.length < 3) chain.add(named(`${name}x`, clock.now() + 5));
    });
    chain.add(named('x', 10));
    chain.add(named('y', 12));
    clock.advance(1000);
    expect(due).toEqual(['x @10', 'y @12', 'xx @15', 'yx @17', 'xxx @20', 'yxx @22']);
    expect([clock.pendingTimers, chain.size]).toEqual([0, 0]);
  });

  it('forgets all at once', () => {
    const { clock, due, list, add } = started();
    add('a', 10);
    list.clear();
    clock.advance(100);
    expect([due, clock.pendingTimers]).toEqual([[], 0]);
  });
});
