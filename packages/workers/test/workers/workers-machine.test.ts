import { fixed, type RetryPolicy, spread } from '@headrace/client';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  type ProcessEnd,
  type TimerKey,
  type WorkersAction,
  WorkersMachine,
  type WorkersRules,
} from '../../src/workers/workers-machine.ts';

const KILLED: ProcessEnd = { code: null, signal: 'SIGKILL' };
const EXITED: ProcessEnd = { code: 0, signal: null };
const FAILED: ProcessEnd = { code: 1, signal: null };

/** Processes that exist only as numbers; what the machine does is one line each. */
class World {
  readonly clock = new VirtualClock();
  readonly lines: string[] = [];
  readonly alive = new Set<number>();
  readonly draining = new Set<number>();
  readonly machine: WorkersMachine;
  mostAlive = 0;
  finished: { readonly error: Error | undefined } | undefined;
  private readonly timers = new Map<TimerKey, { cancel(): void }>();

  constructor(rules: Partial<WorkersRules> = {}) {
    this.machine = new WorkersMachine({
      count: 2,
      drainTimeoutMs: 1000,
      startTimeoutMs: 5000,
      maxSurge: 1,
      stableMs: 2000,
      retry: spread({ firstMs: 500 }),
      random: () => 0.5,
      ...rules,
    });
    this.run(this.machine.start());
  }

  run(actions: readonly WorkersAction[]): void {
    for (const action of actions) this.act(action);
  }

  ready(...ids: number[]): void {
    for (const id of ids) this.run(this.machine.ready(id, null, this.clock.now()));
  }

  end(id: number, how: ProcessEnd): void {
    this.alive.delete(id);
    this.draining.delete(id);
    this.run(this.machine.ended(id, how, this.clock.now()));
  }

  fail(id: number, text: string): void {
    this.run(this.machine.failed(id, new Error(text)));
    this.end(id, FAILED);
  }

  private act(action: WorkersAction): void {
    switch (action.do) {
      case 'fork': {
        const { id, number, generation } = action.worker;
        this.alive.add(id);
        this.mostAlive = Math.max(this.mostAlive, this.alive.size);
        this.lines.push(`fork ${id} as ${number}.${generation}`);
        break;
      }
      case 'wait': {
        const { key, delayMs } = action;
        this.timers.get(key)?.cancel();
        const task = () => this.run(this.machine.due(key));
        this.timers.set(key, this.clock.schedule(task, delayMs));
        if (key.startsWith('retry')) this.lines.push(`wait ${delayMs} for ${key}`);
        break;
      }
      case 'cancel':
        this.timers.get(action.key)?.cancel();
        break;
      case 'retire':
        this.lines.push(`retire ${action.id}`);
        break;
      case 'drain':
        this.draining.add(action.id);
        this.lines.push(`drain ${action.id}: ${action.why}`);
        break;
      case 'kill':
        this.lines.push(`kill ${action.id}`);
        this.end(action.id, KILLED);
        break;
      case 'announce':
        this.lines.push(`event ${action.event.type}`);
        break;
      case 'ready':
        this.lines.push('ready');
        break;
      case 'finish':
        this.finished = action;
        this.lines.push('finish');
        break;
    }
  }

  /** The lines since the last call. */
  news(): string[] {
    return this.lines.splice(0);
  }
}

