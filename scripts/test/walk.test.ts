import { expect, it } from 'vitest';
import { describeProblem } from '../problem.ts';
import { pageWith, type Walk, walkProblems } from '../walk/walk.ts';

const file = (name: string): string => `packages/core/src/${name}.ts`;
const walkOf = (...names: string[]): Walk =>
  Object.fromEntries(names.map((name) => [file(name), ['run']]));
const [BEGIN, END] = [
  '<!-- the walk: `npm run walk` writes what is between these marks, but keeps the words -->',
  '<!-- end of the walk -->',
];
const page = pageWith(`# A page\n\n${BEGIN}\n${END}\n\nMore.\n`, walkOf('t', 'c')).replaceAll(
  /(?<=\)) \| {2}\|/g,
  ' | words |',
);

function problems(walk: Walk, written = page): string[] {
  return walkProblems(written, walk).map(describeProblem);
}

it('the walk must have the recorded files in their order, and words about each', () => {
  expect(problems(walkOf('t', 'c'))).toEqual([]);
  const message = 'ARCHITECTURE.md: the walk is not the recorded one: run `npm run walk`. Due: ';
  for (const walk of [walkOf('t'), walkOf('c', 't'), { ...walkOf('t'), [file('c')]: ['other'] }])
    expect(problems(walk)).toEqual([expect.stringContaining(message)]);
  expect(problems(walkOf('t', 'c', 'new'))).toEqual([
    expect.stringContaining(message),
    `ARCHITECTURE.md: no words about ${file('new')}`,
  ]);
  expect(problems(walkOf('t', 'c'), page.replace('| words |', '|  |'))).toEqual([
    `ARCHITECTURE.md: no words about ${file('t')}`,
  ]);
  expect(pageWith(page, walkOf('t', 'c'))).toContain('| words | `run` |');
});
