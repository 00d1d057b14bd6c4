import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkCounts, writeCounts } from '../check-counts.ts';
import { describeProblem } from '../problem.ts';
import { tree } from './tree.ts';

it('finds a count that is not true any more, and writes it', () => {
  const root = tree({ 'README.md': 'Read in an hour,\n1,450 lines (RFC 6587). Or 3 lines.' });
  const counts = [
    { file: 'README.md', words: 'in an hour, # lines (RFC 6587).', numbers: () => [2012] },
    { file: 'README.md', words: 'Or # lines.', numbers: () => [3] },
    { file: 'README.md', words: 'All # lines', numbers: () => [3] },
  ];
  expect(checkCounts(root, counts).problems.map(describeProblem)).toEqual([
    'README.md: "in an hour,\n1,450 lines (RFC 6587)." should be "in an hour,\n2,012 lines (RFC 6587).": npm run counts',
    'README.md: no "All # lines"',
  ]);
  writeCounts(root, counts);
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('2,012 lines (RFC 6587). Or 3');
});
