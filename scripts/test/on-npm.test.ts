import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkInstallation, writeInstallation } from '../on-npm.ts';
import { filesBelow } from '../source-file.ts';
import { root, temporaryFolder, writeFiles } from '../workspace.ts';

function copyOfPages(): ReturnType<typeof temporaryFolder> {
  const copy = temporaryFolder();
  const pages = ['docs', 'packages'].flatMap((folder) => filesBelow(root, folder, ['.md']));
  for (const file of [...pages, 'README.md', 'site/home.md']) {
    cpSync(join(root, file), join(copy.path, file));
  }
  return copy;
}

test('one switch changes what all pages tell about npm', () => {
  using copy = copyOfPages();
  expect(checkInstallation(copy.path, false).problems).toEqual([]);
  const wrong = new Set(checkInstallation(copy.path, true).problems.map(({ file }) => file));
  expect(wrong).toContain('README.md');
  expect(wrong).toContain('docs/guides/calls.md');
  writeInstallation(copy.path, true);
  expect(checkInstallation(copy.path, true).problems).toEqual([]);
  const text = (file: string) => readFileSync(join(copy.path, file), 'utf8');
  expect(text('README.md')).toContain('npm install headrace\n');
  expect(text('docs/guides/calls.md')).toContain(
    'Install: `npm install @headrace/rpc @headrace/codec`',
  );
});

test.each([
  'The packages are not on npm yet.',
  'When they are on npm, it is short.',
  '```sh\nnpm run install:into -- ../a @headrace/rpc\n```',
])('%j is not said by hand', (text) => {
  using copy = copyOfPages();
  writeFiles(copy.path, { 'docs/new.md': `# New\n\n${text}\n` });
  for (const isOnNpm of [false, true]) {
    const { problems } = checkInstallation(copy.path, isOnNpm);
    expect(problems.filter(({ file }) => file === 'docs/new.md')).toEqual([
      { file: 'docs/new.md', message: expect.stringContaining('is said by hand') },
    ]);
  }
});
