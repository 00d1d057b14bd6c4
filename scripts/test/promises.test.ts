import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../workspace.ts';

const page = readFileSync(join(root, 'scripts/test/promises.md'), 'utf8');

/** The rows of a table between two marks, without its head. */
function rowsOf(mark: string): string[][] {
  const text = page.split(`<!-- ${mark} -->`)[1]?.split(`<!-- end of the ${mark} -->`)[0] ?? '';
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => line.slice(2, -2).split(' | '));
}

const promises = rowsOf('promises');
const tests = rowsOf('tests').map(([name, title, file]) => ({
  name: name!,
  title: title!.slice(1, -1),
  file: file!.slice(1, -1),
}));

it('the promises of the guides are shown by tests that exist', () => {
  const missing = tests.filter(
    ({ title, file }) => !readFileSync(join(root, file), 'utf8').includes(title),
  );
  expect(missing).toEqual([]);
});

it('each cell names tests of the list, or says that it is open or that the fault touches nothing', () => {
  expect(promises.length).toBeGreaterThan(10);
  const names = promises.flatMap(([, ...cells]) => {
    expect(cells).toHaveLength(7);
    return cells.flatMap((cell) => (['open', '–'].includes(cell) ? [] : cell.split(' ')));
  });
  expect([...new Set(names)].toSorted()).toEqual(tests.map(({ name }) => name).toSorted());
});