describe('WorkersMachine', () => {
  it('is ready when each place has had a worker that was', () => {
    const world = new World();
    world.ready(1);
    expect(world.news()).toEqual(['fork 1 as 1.1', 'fork 2 as 2.1', 'event started']);
    world.ready(2);
    expect(world.news()).toEqual(['event started', 'ready']);
  });

  it('replaces a worker that crashes, later and later while it goes on', () => {
    const world = new World({ count: 1 });
    world.ready(1);
    world.clock.advance(2000);
    const waits: number[] = [];
    for (let id = 1; id <= 5; id++) {
      world.news();
      world.end(id, KILLED);
      const [, , wait = ''] = world.news();
      waits.push(Number(/wait (\S+)/.exec(wait)?.[1]));
      world.clock.advance(waits.at(-1)!);
      world.ready(id + 1);
    }
    // The middle of windows of 500, 1000, 2000 … ms that begin with the first crash.
    expect(waits).toEqual([250, 750, 1500, 3000, 6000]);
    world.clock.advance(2000);
    world.news();
    world.end(6, KILLED);
    expect(world.news()).toEqual(['event ended', 'event restarting', 'wait 250 for retry:1']);
  });

  it('ends with the first error when a start fails five times in a row, after the others have drained', () => {
    const world = new World({ startTimeoutMs: 100_000 });
    world.ready(2);
    for (const id of [1, 3, 4, 5]) {
      world.fail(id, `error ${id}`);
      world.clock.advance(60_000);
    }
    world.news();
    world.fail(6, 'error 6');
    expect(world.news()).toEqual(['event ended', 'event failed', 'drain 2: stop']);
    world.end(2, EXITED);
    expect(world.news()).toEqual(['event ended', 'finish']);
    expect(world.finished?.error?.message).toBe(
      'worker 1 failed to start 5 times in a row; the first time: error 1',
    );
    expect(world.alive.size).toBe(0);
  });

  it('ends with an error when the policy gives up on a worker that crashes again and again', () => {
    const world = new World({ retry: fixed(1000, { attempts: 3 }) });
    world.ready(2);
    for (const id of [1, 3, 4]) {
      world.ready(id);
      world.end(id, KILLED);
      world.clock.advance(1000);
    }
    world.ready(5);
    world.news();
    world.end(5, KILLED);
    expect(world.news()).toEqual(['event ended', 'drain 2: stop']);
    world.end(2, EXITED);
    expect(world.finished?.error?.message).toBe(
      'worker 1 is given up after 3 restarts: it ended with SIGKILL',
    );
    expect(world.alive.size).toBe(0);
  });

  it('ends with an error when the policy throws, or gives a value that is not a delay', () => {
    const broken: [RetryPolicy, string][] = [
      [() => Number.NaN, 'the retry policy returned NaN, but a delay is'],
      [() => Number.POSITIVE_INFINITY, 'the retry policy returned Infinity, but a delay is'],
      [() => -5, 'the retry policy returned -5, but a delay is'],
      [() => '5' as never, 'but a delay is a number of milliseconds from 0'],
      [
        () => {
          throw new Error('no policy');
        },
        'worker 1 is given up after 0 restarts: no policy',
      ],
    ];
    for (const [retry, text] of broken) {
      const world = new World({ count: 1, retry });
      world.ready(1);
      world.end(1, KILLED);
      expect(world.finished?.error?.message).toContain(text);
    }
  });

  it('keeps the old worker when the policy gives up on the new one, and begins again at the next restart', () => {
    const world = new World({ count: 1, retry: fixed(1000, { attempts: 2 }) });
    world.ready(1);
    for (const first of [2, 5]) {
      world.run(world.machine.restart());
      for (const id of [first, first + 1, first + 2]) {
        world.fail(id, 'new code');
        world.clock.advance(1000);
      }
      expect(world.lines.at(-1)).toBe('event restart-abandoned');
    }
    expect(world.alive).toEqual(new Set([1]));
    expect(world.finished).toBeUndefined();
  });

  it('counts starts that fail in a row only', () => {
    const world = new World({ count: 1, startTimeoutMs: 100_000 });
    let id = 1;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) {
        world.fail(id, 'no');
        world.clock.advance(60_000);
        id += 1;
      }
      world.ready(id);
      world.end(id, KILLED);
      world.clock.advance(60_000);
      id += 1;
    }
    expect(world.finished).toBeUndefined();
    expect(world.alive).toEqual(new Set([id]));
  });

  it('kills a worker that is not ready in time, which counts as a start that failed', () => {
    const world = new World({ count: 1 });
    world.news();
    world.clock.advance(4999);
    expect(world.news()).toEqual([]);
    world.clock.advance(1);
    expect(world.news()).toEqual([
      'kill 1',
      'event ended',
      'event failed',
      'event restarting',
      'wait 250 for retry:1',
    ]);
  });

  it('restarts with one process more: the old one drains when the new one is ready, the next when the old one has ended', () => {
    const world = new World();
    world.ready(1, 2);
    world.news();
    world.run(world.machine.restart());
    expect(world.news()).toEqual(['fork 3 as 1.2']);
    world.ready(3);
    expect(world.news()).toEqual(['event started', 'retire 1', 'drain 1: restart']);
    world.clock.advance(500);
    world.end(1, EXITED);
    expect(world.news()).toEqual(['event ended', 'fork 4 as 2.2']);
    world.ready(4);
    // This one does not end by itself.
    world.clock.advance(3000);
    expect(world.news()).toEqual([
      'event started',
      'retire 2',
      'drain 2: restart',
      'kill 2',
      'event ended',
      'event restarted',
    ]);
    expect(world.mostAlive).toBe(3);
  });

  it('restarts with a new one ready in each place before the old ones drain, one after the other', () => {
    const world = new World({ maxSurge: 2 });
    world.ready(1, 2);
    world.news();
    world.run(world.machine.restart());
    world.ready(3);
    expect(world.news()).toEqual(['fork 3 as 1.2', 'event started', 'retire 1', 'fork 4 as 2.2']);
    world.ready(4);
    expect(world.news()).toEqual(['event started', 'retire 2', 'drain 1: restart']);
    world.end(1, EXITED);
    expect(world.news()).toEqual(['event ended', 'drain 2: restart']);
    world.end(2, EXITED);
    expect(world.news()).toEqual(['event ended', 'event restarted']);
    expect(world.mostAlive).toBe(4);
  });

  it('drains what it has replaced when the rest does not start, and forks nothing for it when it crashes', () => {
    const world = new World({ count: 3, maxSurge: 3, startTimeoutMs: 100_000 });
    world.ready(1, 2, 3);
    world.run(world.machine.restart());
    world.ready(4);
    world.ready(5);
    world.news();
    world.end(2, KILLED);
    expect(world.news()).toEqual(['event ended']);
    for (const id of [6, 7, 8, 9]) {
      world.fail(id, 'new code');
      world.clock.advance(30_000);
    }
    world.fail(10, 'new code');
    expect(world.news().slice(-2)).toEqual(['event restart-abandoned', 'drain 1: restart']);
    world.end(1, EXITED);
    expect(world.news()).toEqual(['event ended']);
    expect(world.alive).toEqual(new Set([3, 4, 5]));
    world.run(world.machine.restart());
    expect(world.news()).toEqual(['fork 11 as 1.3']);
  });

  it('gives a worker twice the time after a start that took longer, until one is ready', () => {
    const { machine } = new World({ count: 1, startTimeoutMs: 30_000, retry: fixed(1000) });
    const nextStartMs = (actions: readonly WorkersAction[]): number | undefined =>
      actions.flatMap((one) =>
        one.do === 'wait' && one.key.startsWith('start') ? one.delayMs : [],
      )[0];
    /** The worker is late, or ends, and the time for the next start. */
    const after = (id: number, isLate: boolean): number | undefined => {
      if (isLate) machine.due(`start:${id}`);
      machine.ended(id, KILLED, 0);
      return nextStartMs(machine.due('retry:1'));
    };
    expect([after(1, true), after(2, true), after(3, false)]).toEqual([60_000, 120_000, 120_000]);
    machine.ready(4, null, 0);
    expect(after(4, false)).toBe(30_000);
  });

  it('gives up a worker whose starts are never in time', () => {
    const world = new World({ count: 1, startTimeoutMs: 1000, retry: fixed(1000) });
    for (let i = 0; i < 40 && world.finished === undefined; i++) world.clock.advance(1000);
    expect(world.finished?.error?.message).toContain(
      'the first time: it was not ready within 1000 ms',
    );
    expect(world.clock.now()).toBeGreaterThanOrEqual(31_000);
  });

  it('keeps the old workers when the new ones do not start', () => {
    const world = new World();
    world.ready(1, 2);
    world.run(world.machine.restart());
    for (const id of [3, 4, 5, 6, 7]) {
      world.fail(id, 'new code');
      world.clock.advance(30_000);
    }
    expect(world.lines.at(-1)).toBe('event restart-abandoned');
    expect(world.alive).toEqual(new Set([1, 2]));
    expect(world.draining.size).toBe(0);
    // It can be tried again.
    world.news();
    world.run(world.machine.restart());
    expect(world.news()).toEqual(['fork 8 as 1.7']);
  });

  it('goes on with a restart whose old worker crashes before the new one is ready', () => {
    const world = new World();
    world.ready(1, 2);
    world.run(world.machine.restart());
    world.end(1, KILLED);
    world.news();
    world.ready(3);
    expect(world.news()).toEqual(['event started', 'fork 4 as 2.2']);
  });

  it('drains all when it is stopped, those that start too, and starts none again', () => {
    const world = new World({ count: 3 });
    world.ready(1, 2);
    world.end(2, KILLED);
    world.news();
    world.run(world.machine.stop());
    expect(world.news()).toEqual(['drain 1: stop', 'drain 3: stop']);
    world.end(3, EXITED);
    world.clock.advance(2999);
    expect(world.finished).toBeUndefined();
    world.clock.advance(1);
    expect(world.finished).toEqual({ do: 'finish', error: undefined });
    world.clock.advance(60_000);
    expect(world.alive.size).toBe(0);
  });

  it('tells a worker once more to drain when it is ready: its program had not begun to listen', () => {
    const world = new World();
    world.ready(1);
    world.run(world.machine.stop());
    world.news();
    world.ready(2);
    expect(world.news()).toEqual(['drain 2: stop']);
    world.end(1, EXITED);
    world.end(2, EXITED);
    expect(world.finished).toEqual({ do: 'finish', error: undefined });
  });

  it('gives a worker that was starting its whole time to drain from when it is ready', () => {
    const world = new World();
    world.ready(1);
    world.run(world.machine.stop());
    world.end(1, EXITED);
    world.clock.advance(2500);
    world.ready(2);
    world.news();
    world.clock.advance(2999);
    expect(world.news()).toEqual([]);
    world.clock.advance(1);
    expect(world.news()).toEqual(['kill 2', 'event ended', 'finish']);
  });

  it('kills those that are left when it is stopped again', () => {
    const world = new World();
    world.ready(1, 2);
    world.run(world.machine.stop());
    world.news();
    world.run(world.machine.stop());
    expect(world.news()).toEqual(['kill 1', 'event ended', 'kill 2', 'event ended', 'finish']);
  });

  it('keeps its promises whatever happens', () => {
    for (let seed = 1; seed <= 300; seed++) {
      for (const maxSurge of [1, 2, 3]) {
        expect(() => randomLife(seed, maxSurge), `seed ${seed}, ${maxSurge}`).not.toThrow();
      }
    }
  });
});

