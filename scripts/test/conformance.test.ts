import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runConformance } from '../conformance/run.ts';
import { tree } from './tree.ts';

let folder = '';
const out: string[] = [];
const err: string[] = [];

beforeEach(() => {
  folder = tree({});
  out.length = err.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line) => void out.push(String(line)));
  vi.spyOn(console, 'error').mockImplementation((line) => void err.push(String(line)));
});

afterEach(() => void vi.restoreAllMocks());

const put = (name: string, content: unknown): void =>
  writeFileSync(
    join(folder, name),
    typeof content === 'string' ? content : JSON.stringify(content),
  );

const passes = { ops: [['fireRead', 'm1']], trace: [['tail.read(m1)']] };
const fails = { ops: [['fireRead', 'm1']], trace: [['tail.read(m2)']] };
const trace = (...cases: unknown[]) => ({ family: 'pipeline-trace', cases });

it('adds up the files of a family, and prints one line for it', () => {
  put('a.json', trace(passes, { ...passes, unportable: 'an accident' }));
  put('b.json', trace(passes));
  put('notes.txt', 'not looked at');
  put('settings.json', { no: 'vector file' });
  expect(runConformance(folder, [])).toBe(0);
  expect(out).toEqual(['pipeline-trace: 2 passed, 0 failed, 1 skipped']);
});

it('tells failures with file and case, the first ones only, and exits with 1', () => {
  put('a.json', trace(passes, ...Array.from({ length: 8 }, () => fails)));
  expect(runConformance(folder, [])).toBe(1);
  expect(out).toEqual(['pipeline-trace: 1 passed, 8 failed, 0 skipped']);
  expect(err).toHaveLength(6);
  expect(err[0]).toMatch(/a\.json case 1: op 0 .*tail\.read\(m2\)/);
});

it('skips families that it does not know, and says so', () => {
  put('a.json', { family: 'from-the-future', cases: [{}, {}] });
  expect(runConformance(folder, [])).toBe(0);
  expect(out).toEqual(['from-the-future: 0 passed, 0 failed, 2 skipped']);
  expect(err.join()).toMatch(/from-the-future: skipped: no family from-the-future here/);
});

it.each([
  ['{ not json', /cannot be read as JSON/],
  ['[1, 2]', /must be an object/],
  ['{"family": 5, "cases": []}', /"family" is 5/],
  ['{"family": "../run", "cases": []}', /must be a name/],
  ['{"family": "pipeline-trace"}', /"cases" is missing/],
  ['{"family": "pipeline-trace", "cases": []}', /"cases" is empty/],
])('an odd file is told, and the others still run: %s', (content, message) => {
  put('bad.json', content);
  put('good.json', trace(passes));
  expect(runConformance(folder, [])).toBe(1);
  expect(err.join()).toMatch(message);
  expect(out).toEqual(['pipeline-trace: 1 passed, 0 failed, 0 skipped']);
});

it('a case that is not one fails, and a folder that is not there or empty is an error', () => {
  put('a.json', trace(null, { ops: [['dance']], trace: [[]] }));
  const config = { readerIdle: 0, writerIdle: 0, allIdle: 0 };
  put('b.json', {
    family: 'idle-state',
    cases: [{ config, ops: [{ op: 'dance' }], events: [[]] }],
  });
  expect(runConformance(folder, [])).toBe(1);
  expect(out).toEqual([
    'pipeline-trace: 0 passed, 2 failed, 0 skipped',
    'idle-state: 0 passed, 1 failed, 0 skipped',
  ]);
  expect(runConformance(join(folder, 'nowhere'), [])).toBe(1);
  expect(runConformance(tree({}), [])).toBe(1);
  expect(err.join()).toMatch(/nowhere: cannot be read.*no vector file/);
});

it('runs only the families asked for', () => {
  put('a.json', trace(passes));
  put('b.json', { family: 'from-the-future', cases: [{}] });
  expect(runConformance(folder, ['pipeline-trace'])).toBe(0);
  expect(out).toEqual(['pipeline-trace: 1 passed, 0 failed, 0 skipped']);
});
