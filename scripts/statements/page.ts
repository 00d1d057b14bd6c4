// docs/statements.md: what the numbers mean that names of tests begin with. The statements are written by hand;
// what covers each of them is found in the names of tests and on the pages of docs/decisions.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesBelow, foldersIn } from '../source-file.ts';

export const PAGE = 'docs/statements.md';
const ROW = /^\| ([SL]\d{1,3}) \| ([^|]+) \| ([^|]+) \| (.*) \|$/;
const NOTHING = '—';

/** One row of the page. */
export interface Statement {
  /** `S185`, `L7`. */
  readonly number: string;
  /** For S: `same`, `adapted` or `not copied`; for L `here`, or with which part it comes. */
  readonly state: string;
  readonly text: string;
  /** The last cell as it is. */
  readonly covered: string;
  readonly line: number;
}

/** Where numbers stand: paths from the root, by number. */
export interface Places {
  readonly tests: ReadonlyMap<string, readonly string[]>;
  readonly decisions: ReadonlyMap<string, readonly string[]>;
}

export function readPage(root: string): string {
  return readFileSync(join(root, PAGE), 'utf8');
}

export function statementsIn(page: string): Statement[] {
  return page.split('\n').flatMap((row, index) => {
    const [, number, state, text, covered] = ROW.exec(row) ?? [];
    if (number === undefined) return [];
    return [{ number, state: state!, text: text!, covered: covered!, line: index + 1 }];
  });
}

function collect(
  root: string,
  files: readonly string[],
  numbersOf: (text: string) => Iterable<string>,
): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  for (const file of files) {
    for (const number of new Set(numbersOf(readFileSync(join(root, file), 'utf8')))) {
      places.set(number, [...(places.get(number) ?? []), file]);
    }
  }
  return places;
}

/** The numbers at the beginning of names: `it('S1 S2 places …')`. */
function* numbersOfNames(text: string): Iterable<string> {
  for (const [, numbers = ''] of text.matchAll(/['"`]((?:[SL]\d{1,3} )+)/g)) {
    yield* numbers.trim().split(' ');
  }
}

/** The numbers on a page, single (`S86`) or as a range (`S112–S115`). */
function* numbersOfPage(text: string): Iterable<string> {
  const ranges = text.matchAll(/\b([SL])(\d{1,3})(?:–[SL]?(\d{1,3}))?\b/g);
  for (const [, letter, first, last = first] of ranges) {
    for (let at = Number(first); at <= Number(last); at++) yield `${letter}${at}`;
  }
}

export function findPlaces(root: string): Places {
  const folders = [...foldersIn(root, 'packages'), ...foldersIn(root, 'examples')];
  const tests = folders.flatMap((folder) => [
    ...filesBelow(root, `${folder}/test`, ['.test.ts']),
    // The contract suites are tests that packages share.
    ...filesBelow(root, `${folder}/src/testing`, ['-contract.ts']),
  ]);
  const decisions = filesBelow(root, 'docs/decisions', ['.md']);
  return {
    tests: collect(root, tests, numbersOfNames),
    decisions: collect(root, decisions, numbersOfPage),
  };
}

/** The last cell that a statement has to have. */
function coveredBy({ number, covered }: Statement, { tests, decisions }: Places): string {
  const links = [
    ...(tests.get(number) ?? []).map((file) => {
      const name = basename(file).replace(/(?:\.test)?\.ts$/, '');
      return `[${name}](../${file})`;
    }),
    ...(decisions.get(number) ?? []).map((file) => {
      return `[${basename(file).slice(0, 4)}](${file.replace('docs/', '')})`;
    }),
  ];
  if (links.length > 0) return links.join(', ');
  // What covers a requirement without a test is written by hand; a link to a test is none any more.
  const isByHand = number.startsWith('L') && !covered.includes('.test.ts)');
  return isByHand && covered.trim() !== '' ? covered : NOTHING;
}

export function isCovered({ covered }: Statement): boolean {
  return covered !== NOTHING;
}

/** The page with what covers each statement now. */
export function refreshed(page: string, places: Places): string {
  const rows = new Map(statementsIn(page).map((statement) => [statement.line, statement]));
  const lines = page.split('\n').map((text, index) => {
    const statement = rows.get(index + 1);
    if (statement === undefined) return text;
    const { number, state, text: words } = statement;
    return `| ${number} | ${state} | ${words} | ${coveredBy(statement, places)} |`;
  });
  return lines.join('\n');
}
