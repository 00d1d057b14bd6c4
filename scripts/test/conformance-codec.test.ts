import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaseResult, ConformanceFamily } from '../conformance/family.ts';

const folder = fileURLToPath(new URL('../../packages/codec/test/vectors/', import.meta.url));

interface VectorFile {
  readonly family: string;
  readonly cases: readonly { readonly unportable?: string }[];
}

describe.each(readdirSync(folder))('the public vectors of %s', (name) => {
  const file = JSON.parse(readFileSync(folder + name, 'utf8')) as VectorFile;

  it('pass, except where we differ on purpose', async () => {
    const module = (await import(`../conformance/families/${file.family}.ts`)) as {
      family: ConformanceFamily;
    };
    const results: CaseResult[] = file.cases
      .filter((testCase) => testCase.unportable === undefined)
      .map((testCase) => module.family.run(testCase, file));
    expect(results.filter((result) => result.outcome === 'failed')).toEqual([]);
    expect(results.filter((result) => result.outcome === 'passed').length).toBeGreaterThan(0);
  });
});
