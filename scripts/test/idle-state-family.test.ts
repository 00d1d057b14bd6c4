import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { family } from '../conformance/families/idle-state.ts';

const path = new URL('../../packages/handlers/test/vectors/idle-state.json', import.meta.url);
const file = JSON.parse(readFileSync(path, 'utf8'));

describe('the idle-state family', () => {
  it('passes every public case', () => {
    const outcomes = file.cases.map((one: unknown) => family.run(one, file).outcome);
    expect(new Set(outcomes)).toEqual(new Set(['passed']));
    expect(outcomes).toHaveLength(150);
  });

  it('fails a case whose time is off by a millisecond', () => {
    const ops = [{ op: 'advance', ms: 100 }];
    const config = { readerIdle: 100, writerIdle: 0, allIdle: -1 };
    const at = (ms: number) => [[{ state: 'READER_IDLE', first: true, at: ms }]];
    expect(family.run({ config, ops, events: at(100) }, file).outcome).toBe('passed');
    expect(family.run({ config, ops, events: at(99) }, file).outcome).toBe('failed');
  });

  it('refuses an op that it does not know', () => {
    const config = { readerIdle: 0, writerIdle: 0, allIdle: 0 };
    expect(() => family.run({ config, ops: [{ op: 'dance' }], events: [[]] }, file)).toThrow(
      'unknown op dance',
    );
  });
});
