// Every statement of docs/statements.json that we keep (K) or adapt (A) has a test that carries its number,
// or a page in docs/decisions that says why we differ. `npm run check -- statements` counts;
// run this file itself to print the list.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';

const LIST = 'docs/statements.json';

interface Statement {
  readonly number: number;
  /** K: kept, A: adapted, X: an accident of Netty's that is not copied. */
  readonly mark: 'K' | 'A' | 'X';
  readonly title: string;
}

interface Section {
  readonly section: string;
  readonly statements: readonly Statement[];
}

/** Where each statement's number stands: paths, by number. */
type Places = ReadonlyMap<number, readonly string[]>;

function placesIn(
  root: string,
  files: readonly string[],
  numbersOf: (text: string) => Iterable<number>,
): Places {
  const places = new Map<number, string[]>();
  for (const file of files) {
    for (const number of new Set(numbersOf(readFileSync(join(root, file), 'utf8')))) {
      places.set(number, [...(places.get(number) ?? []), file]);
    }
  }
  return places;
}

/** The numbers at the beginning of names: `it('S1 S2 places …')`. */
function* numbersOfNames(text: string): Iterable<number> {
  for (const [, numbers = ''] of text.matchAll(/['"`]((?:S\d{1,3} )+)/g)) {
    for (const [, digits] of numbers.matchAll(/S(\d+)/g)) yield Number(digits);
  }
}

/** The numbers on a page, single (`S86`) or as a range (`S112–S115`). */
function* numbersOfPage(text: string): Iterable<number> {
  for (const [, first, last = first] of text.matchAll(/\bS(\d{1,3})(?:–S?(\d{1,3}))?\b/g)) {
    for (let number = Number(first); number <= Number(last); number++) yield number;
  }
}

interface Found {
  readonly sections: readonly Section[];
  readonly tests: Places;
  readonly decisions: Places;
}

function find(root: string): Found {
  const sections = JSON.parse(readFileSync(join(root, LIST), 'utf8')) as readonly Section[];
  const folders = [...foldersIn(root, 'packages'), ...foldersIn(root, 'examples')];
  const testFiles = folders.flatMap((folder) => [
    ...filesBelow(root, `${folder}/test`, ['.test.ts']),
    // The contract suites are tests that packages share.
    ...filesBelow(root, `${folder}/src/testing`, ['-contract.ts']),
  ]);
  const pages = filesBelow(root, 'docs/decisions', ['.md']);
  return {
    sections,
    tests: placesIn(root, testFiles, numbersOfNames),
    decisions: placesIn(root, pages, numbersOfPage),
  };
}

export function checkStatements(root: string): CheckResult {
  const { sections, tests, decisions } = find(root);
  const problems: Problem[] = [];
  let [tested, decided] = [0, 0];
  for (const { number, mark, title } of sections.flatMap(({ statements }) => statements)) {
    if (mark === 'X') continue;
    if (tests.has(number)) tested += 1;
    else if (decisions.has(number)) decided += 1;
    else {
      const message = `S${number} "${title}" has neither a test with its number nor a decision`;
      problems.push({ file: LIST, message });
    }
  }
  return { problems, summary: `${tested} statements with tests, ${decided} with decisions` };
}

/** One line per statement: number, mark, title, and where its tests and decisions are. */
export function listStatements(root: string): string[] {
  const { sections, tests, decisions } = find(root);
  return sections.flatMap(({ section, statements }) => [
    section,
    ...statements.map(({ number, mark, title }) => {
      const places = [...(tests.get(number) ?? []), ...(decisions.get(number) ?? [])];
      const where = places.length > 0 ? places.join(', ') : mark === 'X' ? 'not copied' : 'MISSING';
      return `  S${number} ${mark} ${title}: ${where}`;
    }),
  ]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  for (const line of listStatements(root)) console.log(line);
  const { problems, summary } = checkStatements(root);
  console.log(problems.length === 0 ? `none missing: ${summary}` : `${problems.length} missing`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
