import type { Channel } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { FlushWatch, type UnflushedOutput } from '../../src/channel/flush-watch.ts';

let clock: VirtualClock;
let watch: FlushWatch;
let lines: string[];
beforeEach(() => {
  clock = new VirtualClock();
  watch = new FlushWatch(clock);
  lines = [];
});

function output(count = 1) {
  const logger = { log: (level: string, text: string) => lines.push(`${level} ${text}`) };
  const channel = { isOpen: true, logger, toString: () => 'the channel' };
  return {
    clock,
    channel: channel as unknown as Channel & { isOpen: boolean },
    firstUnflushed: {} as object | undefined,
    unflushedCount: count,
  } satisfies UnflushedOutput;
}

describe('the watch for a forgotten flush', () => {
  it('says once how many messages wait, for how long, and where the first was written', () => {
    const forgotten = output(3);
    function greet() {
      watch.written(forgotten);
    }
    for (let i = 0; i < 3; i++) {
      greet();
      clock.advance(5000);
    }
    expect(lines).toEqual([
      expect.stringMatching(
        /^warn the channel 3 messages wait for a flush, for 5 s. The first was written at greet \(.*flush-watch\.test\.ts:\d+:\d+\)\. Call flush\(\)/,
      ),
    ]);
  });

  it('says nothing of what was flushed, or whose channel has closed', () => {
    const flushed = output();
    watch.written(flushed);
    flushed.firstUnflushed = undefined;
    clock.advance(5000);
    const again = output();
    watch.written(again);
    // Flushed, and another one waits now.
    again.firstUnflushed = {};
    clock.advance(5000);
    const closed = output();
    watch.written(closed);
    closed.channel.isOpen = false;
    clock.advance(5000);
    expect(lines).toEqual([]);
  });

  it('watches one write at a time, of its own clock, with one timer', () => {
    watch.written({ ...output(), clock: new VirtualClock() });
    expect(clock.pendingTimers).toBe(0);
    for (let i = 0; i < 100; i++) watch.written(output());
    expect(clock.pendingTimers).toBe(1);
  });

  it('has lines for eight places', () => {
    const places = [
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
      () => watch.written(output()),
    ];
    for (const write of places) {
      write();
      clock.advance(5000);
    }
    expect(lines).toHaveLength(8);
  });
});
