import { describe, expect, it } from 'vitest';
import { MAX_STREAM_BYTES, MemoryStream } from '../../src/memory/memory-stream.ts';

describe('a log in memory', () => {
  it('keeps fewer messages when they are large', () => {
    const stream = new MemoryStream();
    stream.limit({ messages: 10_000, ageMs: 3_600_000 });
    const large = Buffer.alloc(4 * 1024 * 1024);
    const kept = MAX_STREAM_BYTES / large.byteLength - 1;
    for (let i = 1; i <= kept + 3; i++) stream.append(`large-${i}`, large, 0);
    const page = stream.read(0, 1000, 0);
    expect(page).toMatchObject({ first: 4, last: kept + 3 });
    expect(page.entries.map(({ position }) => position.offset)).toEqual([4]);
    // Small ones again: as many as were asked for.
    for (let i = 1; i <= 10_000; i++) stream.append(`small-${i}`, Buffer.from('x'), 0);
    expect(stream.read(0, 1, 0)).toMatchObject({ first: kept + 4, last: kept + 10_003 });
  });

  it('counts the ids of small messages, and what each takes beside its bytes', () => {
    const stream = new MemoryStream();
    const id = 'x'.repeat(121);
    for (let i = 1; i <= 200_000; i++) stream.append(`${id}-${i}`, Buffer.from('x'), 0);
    const { first, last } = stream.read(0, 1, 0);
    const kept = last - first + 1;
    expect(kept).toBeGreaterThan(MAX_STREAM_BYTES / 512);
    expect(kept).toBeLessThan(MAX_STREAM_BYTES / 400);
  });

  it('knows the ids of the last two minutes, and not more than 131,072', () => {
    const stream = new MemoryStream();
    stream.limit({ messages: 1, ageMs: 1000 });
    const bytes = Buffer.from('x');
    const count = 131_072;
    for (let i = 1; i <= count; i++) stream.append(`${i}`, bytes, 0);
    expect(stream.append('1', bytes, 0).offset).toBe(1);
    stream.append('one more', bytes, 1000);
    expect(stream.append('2', bytes, 1000).offset).toBe(2);
    expect(stream.append('1', bytes, 1000).offset).toBe(count + 2);
    expect(stream['ids'].size).toBe(count);
    stream.read(0, 1, 120_001);
    expect(stream['ids'].size).toBe(2);
  });

  it('gives pages of 1 MiB, and at least one message', () => {
    const stream = new MemoryStream();
    for (let i = 1; i <= 100; i++) stream.append(`part-${i}`, Buffer.alloc(65_536), 0);
    stream.append('whole', Buffer.alloc(2 * 1024 * 1024), 0);
    expect(stream.read(0, 256, 0).entries.at(-1)?.id).toBe('part-16');
    expect(stream.read(90, 256, 0).entries).toHaveLength(10);
    expect(stream.read(100, 256, 0).entries).toHaveLength(1);
    expect(stream.read(101, 256, 0).entries).toHaveLength(0);
  });
});
