import { Buffer } from 'node:buffer';
import type { LogEntry } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { RecentEntries } from '../../src/feed/recent-entries.ts';

function entry(offset: number, bytes = 1): LogEntry {
  return { position: { epoch: 'e', offset }, previous: 0, id: '', bytes: Buffer.alloc(bytes) };
}

function offsets(entries: readonly LogEntry[] | undefined): number[] | undefined {
  return entries?.map(({ position }) => position.offset);
}

describe('RecentEntries', () => {
  it('gives what came after an offset, as far back as it goes', () => {
    const recent = new RecentEntries(3);
    recent.restart(10);
    for (const offset of [12, 15, 16, 20]) recent.add(entry(offset));
    expect(offsets(recent.after(20))).toEqual([]);
    expect(offsets(recent.after(15))).toEqual([16, 20]);
    expect(offsets(recent.after(13))).toEqual([15, 16, 20]);
    expect(offsets(recent.after(12))).toEqual([15, 16, 20]);
    expect(recent.after(11)).toBeUndefined();
  });

  it('has everything since it was restarted, and nothing before', () => {
    const recent = new RecentEntries(3);
    expect(recent.after(0)).toBeUndefined();
    recent.restart(10);
    expect(recent.after(9)).toBeUndefined();
    expect(offsets(recent.after(10))).toEqual([]);
    recent.restart(undefined);
    recent.add(entry(20));
    recent.add(entry(22));
    expect(recent.after(19)).toBeUndefined();
    expect(offsets(recent.after(20))).toEqual([22]);
  });

  it('keeps no more than 4 MiB', () => {
    const recent = new RecentEntries(256);
    recent.restart(0);
    for (let offset = 1; offset <= 10; offset++) recent.add(entry(offset, 1024 * 1024));
    expect(recent.size).toBe(4);
    expect(recent.after(5)).toBeUndefined();
    expect(offsets(recent.after(6))).toEqual([7, 8, 9, 10]);
  });

  it('keeps the newest for as long as it runs', () => {
    const recent = new RecentEntries(7);
    recent.restart(0);
    for (let offset = 1; offset <= 1000; offset++) {
      recent.add(entry(offset));
      expect(offsets(recent.after(Math.max(0, offset - 3)))).toEqual(
        [offset - 2, offset - 1, offset].filter((one) => one > 0),
      );
    }
    expect(recent.size).toBe(7);
  });
});
