import { expect, it } from 'vitest';
import { ReceiveWindow, SendWindow } from '../../src/queue/credit-window.ts';
import { type CreditEnds, describeCreditWindow } from '../fixture/credit-window.ts';
import type { End } from '../fixture/numbered-delivery.ts';

const WINDOW = 1600;
const OVERHEAD = 10;

/** Sends an item while there is any room. */
class SmallStream implements CreditEnds {
  taken = 0;
  private readonly sending = new SendWindow(WINDOW, OVERHEAD);
  private readonly receiving = new ReceiveWindow(WINDOW, OVERHEAD);
  private readonly unsent: number[] = [];
  private readonly arrivals: number[] = [];
  private readonly credits: number[] = [];

  get waiting(): number {
    return this.arrivals.reduce((sum, bytes) => sum + bytes, 0);
  }

  send(bytes: number): void {
    this.unsent.push(bytes);
  }

  take(): void {
    const bytes = this.arrivals.shift();
    if (bytes === undefined) return;
    this.taken += bytes;
    if (this.receiving.take(bytes)) this.credits.push(this.receiving.report());
  }

  frames(from: End): unknown[] {
    if (from === 'receiver') return this.credits.splice(0);
    const frames: number[] = [];
    while (this.unsent.length > 0 && this.sending.room > 0) {
      frames.push(this.unsent.shift()!);
      this.sending.spend(frames.at(-1)!);
    }
    return frames;
  }

  arrived(at: End, frame: unknown): boolean {
    if (at === 'receiver') return this.force(frame as number);
    return this.sending.credited(frame as number) === 0;
  }

  force(bytes: number): boolean {
    if (this.receiving.room <= 0) return false;
    this.receiving.spend(bytes);
    this.arrivals.push(bytes);
    return true;
  }
}

describeCreditWindow('the windows alone', () => new SmallStream(), {
  window: WINDOW,
  overhead: OVERHEAD,
});

it('counts each item with its overhead, and says how much credit was too much', () => {
  const window = new SendWindow(100, 10);
  window.spend(50);
  window.spend(40);
  expect([window.used, window.room]).toEqual([110, -10]);
  expect([window.credited(60), window.room]).toEqual([0, 50]);
  expect([window.credited(70), window.used]).toEqual([20, 0]);
});

it('reports when half was taken, or when the owner wants to', () => {
  const window = new ReceiveWindow(100, 10);
  for (let i = 0; i < 4; i++) window.spend(10);
  expect([window.take(10), window.take(10), window.take(10), window.room]).toEqual([
    false,
    false,
    true,
    20,
  ]);
  expect([window.report(), window.report(), window.room]).toEqual([60, 0, 80]);
});
