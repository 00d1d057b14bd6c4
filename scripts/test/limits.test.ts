import { expect, it } from 'vitest';
import { limitsIn, withLimits } from '../limits.ts';
import { OptionTypes } from '../site/options.ts';
import { readSource } from '../source-file.ts';
import { tree } from './tree.ts';

const FILE = 'packages/one/src/one.ts';
const number = (standard?: string) => ({
  allowed: 'a number',
  ...(standard === undefined ? {} : { standard }),
});

function limitsOf(members: string, kinds: Readonly<Record<string, ReturnType<typeof number>>>) {
  const root = tree({ [FILE]: `export interface OneOptions { ${members} }` });
  const sets = [{ file: FILE, owner: 'One', kinds }];
  return limitsIn(new OptionTypes([readSource(root, FILE)], sets), new Set(['One', 'OneOptions']));
}

const page = (words: string): string => `# Limits\n\n<!-- limits of ${words} -->\n`;
const end = '<!-- end of the limits -->\nBelow.\n';

it('makes a row of each option with a maximum, with the unit of its default', () => {
  const limits = limitsOf(
    `/** Maximum length, in bytes. A longer one is \`HR_ERR_FRAME_TOO_LONG\`. */ maxLength?: number;
     /** Maximum time, in milliseconds; \`false\` for no limit. */ timeoutMs?: number | false;
     /** Maximum age. */ ageMs?: number | false;
     /** Maximum number of {@link Calls}. */ calls: number;
     /** Maximum time of one call, in milliseconds. */ callMs?: number;
     /** The interval. */ everyMs?: number;`,
    {
      maxLength: number('8192'),
      timeoutMs: number('90000'),
      ageMs: number('false'),
      calls: number(),
      callMs: number(),
      everyMs: number('5'),
    },
  );
  expect(withLimits(page('one') + end, limits)).toBe(
    `${page('one')}
| Option | Default | Limit, and what happens at it |
| --- | --- | --- |
| \`One.maxLength\` | 8 KiB | Length. A longer one is \`FRAME_TOO_LONG\`. |
| \`One.timeoutMs\` | 1.5 min | Time. |
| \`One.ageMs\` | none | Age. |
| \`One.calls\` | required | Number of \`Calls\`. |

${end}`,
  );
});

it('says what happens at the limit, and not the rest of a long description', () => {
  const [limit] = limitsOf(
    `/** Maximum length of a message. Keep it small. A longer message is refused. The reason for this limit is a story that the page of the
     * option tells, and that this table leaves out. Then the error is \`HR_ERR_TOO_LONG\`. Short. */ maxLength?: number;`,
    { maxLength: number('8192') },
  );
  expect(limit?.words).toBe(
    'Length of a message. A longer message is refused. Then the error is `HR_ERR_TOO_LONG`.',
  );
});

it('leaves out an option whose default is another option', () => {
  const kinds = { perSecond: number('10'), burst: number() };
  const limits = limitsOf(
    `/** Maximum rate. */ perSecond?: number;
     /** Maximum at once. @default perSecond */ burst?: number;`,
    kinds,
  );
  expect(limits.map(({ option }) => option)).toEqual(['perSecond']);
});

it('puts a limit into the table whose path fits best, else into the first table', () => {
  const limits = ['two/src/a.ts', 'one/src/b.ts', 'three/src/c.ts'].map((file) => ({
    ...{ of: 'A', option: file.slice(0, 3), absent: '1', words: 'Words.' },
    file,
  }));
  const made = withLimits(page('one') + end + page('one/src/b two') + end, limits);
  const [first = '', second = ''] = made.split(end);
  expect([first.includes('`A.thr`'), first.includes('`A.one`')]).toEqual([true, false]);
  expect([second.includes('`A.two`'), second.includes('`A.one`')]).toEqual([true, true]);
  expect(withLimits(made, limits)).toBe(made);
});

it('has one row for the same option of several owners', () => {
  const limits = ['One', 'Two'].map((of) => ({
    ...{ of, option: 'ms', absent: '1', words: 'Words.', file: 'one/src/a.ts' },
  }));
  expect(withLimits(page('one') + end, limits)).toContain('| `ms` of `One`, `Two` | 1 | Words. |');
});
