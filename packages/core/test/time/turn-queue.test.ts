import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { TurnQueue } from '../../src/time/turn-queue.ts';

const BUDGET_MS = 2;
const MESSAGE_MS = 0.05;

/** An event loop with connections that send without end; each looks at the time after every message. */
class FloodedLoop {
  nowMs = 0;
  readonly served: number[] = [];
  private readonly tasks: (() => void)[] = [];
  private readonly share = new TurnQueue((task) => void this.tasks.push(task));

  /** Input of a connection that did not wait: uses so much, or everything that it gets. Returns what it used. */
  read(connection: number, wantedMs = Number.POSITIVE_INFINITY): number {
    const beganAt = this.nowMs;
    const endsAt = this.share.endOfShare(beganAt, BUDGET_MS);
    while (this.nowMs - beganAt < wantedMs) {
      this.nowMs += MESSAGE_MS;
      if (this.nowMs < endsAt) continue;
      this.share.wait(this.nowMs, () => {
        this.served.push(connection);
        this.read(connection, wantedMs - (endsAt - beganAt));
      });
      break;
    }
    return this.nowMs - beganAt;
  }

  /** What was left for the next turn; how long that took. */
  turn(): number {
    const beganAt = this.nowMs;
    for (const task of this.tasks.splice(0)) task();
    return this.nowMs - beganAt;
  }
}

describe('connections that are busy at once', () => {
  it.each([1, 2, 10, 1000])('a turn is as long for %i as for one', (count) => {
    const loop = new FloodedLoop();
    for (let i = 0; i < count; i++) loop.read(i);
    for (let i = 0; i < 50; i++) expect(loop.turn()).toBeLessThan(BUDGET_MS + 2 * MESSAGE_MS);
  });

  it('have their turns one after the other', () => {
    const loop = new FloodedLoop();
    for (let i = 0; i < 3; i++) loop.read(i);
    for (let i = 0; i < 7; i++) loop.turn();
    expect(loop.served).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it('go on in the asynchronous context in which they began to wait', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      const queue = new TurnQueue(setImmediate);
      for (const name of ['ann', 'bob', 'cyd']) {
        const resume = () => {
          seen.push(context.getStore());
          if (name === 'cyd') resolve();
        };
        context.run(name, () => queue.wait(0, resume));
      }
    });
    expect(seen).toEqual(['ann', 'bob', 'cyd']);
  });

  it('share the first turn too, in which none of them waits yet', () => {
    const loop = new FloodedLoop();
    for (let i = 0; i < 10; i++) loop.read(i);
    expect(loop.nowMs).toBeLessThan(4 * BUDGET_MS);
  });

  it('are none the less served when they become few', () => {
    const loop = new FloodedLoop();
    for (let i = 0; i < 3; i++) loop.read(i, BUDGET_MS * 1.5);
    for (let i = 0; i < 10; i++) loop.turn();
    expect(loop.served).toEqual([0, 1, 2, 1, 2]);
    expect(loop.turn()).toBe(0);
  });
});

describe('a quiet connection', () => {
  it('never waits, however many others do and whatever they have used of this turn', () => {
    const loop = new FloodedLoop();
    for (let i = 0; i < 100; i++) loop.read(i);
    for (let i = 0; i < 10; i++) {
      loop.turn();
      const usedMs = loop.read(-1, BUDGET_MS / 8);
      expect(usedMs).toBeGreaterThanOrEqual(BUDGET_MS / 8);
    }
    expect(loop.served).not.toContain(-1);
  });

  it('has a whole budget after a time without busy connections', () => {
    const loop = new FloodedLoop();
    loop.read(0, 0.1);
    loop.nowMs += 100;
    expect(loop.read(1)).toBeCloseTo(BUDGET_MS, 1);
  });
});
