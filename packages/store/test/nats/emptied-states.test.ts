import { passTime, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { StateLimits } from '../../src/contract/state-log.ts';
import { EmptiedStates } from '../../src/nats/emptied-states.ts';

const LIMITS: StateLimits = { keys: 1, bytes: 1, removals: 1, removalAgeMs: 1000 };

describe('EmptiedStates', () => {
  it('empties a state once its newest removal is old, and again later if it has other removals', async () => {
    const clock = new VirtualClock();
    const states = new EmptiedStates();
    const asked: [string, number][] = [];
    const answers = [true, false];
    states.linked(clock, async (stream) => {
      asked.push([stream, clock.now()]);
      return answers.shift() ?? false;
    });
    const from = clock.now();
    states.note('a', LIMITS);
    await passTime(clock, 900);
    states.note('a', LIMITS);
    await passTime(clock, 900);
    expect(asked).toEqual([]);
    await passTime(clock, 2000);
    expect(asked.map(([stream, at]) => [stream, at - from])).toEqual([
      ['a', 2150],
      ['a', 3400],
    ]);
    await passTime(clock, 10_000);
    expect(asked.length).toBe(2);
    states.note('b', { ...LIMITS, removalAgeMs: Number.POSITIVE_INFINITY });
    await passTime(clock, 10_000);
    expect(asked.length).toBe(2);
  });

  it('waits for the next link, and tries again after a failure', async () => {
    const clock = new VirtualClock();
    const states = new EmptiedStates();
    const asked: string[] = [];
    const unlinked = states.linked(clock, async (stream) => {
      asked.push(`one ${stream}`);
      throw new Error('the link was lost');
    });
    states.note('a', LIMITS);
    await passTime(clock, 1300);
    unlinked();
    await passTime(clock, 10_000);
    expect(asked).toEqual(['one a']);
    states.linked(clock, async (stream) => {
      asked.push(`two ${stream}`);
      return false;
    });
    unlinked();
    await passTime(clock, 10_000);
    expect(asked).toEqual(['one a', 'two a']);
  });
});
