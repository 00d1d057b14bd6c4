import { describe, expect, it } from 'vitest';
import { jsonSize } from '../../src/call/index.ts';

describe('jsonSize', () => {
  it.each([
    [7, 1, 1],
    [null, 1, 1],
    ['abc', 5, 1],
    [[], 2, 1],
    [[[], []], 7, 3],
    [{}, 2, 1],
    [{ a: 1, bc: 'd' }, 16, 5],
  ])('counts the text and 64 bytes for each value of %j', (value, text, values) => {
    expect(jsonSize(value)).toBe(text + 64 * values);
  });

  it('counts what a text becomes, not the text', () => {
    const text = `[${'[],'.repeat(20_000)}[]]`;
    expect(jsonSize(JSON.parse(text))).toBeGreaterThan(20 * text.length);
  });

  it('stops at 16 MiB, also for a value with a cycle', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(jsonSize(cycle)).toBeGreaterThanOrEqual(16 * 1024 * 1024);
  });
});
