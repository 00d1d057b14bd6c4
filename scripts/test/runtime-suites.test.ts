import { expect, it } from 'vitest';
import { judge, knownFailures } from '../runtimes/suites.ts';

const PAGE = `
| Runtime | Trial | Why |
| --- | --- | --- |
| Bun | \`a session is resumed\` | because |
| Deno | \`10,000 messages, in order\` | because of \`that\` |

| File | Runtime | Test | Why |
| --- | --- | --- | --- |
| \`packages/a/test/x.test.ts\` | Bun | \`one fails\` | because |
| \`packages/a/test/y.test.ts\` | Bun | \`the file\` | because |
| \`packages/a/test/x.test.ts\` | Deno | \`other\` | because |
| \`packages/a/test/x.test.ts\` | Bun | \`on handles *\` | because |
| \`packages/a/test/x.test.ts\` | Deno | \`by chance\` | now and then: because |
| \`packages/a/test/z.test.ts\` | Bun, Deno | \`all\` | because |
`;
const known = knownFailures(PAGE, 'Bun').tests;
const result = (file: string, status: string, tests: Readonly<Record<string, string>>) => ({
  name: `/root/packages/a/test/${file}`,
  status,
  assertionResults: Object.entries(tests).map(([fullName, one]) => ({ fullName, status: one })),
});

it('a failure of the packages on a runtime must be listed, and what is listed must fail', () => {
  const asListed = [
    result('x.test.ts', 'failed', {
      'one fails': 'failed',
      two: 'passed',
      'on handles reads': 'failed',
      'on handles writes': 'failed',
    }),
    result('y.test.ts', 'failed', {}),
  ];
  expect(judge({ testResults: asListed }, '/root', known)).toEqual({
    passed: 1,
    problems: [],
    held: [],
  });
  const otherwise = [
    result('x.test.ts', 'failed', { 'one fails': 'passed', two: 'failed' }),
    result('y.test.ts', 'failed', {}),
  ];
  const { problems, held } = judge({ testResults: otherwise }, '/root', known);
  expect(problems).toEqual(['packages/a/test/x.test.ts: two: ']);
  expect(held).toEqual([
    expect.stringMatching(/x\.test\.ts: one fails: it is listed.*take it out/),
    expect.stringMatching(/x\.test\.ts: on handles \*: it is listed.*take it out/),
  ]);
});

it('files that are not run are listed for one runtime or for several, trials in a table of theirs', () => {
  expect(knownFailures(PAGE, 'Deno')).toEqual({
    trials: new Set(['trials: 10,000 messages, in order']),
    tests: new Set(['packages/a/test/x.test.ts: other', 'packages/a/test/x.test.ts: by chance']),
    mayHold: new Set(['packages/a/test/x.test.ts: by chance']),
    notRun: ['packages/a/test/z.test.ts'],
  });
});

it('a test that fails now and then may hold', () => {
  const { tests, mayHold } = knownFailures(PAGE, 'Deno');
  const testResults = [result('x.test.ts', 'failed', { other: 'failed', 'by chance': 'passed' })];
  expect(judge({ testResults }, '/root', tests, mayHold).held).toEqual([]);
  expect(judge({ testResults }, '/root', tests).held).toHaveLength(1);
});
