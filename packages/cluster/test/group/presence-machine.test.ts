import { describe, expect, it } from 'vitest';
import { PresenceMachine } from '../../src/group/presence-machine.ts';

/** The change that made a version of one node: another member. */
function change(version: number) {
  return { version, from: version - 1, count: version, joined: [`member ${version}`], left: [] };
}

/** All members at a version, in one page. */
function snapshot(version: number) {
  const ids = Array.from({ length: version }, (_, i) => `member ${i + 1}`);
  return { version, count: version, page: 0, pages: 1, ids };
}

describe('PresenceMachine', () => {
  it('applies the changes that waited for a snapshot', () => {
    const machine = new PresenceMachine(true);
    expect(machine.delta('n', change(3))).toEqual([{ do: 'ask', node: 'n' }]);
    expect(machine.delta('n', change(4))).toEqual([]);
    machine.page('n', snapshot(2));
    expect(machine.total).toBe(4);
    expect([...machine.who()]).toHaveLength(4);
  });

  it('keeps at most 1000 changes for a snapshot that does not come, then asks for a later one', () => {
    const machine = new PresenceMachine(true);
    for (let version = 2; version <= 1002; version++) machine.delta('n', change(version));
    // The 1001st was one too many: none of them is kept, and the snapshot is behind.
    machine.page('n', snapshot(1));
    expect(machine.total).toBe(1);
    expect(machine.delta('n', change(1003))).toEqual([{ do: 'ask', node: 'n' }]);
    machine.page('n', snapshot(1003));
    expect(machine.total).toBe(1003);
  });
});
