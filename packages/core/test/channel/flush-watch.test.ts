import type { Channel } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { FlushWatch } from '../../src/channel/flush-watch.ts';

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
    owner: { clock, channel: channel as unknown as Channel },
    channel,
    first: { count, next: undefined },
    isFlushed: false,
    isFirstUnflushed() {
      return !this.isFlushed;
    },
  };
}

/** For calls in the test itself, whose places the lines name. */
function write(one = output()) {
  return [one, one.owner, one.first] as const;
}

describe('the watch for a forgotten flush', () => {
  it('says once how many messages wait, for how long, and where the first was written', () => {
    const forgotten = output(3);
    function greet() {
      watch.written(...write(forgotten));
    }
    for (let i = 0; i < 3; i++) {
      greet();
      clock.advance(5001);
    }
    expect(lines).toEqual([
      expect.stringMatching(
        /^warn the channel 3 messages wait for a flush, for 5 s. The first was written at greet \(.*flush-watch\.test\.ts:\d+:\d+\)\. Call flush\(\)/,
      ),
    ]);
  });

  it('says nothing of what was flushed, or whose channel has closed', () => {
    const flushed = output();
    watch.written(...write(flushed));
    flushed.isFlushed = true;
    clock.advance(70_000);
    const closed = output();
    watch.written(...write(closed));
    closed.channel.isOpen = false;
    clock.advance(5000);
    expect(lines).toEqual([]);
  });

  it('watches one write at a time, of its own clock, with one timer', () => {
    const other = output();
    other.owner.clock = new VirtualClock();
    watch.written(...write(other));
    expect(clock.pendingTimers).toBe(0);
    for (let i = 0; i < 100; i++) watch.written(...write());
    expect(clock.pendingTimers).toBe(1);
  });

  it('has lines for eight places', () => {
    const places = [
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
      () => watch.written(...write()),
    ];
    for (const write of places) {
      write();
      clock.advance(5001);
    }
    expect(lines).toHaveLength(8);
  });
});
