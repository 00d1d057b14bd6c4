// The public vectors pass, and the runner itself is tested by lies: every case whose expectation was falsified must
// fail, none may pass or count as skipped.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../conformance/families.ts';
import type { Family } from '../conformance/family.ts';
import { root } from '../workspace.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type TestCase = Readonly<Record<string, Json>>;
/** Where a value stands. */
interface Place {
  readonly holder: Record<string, Json>;
  readonly key: string;
}

const LIES_PER_CASE = 4;
/** What a case expects, whatever its family; the rest of it is input. */
const EXPECTATIONS = ['events', 'output', 'error', 'trace', 'reads', 'messages', 'hex', 'class'];

const files = ['codec', 'core', 'handlers'].flatMap((name) => {
  const folder = join(root, 'packages', name, 'test/vectors');
  return readdirSync(folder).map((file) => join(folder, file));
});

/** The places of all values within this one. */
function placesIn(holder: Record<string, Json>, keys = Object.keys(holder)): Place[] {
  return keys.flatMap((key) => {
    const value = holder[key]!;
    const isHolder = typeof value === 'object' && value !== null;
    const inner = isHolder ? placesIn(value as Record<string, Json>) : [];
    return [{ holder, key }, ...inner];
  });
}

/** Another value of the same kind, as near to it as a mistake would be. */
function otherThan(value: Json): fc.Arbitrary<Json> {
  if (typeof value === 'number') return fc.integer({ min: value + 1, max: value + 9 });
  if (typeof value === 'boolean') return fc.constant(!value);
  if (value === null) return fc.constant('00');
  if (typeof value === 'string') {
    return fc
      .tuple(fc.nat(value.length), fc.constantFrom('', ...'0123456789abcdef'))
      .map(([at, digit]) => value.slice(0, at) + digit + value.slice(at + 1));
  }
  if (Array.isArray(value)) {
    const more = value.length > 0 ? value : [{ error: 'TooLongFrameException' }, { frame: '00' }];
    const longer = fc
      .tuple(fc.nat(value.length), fc.constantFrom<Json>(...more))
      .map(([at, one]) => value.toSpliced(at, 0, one));
    return fc.oneof(fc.shuffledSubarray(value), longer);
  }
  return fc.subarray(Object.entries(value)).map((entries) => Object.fromEntries(entries));
}

/** The case with one thing changed in what it expects. */
const falsified = (testCase: TestCase): fc.Arbitrary<TestCase> =>
  fc.constantFrom(...EXPECTATIONS.filter((key) => key in testCase)).chain((expectation) => {
    const lie = structuredClone(testCase) as Record<string, Json>;
    return fc.constantFrom(...placesIn(lie, [expectation])).chain(({ holder, key }) =>
      otherThan(holder[key]!).map((other) => {
        holder[key] = other;
        return lie;
      }),
    );
  });

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
      const truth = sense(file.family, testCase);
      const sampling = { seed: index + 1, numRuns: LIES_PER_CASE };
      for (const lie of fc.sample(falsified(testCase), sampling)) {
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
