import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaseResult, ConformanceFamily } from '../conformance/family.ts';

const files = ['codec', 'core', 'handlers'].flatMap((name) => {
  const folder = fileURLToPath(new URL(`../../packages/${name}/test/vectors/`, import.meta.url));
  return readdirSync(folder).map((file) => folder + file);
});

interface VectorFile {
  readonly family: string;
  readonly cases: readonly { readonly unportable?: string }[];
}

describe.each(files.map((path) => [basename(path), path]))(
  'the public vectors of %s',
  (_name, path) => {
    const file = JSON.parse(readFileSync(path, 'utf8')) as VectorFile;

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
  },
);