/** Chance decides what happens; afterwards, when all starts succeed, all places have one worker that is ready. */
function randomLife(seed: number, maxSurge: number): void {
  const random = randomOf(seed);
  const world = new World({ count: 3, maxSurge, random });
  const isReady = new Set<number>();
  const pick = (): number | undefined => [...world.alive][Math.floor(random() * world.alive.size)];
  for (let step = 0; step < 200 && world.finished === undefined; step++) {
    const chance = random();
    const id = pick();
    if (id !== undefined && chance < 0.5) {
      if (!world.draining.has(id)) world.ready(id);
      isReady.add(id);
    } else if (id !== undefined && chance < 0.6) world.end(id, KILLED);
    else if (id !== undefined && chance < 0.65 && !isReady.has(id)) world.fail(id, 'by chance');
    else if (chance < 0.7) world.run(world.machine.restart());
    else world.clock.advance(random() * 4000);
    if (world.alive.size > 3 + maxSurge)
      throw new Error(`${world.alive.size} processes for 3 places`);
  }
  for (let step = 0; step < 100 && world.finished === undefined; step++) {
    for (const id of [...world.alive]) {
      if (world.draining.has(id)) world.end(id, EXITED);
      else world.ready(id);
    }
    world.clock.advance(5000);
  }
  if (world.finished === undefined && world.alive.size !== 3) {
    throw new Error(`${world.alive.size} processes are left:\n${world.lines.join('\n')}`);
  }
  world.run(world.machine.stop());
  world.run(world.machine.stop());
  if (world.finished === undefined || world.alive.size > 0) throw new Error('it did not end');
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
