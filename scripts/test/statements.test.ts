import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeProblem } from '../problem.ts';
import { checkStatements } from '../statements/check.ts';
import { findPlaces, PAGE, readPage, refreshed } from '../statements/page.ts';
import { manifest, tree } from './tree.ts';

const ROWS = [
  '| S1 | same | Names are unique. | — |',
  '| S2 | adapted | Errors close. | — |',
  '| S3 | not copied | An accident. | — |',
  '| L1 | here | It drains. | by hand |',
];
const FILES = {
  'packages/core/package.json': manifest('core'),
  'packages/core/test/names.test.ts': "it('S1 names are unique', () => {});",
  'docs/decisions/0020-errors-close.md': 'Why errors close (S2–S3).',
};

function repository(rows: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  return tree({ ...FILES, [PAGE]: `# Statements\n\n${rows.join('\n')}\n`, ...files });
}

/** The same with the page brought in step. */
function refreshedRepository(
  rows: readonly string[],
  files: Readonly<Record<string, string>> = {},
): string {
  const root = repository(rows, files);
  writeFileSync(join(root, PAGE), refreshed(readPage(root), findPlaces(root)));
  return root;
}

function problems(root: string): string[] {
  return checkStatements(root).problems.map(describeProblem);
}

it('writes tests and decisions into the page, and keeps what is written by hand', () => {
  const root = refreshedRepository(ROWS);
  expect(readPage(root).split('\n').slice(2, -1)).toEqual([
    '| S1 | same | Names are unique. | [names](../packages/core/test/names.test.ts) |',
    '| S2 | adapted | Errors close. | [0020](decisions/0020-errors-close.md) |',
    '| S3 | not copied | An accident. | [0020](decisions/0020-errors-close.md) |',
    '| L1 | here | It drains. | by hand |',
  ]);
  expect(problems(root)).toEqual([]);
});

it('finds a page that is out of step', () => {
  expect(problems(repository(ROWS))).toEqual([
    `${PAGE}:3: is not what covers the statement now: run \`npm run statements\``,
  ]);
});

it('finds what nothing covers, be it kept, adapted or a requirement', () => {
  const rows = [
    '| S1 | same | Names are unique. | — |',
    '| S2 | adapted | Errors close. | — |',
    '| S3 | not copied | An accident. | — |',
    '| L1 | here | It drains. | [gone](../packages/core/test/gone.test.ts) |',
  ];
  const root = refreshedRepository(rows, {
    'packages/core/test/names.test.ts': '',
    'docs/decisions/0020-errors-close.md': '',
  });
  expect(problems(root)).toEqual([
    `${PAGE}:3: S1 is covered by no test and no decision`,
    `${PAGE}:4: S2 is covered by no test and no decision`,
    `${PAGE}:6: L1 is covered by no test and no decision`,
  ]);
});

it('finds tests with numbers that the page lacks, and gaps', () => {
  const root = refreshedRepository([...ROWS, '| L3 | here | It beats. | by hand |'], {
    'packages/core/test/more.test.ts': "it('S1 S4 does more', () => {});",
  });
  expect(problems(root)).toEqual([
    `${PAGE}:7: L3, but L2 is due`,
    `packages/core/test/more.test.ts: a test is named S4, which ${PAGE} lacks`,
  ]);
});
