import { expect, it } from 'vitest';
import { dependenciesOf, foldersOfFixtures } from '../workspace.ts';
import { tree } from './tree.ts';

it('a package needs what it imports, what that imports, and the packages whose fixtures its tests use', () => {
  const manifest = (name: string, of: object = {}) => JSON.stringify({ name, dependencies: of });
  const root = tree({
    'packages/a/package.json': manifest('@x/a', { '@x/b': '1' }),
    'packages/b/package.json': manifest('@x/b', { '@x/c': '1', elsewhere: '1' }),
    'packages/c/package.json': manifest('@x/c'),
    'packages/a/test/in/a.test.ts': "import { own } from '../own.ts';\nimport '../../src/a.ts';",
    'packages/a/test/own.ts': "import type { D } from '../../d/test/fixture.ts';",
  });
  expect(dependenciesOf(root, 'packages/a')).toEqual(['packages/b', 'packages/c']);
  expect(foldersOfFixtures(root, 'packages/a')).toEqual(['packages/d']);
});
