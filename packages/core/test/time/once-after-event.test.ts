import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { onceAfterEvent } from '../../src/time/once-after-event.ts';

it('a task that is asked for several times within an event runs once, after it', () => {
  const clock = new VirtualClock();
  const done: string[] = [];
  const ask = onceAfterEvent(() => done.push('task'));
  for (let i = 0; i < 2; i++) {
    clock.run(() => {
      ask({ clock });
      ask({ clock });
      done.push('event');
    });
  }
  expect(done).toEqual(['event', 'task', 'event', 'task']);
});

it('what the task asks for itself, or before it fails, comes in a further run', () => {
  const clock = new VirtualClock();
  let runs = 0;
  const ask = onceAfterEvent(() => {
    runs += 1;
    if (runs === 1) ask({ clock });
    if (runs === 2) throw new Error('it failed');
  });
  expect(() => clock.run(() => ask({ clock }))).toThrow('it failed');
  clock.run(() => ask({ clock }));
  expect(runs).toBe(3);
});
