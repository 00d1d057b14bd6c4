import { ERROR_PAGE, errorCodes } from '@headrace/core';
import { expect, it } from 'vitest';
import { checkCards } from '../check-cards.ts';
import { checkErrorCodes } from '../check-error-codes.ts';
import { describeProblem } from '../problem.ts';
import { manifest, tree } from './tree.ts';

const CARD = `/**
 * Does it.
 *
 * **Place** after · **In** text · **Out** text · **Errors** none · **State** sharable
 *
 * @example
 * \`\`\`ts run
 * console.log(1);
 * \`\`\`
 */
`;

function cards(text: string): string[] {
  const root = tree({
    'packages/handlers/package.json': manifest('handlers'),
    'packages/handlers/src/index.ts': "export { EchoHandler } from './echo-handler.ts';",
    'packages/handlers/src/echo-handler.ts': text,
  });
  return checkCards(root).problems.map(describeProblem);
}

it('asks for the card of every public handler class', () => {
  expect(cards(`${CARD}export class EchoHandler {}`)).toEqual([]);
  expect(cards('export class EchoHandler {}')).toEqual([
    expect.stringMatching(
      /echo-handler\.ts:1: the card of EchoHandler lacks \*\*Place\*\*, .*@example/,
    ),
  ]);
  expect(cards(`${CARD.replace('**Out**', 'Out')}export class EchoHandler {}`)).toEqual([
    expect.stringContaining('the card of EchoHandler lacks **Out**'),
  ]);
  expect(cards(`${CARD.replace('ts run', 'ts')}export class EchoHandler {}`)).toEqual([
    expect.stringContaining('the card of EchoHandler lacks ```ts run'),
  ]);
  expect(cards('export class HiddenHandler {}')).toEqual([]);
});

const CODES = errorCodes('HR_ERR_', ERROR_PAGE, {
  A: ['DecodeError', 'a frame is bad'],
  B: ['DecodeError', 'another is'],
});

const EXPLAINED = `## DecodeError

### HR_ERR_A

A frame is bad.

- **When:** it comes.
- **Do:** nothing.
`;

function errorPage(page: string): string[] {
  const root = tree({ 'docs/errors.md': page });
  return checkErrorCodes(root, Object.values(CODES)).problems.map(describeProblem);
}

it('compares the error codes with their page, both ways', () => {
  const both = EXPLAINED + EXPLAINED.replace('_A', '_B').replace('A frame is bad', 'Another is');
  expect(errorPage(both)).toEqual([]);
  expect(errorPage(`${EXPLAINED}\nas in \`HR_ERR_C\`\n`)).toEqual([
    'docs/errors.md: HR_ERR_B has no heading "### HR_ERR_B"',
    'docs/errors.md: no package has HR_ERR_C',
  ]);
});

it('asks for the class, the meaning, the occasion and the cure of each error code', () => {
  const page = EXPLAINED.replace('DecodeError', 'EncodeError')
    .replace('A frame is bad', 'A frame is good')
    .replace('nothing.', '');
  const [first, second, third, ...others] = errorPage(page);
  expect(first).toContain('HR_ERR_A stands below "EncodeError", not below "## DecodeError"');
  expect(second).toContain('HR_ERR_A does not begin with "A frame is bad."');
  expect(third).toBe('docs/errors.md: HR_ERR_A lacks **Do:**');
  expect(others).toEqual([expect.stringContaining('HR_ERR_B')]);
});
