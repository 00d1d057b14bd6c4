import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeProblem } from '../problem.ts';
import { walkProblems } from '../walk/check.ts';
import { sectionOf } from '../walk/section.ts';
import { recordWalks, type WalkedFile, type Walks } from '../walk/walk.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));

function file(name: string, lines = 10): WalkedFile {
  return { path: `packages/core/src/${name}.ts`, lines, functions: [{ name: 'run', calls: 2 }] };
}

const walks: Walks = {
  framed: [file('transport/t'), file('channel/c')],
  usual: [file('transport/t'), file('echo/e'), file('channel/c')],
};
const words = new Map(
  ['transport/t', 'channel/c', 'echo/e'].map((name) => [file(name).path, `what ${name} does`]),
);
const page = `# A page\n\n${sectionOf(root, walks, words)}\n\nMore.\n`;

function problems(recorded: Walks, written = page): string[] {
  return walkProblems(root, written, recorded).map(describeProblem);
}

it('records the same files, functions and calls every time', () => {
  const first = recordWalks(root);
  expect(recordWalks(root)).toEqual(first);
  const paths = first.framed.map(({ path }) => path);
  expect(paths[0]).toMatch(/^packages\/core\/src\/transport\//);
  expect(paths).toContain('packages/codec/src/frame/length-field-frame-decoder.ts');
  expect(first.usual.map(({ path }) => path)).toEqual(expect.arrayContaining(paths));
});

it('accepts a page with the recorded files in their order, whatever their lines and calls', () => {
  expect(problems(walks)).toEqual([]);
  const longer = walks.framed.map(({ path }) => ({ ...file('x', 20), path }));
  expect(problems({ ...walks, framed: longer })).toEqual([]);
});

it('finds a file too many, one too few and another order', () => {
  const [transport, channel] = walks.framed as [WalkedFile, WalkedFile];
  for (const framed of [[transport], [...walks.framed, file('group/g')], [channel, transport]]) {
    expect(problems({ ...walks, framed })).toEqual([
      expect.stringMatching(
        /^ARCHITECTURE\.md: the walk is not the recorded one: run `npm run walk`/,
      ),
    ]);
  }
});

it('asks for words about every file', () => {
  const written = page.replace('what channel/c does', '');
  expect(problems(walks, written)).toEqual([
    'ARCHITECTURE.md: no words about packages/core/src/channel/c.ts',
  ]);
});
