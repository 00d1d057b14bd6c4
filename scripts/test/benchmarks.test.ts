import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow } from '../source-file.ts';
import { root } from '../workspace.ts';

const BUILT = /\.\.\/\.\.\/(packages\/[^/']+)\/dist\/([^']+)\.js'/g;

it('benchmarks import built files that have a source', () => {
  const missing = filesBelow(root, 'benchmarks', ['.mjs']).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(BUILT)]
      .map(([, folder, path]) => `${folder}/src/${path}.ts`)
      .filter((source) => !existsSync(join(root, source)))
      .map((source) => `${file}: ${source}`),
  );
  expect(missing).toEqual([]);
});
