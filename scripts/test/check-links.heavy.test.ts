// The check of the links with the real remark, which the quick tests do not install.
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeProblem } from '../problem.ts';
import { checkLinks } from '../tools.ts';
import { tree } from './tree.ts';

const HOME = fileURLToPath(new URL('../..', import.meta.url));

async function links(guide: string) {
  const root = tree({
    '.gitignore': 'dist/\n',
    'README.md': '# Home\n\n[Guide](docs/guide.md), [its start](docs/guide.md#the-start)\n',
    'docs/guide.md': `# Guide\n\n## The start\n\n${guide}\n`,
    'dist/left-out.md': '[gone](gone.md)\n',
  });
  const { problems, summary } = await checkLinks(root, HOME);
  return { problems: problems.map(describeProblem), summary };
}

it('finds links to files and to headings that are not there', async () => {
  const { problems } = await links('[file](gone.md), [heading](../README.md#none)');
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('Cannot find file `gone.md`');
  expect(problems[0]).toContain('Cannot find heading for `#none` in `../README.md`');
  expect(problems[0]).not.toContain('no issues found');
});

it('counts the pages whose links lead somewhere', async () => {
  expect(await links('[Home](../README.md#home)')).toEqual({
    problems: [],
    summary: 'the links of 2 pages lead somewhere',
  });
});

it('does not take a tree without pages for a right one', async () => {
  expect((await checkLinks(tree({ '.gitignore': '' }), HOME)).problems).toHaveLength(1);
});
