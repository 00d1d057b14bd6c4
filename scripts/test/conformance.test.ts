import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { mqtt } from '../conformance/families/mqtt.ts';
import { runConformance } from '../conformance/run.ts';
import { writeFiles } from '../workspace.ts';
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

const put = (name: string, content: string | object) => writeFiles(folder, { [name]: content });

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
  ['{"family": 5, "cases": [{}]}', /must be a name\n.*at family/],
  ['{"family": "../run", "cases": [{}]}', /must be a name\n.*at family/],
  ['{"family": "pipeline-trace"}', /must be a list\n.*at cases/],
  ['{"family": "pipeline-trace", "cases": []}', /must have cases to compare\n.*at cases/],
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

it('reads an absent MQTT will in a file, and refuses an unknown field of a will', () => {
  const connect = { type: 'CONNECT', dup: false, qos: 0, retain: false, protocolName: 'MQTT' };
  const session = { protocolLevel: 4, cleanSession: false, keepAlive: 9, clientId: 'c' };
  const hex = '100d00044d51545404000009000163';
  const run = (will: object) => mqtt({ messages: [{ ...connect, ...session, ...will }], hex });
  expect(run({ willFlag: false, willQos: 0, willRetain: false }).outcome).toBe('passed');
  expect(run({ willFlag: false, willQos: 1 }).outcome).toBe('failed');
  expect(() => run({ willDelay: 3 })).toThrow('a will with a field that is not known: Delay');
});
