import { expect, it } from 'vitest';
import { rulesOf } from '../check-layers.ts';

const PAGE = `# A page

\`\`\`text floors
packages
  client server, not tools: words, not core
  tools
  core
core
  index.ts
  testing, not group: words
  channel
  pipeline group/deep
  *.ts+internal+group/seam.ts
  errors.ts
  group
\`\`\`
`;

/** True if a rule forbids the import. */
function refuses(from: string, to: string): boolean {
  const [source, target] = [`packages/${from}`, `packages/${to}`];
  const matches = (text: string, { path, pathNot }: Readonly<Record<string, unknown>>): boolean =>
    (path === undefined || new RegExp(String(path)).test(text)) &&
    (pathNot === undefined || !new RegExp(String(pathNot)).test(text));
  return rulesOf(PAGE).some((rule) => matches(source, rule.from) && matches(target, rule.to));
}

it.each([
  ['a lower floor', 'core/src/channel/a.ts', 'core/src/pipeline/b.ts'],
  ['its own folder', 'core/src/channel/a.ts', 'core/src/channel/deep/b.ts'],
  ['a part of its own floor', 'core/src/internal/a.ts', 'core/src/contract.ts'],
  ['a file that stands elsewhere', 'core/src/channel/a.ts', 'core/src/group/seam.ts'],
  ['all, as a public list', 'core/src/index.ts', 'core/src/testing/b.ts'],
  ['a lower package', 'client/src/a.ts', 'core/src/index.ts'],
])('lets a file import %s', (_, from, to) => {
  expect(refuses(from, to)).toBe(false);
});

it.each([
  ['a higher floor', 'core/src/pipeline/a.ts', 'core/src/channel/b.ts'],
  ['a sibling', 'core/src/pipeline/a.ts', 'core/src/group/deep/b.ts'],
  ['a lower floor that its line excludes', 'core/src/testing/a.ts', 'core/src/group/b.ts'],
  [
    'a folder in its own with a floor of its own',
    'core/src/group/a.ts',
    'core/src/group/deep/b.ts',
  ],
  ['the public list', 'core/src/channel/a.ts', 'core/src/index.ts'],
  ['anything, without a floor', 'core/src/new/a.ts', 'core/src/errors.ts'],
  ['a sibling of its package', 'client/src/a.ts', 'server/src/index.ts'],
  ['a package that its line excludes', 'client/src/a.ts', 'tools/src/index.ts'],
  ['anything, in a package without a floor', 'new/src/a.ts', 'core/src/index.ts'],
])('refuses an import of %s', (_, from, to) => {
  expect(refuses(from, to)).toBe(true);
});
