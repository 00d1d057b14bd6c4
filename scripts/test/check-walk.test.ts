import { expect, it } from 'vitest';
import { checkWalk } from '../check-walk.ts';
import { describeProblem } from '../problem.ts';
import { manifest, tree } from './tree.ts';

const FIRST = 'packages/core/src/transport/tcp.ts';
const SECOND = 'packages/core/src/channel/channel.ts';

function problems(first: string, second: string): string[] {
  const root = tree({
    'packages/core/package.json': manifest('core'),
    [FIRST]: first,
    [SECOND]: second,
  });
  return checkWalk(root).problems.map(describeProblem);
}

it('follows the steps, by a path from the root or from the package, over several lines', () => {
  expect(
    problems(`// Walk 1: bytes\n// come. Next: ${SECOND}\n`, '// Walk 2: the channel.\n'),
  ).toEqual([]);
  expect(problems('// Walk 1: x. Next: channel/channel.ts\n', '// Walk 2: the end.\n')).toEqual([]);
});

it('finds a gap, a dead next and a next that is another file', () => {
  expect(problems(`// Walk 1: x. Next: ${SECOND}\n`, '// Walk 3: y\n')).toEqual([
    `${SECOND}:1: Walk 3 stands where 2 is due`,
  ]);
  expect(problems('// Walk 1: x. Next: channel/gone.ts\n', '// Walk 2: y\n')).toEqual([
    `${FIRST}:1: Next: channel/gone.ts does not exist`,
  ]);
  expect(problems('// Walk 1: x. Next: transport/tcp.ts\n', '// Walk 2: y\n')).toEqual([
    `${FIRST}:1: Next: transport/tcp.ts, but Walk 2 is ${SECOND}`,
  ]);
  expect(problems('// Walk 1: x.\n', '// Walk 2: y\n')).toEqual([
    `${FIRST}:1: has no "Next: path"`,
  ]);
});

it('keeps the budget of lines', () => {
  const long = `// Walk 2: y\n${'//\n'.repeat(2100)}`;
  expect(problems(`// Walk 1: x. Next: ${SECOND}\n`, long)).toEqual([
    'the walk has 2102 lines, at most 2000',
  ]);
});
