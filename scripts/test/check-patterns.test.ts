import { expect, it } from 'vitest';
import { checkPatterns } from '../check-patterns.ts';
import { tree } from './tree.ts';

function found(...patterns: string[]): string[] {
  const text = patterns.map((pattern) => `export const a = ${pattern};`).join('\n');
  const root = tree({ 'packages/core/src/a.ts': text });
  return checkPatterns(root).problems.map(({ line, message }) => `${line} ${message}`);
}

it('finds patterns whose work is the square of the text', () => {
  expect(found('/[\\r\\n]+$/', '/^a/', '/^(\\d+)(\\w*)=$/', '/^(?:a+)+$/')).toEqual([
    expect.stringMatching(/^1 .* tries each start of a run again/),
    expect.stringMatching(/^3 .* divides a run between two parts/),
    expect.stringMatching(/^4 .* matches a run in many ways/),
  ]);
});

it('accepts patterns whose work grows with the text', () => {
  expect(found('/^[\\r\\n]+/', '/(?<!\\d)\\d+$/', '/=[^=]*$/', '/\\s+/g', '/={1,2}$/')).toEqual([]);
});

it('looks into templates and samples, and not into tests', () => {
  const pattern = "export const a = '' + / +$/;";
  const root = tree({
    'packages/create-headrace/templates/a/src/b.ts': `\n${pattern}`,
    'examples/a/src/b.mjs': pattern,
    'examples/a/test/c.ts': pattern,
    'docs/a.md': `# A\n\n\`\`\`ts run\n${pattern}\n\`\`\`\n`,
  });
  const places = checkPatterns(root).problems.map(({ file, line }) => `${file}:${line}`);
  expect(places).toEqual([
    'packages/create-headrace/templates/a/src/b.ts:2',
    'examples/a/src/b.mjs:1',
    'docs/a.md:4',
  ]);
});
