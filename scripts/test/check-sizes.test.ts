import { expect, it } from 'vitest';
import { checkSizes } from '../check-sizes.ts';
import { manifest, tree } from './tree.ts';

it('warns of a long file and fails for none', () => {
  const root = tree({
    'packages/core/package.json': manifest('core'),
    'packages/core/src/short.ts': '//\n'.repeat(400),
    'packages/core/src/long.ts': '//\n'.repeat(401),
  });
  expect(checkSizes(root)).toEqual({
    problems: [],
    warnings: [
      { file: 'packages/core/src/long.ts', message: '401 lines: has it one reason to change?' },
    ],
    summary: '2 files, 1 above 400 lines, the longest has 401',
  });
});
