// The public vectors pass, and the runner itself is tested by lies: every case whose expectation was falsified must
// fail, none may pass or count as skipped.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../conformance/families.ts';
import type { Family } from '../conformance/family.ts';
import { root } from '../workspace.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type TestCase = Readonly<Record<string, Json>>;

const LIES_PER_CASE = 8;
/** What a case expects, whatever its family; the rest of it is input. */
const EXPECTATIONS = ['events', 'output', 'error', 'trace', 'reads', 'messages', 'hex', 'class'];

const files = ['codec', 'core', 'handlers'].flatMap((name) => {
  const folder = join(root, 'packages', name, 'test/vectors');
  return readdirSync(folder).map((file) => join(folder, file));
});

/** Numbers from 0 to below `most` that are the same in every run. */
function randomOf(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** Every value within this one that can be changed, with what puts another in its place. */
function placesIn(value: Json, put: (other: Json) => void): [Json, (other: Json) => void][] {
  const here: [Json, (other: Json) => void] = [value, put];
  if (Array.isArray(value)) {
    const parts = value.flatMap((one, at) =>
      placesIn(one, (other) => {
        value[at] = other;
      }),
    );
    return [here, ...parts];
  }
  if (typeof value !== 'object' || value === null) return [here];
  const parts = Object.entries(value).flatMap(([key, one]) =>
    placesIn(one, (other) => {
      value[key] = other;
    }),
  );
  return [here, ...parts];
}

function otherText(text: string, random: (most: number) => number): string {
  if (text === '') return '00';
  const at = random(text.length);
  const digit = '0123456789abcdef'[random(16)]!;
  const [before, after] = [text.slice(0, at), text.slice(at + 1)];
  switch (random(3)) {
    case 0:
      return before + after;
    case 1:
      return `${text}${digit}${digit}`;
    default:
      return before + digit + after;
  }
}

function otherArray(list: readonly Json[], random: (most: number) => number): Json[] {
  const at = random(list.length);
  const others = [...list];
  switch (random(4)) {
    case 0:
      others.splice(at, 1);
      break;
    case 1:
      others.splice(at, 0, list[at] ?? { error: 'TooLongFrameException' });
      break;
    case 2:
      others.push(list[random(list.length)] ?? { frame: '00' });
      break;
    default:
      if (at + 1 < list.length) [others[at], others[at + 1]] = [list[at + 1]!, list[at]!];
  }
  return others;
}

function other(value: Json, random: (most: number) => number): Json {
  if (typeof value === 'string') return otherText(value, random);
  if (typeof value === 'number') return value + 1 + random(9);
  if (typeof value === 'boolean') return !value;
  if (value === null) return '00';
  if (Array.isArray(value)) return otherArray(value, random);
  const keys = Object.keys(value);
  const { [keys[random(keys.length)]!]: _left, ...rest } = value;
  return rest;
}

/** The case with one thing changed in what it expects. */
function falsified(testCase: TestCase, random: (most: number) => number): TestCase {
  const lie = structuredClone(testCase) as Record<string, Json>;
  const keys = EXPECTATIONS.filter((key) => key in lie);
  const key = keys[random(keys.length)]!;
  const places = placesIn(lie[key]!, (value) => {
    lie[key] = value;
  });
  const [value, put] = places[random(places.length)]!;
  put(other(value, random));
  return lie;
}

/** As the rules of a family compare cases: what they call the same is no lie. */
function sense(family: string, testCase: TestCase): string {
  const clone = structuredClone(testCase) as Record<string, Json>;
  if (family === 'pipeline-trace') {
    // The notes about promises may stand last.
    const isPromise = (event: Json): boolean => String(event).startsWith('promise.');
    clone['trace'] = (clone['trace'] as Json[][]).map((list) => [
      ...list.filter((event) => !isPromise(event)),
      ...list.filter(isPromise),
    ]);
    const reads = (clone['reads'] ?? []) as Json[][];
    clone['reads'] = reads.some((list) => list.length > 0) ? reads : [];
  }
  if (family === 'idle-state') {
    // Events of the same millisecond have no order.
    clone['events'] = (clone['events'] as Record<string, Json>[][]).map((list) =>
      [...list].sort((a, b) =>
        a['at'] === b['at'] ? String(a['state']).localeCompare(String(b['state'])) : 0,
      ),
    );
  }
  return JSON.stringify(clone, (_key, value: Json) =>
    family === 'mqtt' && typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value,
  );
}

function outcomeOf(family: Family, testCase: TestCase): string {
  try {
    return family(testCase).outcome;
  } catch {
    return 'failed';
  }
}

describe.each(files.map((path) => [basename(path), path]))('the vectors of %s', (_name, path) => {
  const file = JSON.parse(readFileSync(path, 'utf8'));
  const family = FAMILIES.get(file.family)!;
  const cases: TestCase[] = file.cases.filter((one: TestCase) => !('unportable' in one));

  it('pass, except where we differ on purpose', () => {
    const outcomes = cases.map((one) => outcomeOf(family, one));
    expect(new Set(outcomes)).toContain('passed');
    expect(outcomes).not.toContain('failed');
  });

  it('fail when what they expect is a lie, and none is excused', () => {
    const believed: string[] = [];
    let lies = 0;
    for (const [index, testCase] of cases.entries()) {
      const random = randomOf(index + 1);
      const truth = sense(file.family, testCase);
      for (let count = 0; count < LIES_PER_CASE; count++) {
        const lie = falsified(testCase, random);
        if (sense(file.family, lie) === truth) continue;
        lies += 1;
        const outcome = outcomeOf(family, lie);
        if (outcome !== 'failed')
          believed.push(`${outcome}: case ${index}: ${JSON.stringify(lie)}`);
      }
    }
    expect(lies).toBeGreaterThan(cases.length);
    expect(believed).toEqual([]);
  });
});
