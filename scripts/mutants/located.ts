// Finds the piece of source that each mutant replaces.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CheckResult, Problem } from '../problem.ts';
import { lineOf, parseSource, readSource } from '../source-file.ts';
import { type Mutant, parseMutants } from './mutant.ts';
import { SourcePieces } from './source-pieces.ts';

const LISTS = 'scripts/mutants';

export interface LocatedMutant extends Mutant {
  /** The package of its list. */
  readonly list: string;
  /** The place in the source, as `packages/x/src/file.ts:12`. */
  readonly place: string;
  /** Paths from the root. */
  readonly sourceFile: string;
  readonly testFile: string;
  /** The broken source. */
  readonly broken: string;
}

/** The mutants of all lists, and the entries that name no place or several. */
export function locateMutants(root: string): { located: LocatedMutant[]; problems: Problem[] } {
  const located: LocatedMutant[] = [];
  const problems: Problem[] = [];
  const lists = readdirSync(join(root, LISTS)).filter((name) => name.endsWith('.txt'));
  for (const name of lists.sort()) {
    const file = `${LISTS}/${name}`;
    const { mutants, wrong } = parseMutants(readFileSync(join(root, file), 'utf8'));
    for (const line of wrong) {
      problems.push({
        file,
        line,
        message: `no part of an entry as ${LISTS}/mutant.ts describes it`,
      });
    }
    for (const mutant of mutants) {
      const found = locate(root, basename(name, '.txt'), mutant);
      if (typeof found !== 'string') located.push(found);
      else problems.push({ file, line: mutant.line, message: found });
    }
  }
  return { located, problems };
}

function locate(root: string, list: string, mutant: Mutant): LocatedMutant | string {
  const inRepository = (path: string): string | undefined =>
    [`packages/${list}/${path}`, path].find((one) => existsSync(join(root, one)));
  const { file, test, member, piece, replacement } = mutant;
  const sourceFile = inRepository(file);
  const testFile = inRepository(test);
  if (sourceFile === undefined) return `no file ${file}`;
  if (testFile === undefined) return `no file ${test}`;

  const source = readSource(root, sourceFile);
  const pieces = new SourcePieces(source);
  const [found, ...others] = pieces.find(member, piece);
  if (others.length > 0) return `${sourceFile}: twice or more in ${member}: ${piece}`;
  if (found === undefined) {
    const why = pieces.has(member) ? `not in ${member}:` : `no ${member}, which should have:`;
    const elsewhere = pieces.membersWith(piece).join(', ');
    return `${sourceFile}: ${why} ${piece}${elsewhere && ` (it is in ${elsewhere})`}`;
  }
  const { text } = source;
  const broken = text.slice(0, found.start) + replacement + text.slice(found.end);
  try {
    parseSource(sourceFile, broken);
  } catch (error) {
    return `${sourceFile}: no program with "${replacement}": ${(error as Error).message}`;
  }
  const place = `${sourceFile}:${lineOf(text, found.start)}`;
  return { ...mutant, list, place, sourceFile, testFile, broken };
}

/** Whether each mutant names one place in a source, and a test. */
export function checkMutantPlaces(root: string): CheckResult {
  const { located, problems } = locateMutants(root);
  return { problems, summary: `${located.length} mutants` };
}
