import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProse } from '../prose/check.ts';
import { proseOf } from '../prose/prose-of.ts';

const SOURCE = `/**
 * A misspelt option
 * is refused.
 */
export const text = 'it closes all the same'; // seldom
export const name = \`\${text} is what it seldom does\`;
const seldom = 'seldom';
throw new Error("the peer's text is seldom");
`;

const TESTS = `// often
describe('what is often', () => {
  it.each([['often']])("%s is often", () => {
    expect('this often text').toBe('often');
  });
});
`.replaceAll('often', 'seldom');

describe('prose', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'headrace-prose-'));
    mkdirSync(join(root, 'packages/one/src'), { recursive: true });
    writeFileSync(join(root, 'packages/one/src/one.ts'), SOURCE);
    mkdirSync(join(root, 'packages/one/test'));
    writeFileSync(join(root, 'packages/one/test/one.test.ts'), TESTS);
    writeFileSync(
      join(root, 'README.md'),
      'Fine.\n\n```ts\nseldom(); // in earnest\n```\n\n`seldom`, and seldom.\n```sh\nseldom # seldom\n```\n',
    );
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('has the comments and the texts of a program on their lines, and nothing of its code', () => {
    const lines = proseOf('one.ts', SOURCE).split('\n');
    expect(lines.map((line) => line.trim())).toEqual([
      '',
      'A misspelt option',
      'is refused.',
      '',
      'it closes all the same ·  seldom',
      '······· is what it seldom does',
      '',
      "the peer's text is seldom",
      '',
    ]);
  });

  it('is found where it does not keep to the list, in pages, programs and titles of tests', async () => {
    const { problems } = await checkProse(root);
    const found = problems.map(
      ({ file, line, message }) => `${file}:${line} ${message.split('\n')[0]}`,
    );
    expect(found).toEqual([
      'README.md:7 seldom => rarely',
      'README.md:4 in earnest => in production',
      'packages/one/src/one.ts:2 misspelt => misspelled',
      'packages/one/src/one.ts:5 all the same => anyway',
      'packages/one/src/one.ts:5 seldom => rarely',
      'packages/one/src/one.ts:6 seldom => rarely',
      'packages/one/src/one.ts:8 seldom => rarely',
      'packages/one/test/one.test.ts:2 seldom => rarely',
      'packages/one/test/one.test.ts:3 seldom => rarely',
    ]);
  });
});
