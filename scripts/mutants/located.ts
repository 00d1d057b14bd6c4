// Finds the piece of source that each mutant replaces.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CheckResult, Problem } from '../problem.ts';
import { lineOf, parseSource, readSource, type SourceFile } from '../source-file.ts';
import { type Mutant, parseMutants } from './mutant.ts';
import { SourcePieces, type Span } from './source-pieces.ts';

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

/** A piece of a source, and what stands there instead. */
export type Breakage = Pick<Mutant, 'member' | 'piece' | 'replacement'>;

/** The span of the piece, or why there is not one. */
function placeIn(source: SourceFile, { member, piece }: Breakage): Span | string {
  const { path } = source;
  const pieces = new SourcePieces(source);
  const [found, ...others] = pieces.find(member, piece);
  if (others.length > 0) return `${path}: twice or more in ${member}: ${piece}`;
  if (found !== undefined) return found;
  const why = pieces.has(member) ? `not in ${member}:` : `no ${member}, which should have:`;
  const elsewhere = pieces.membersWith(piece).join(', ');
  return `${path}: ${why} ${piece}${elsewhere && ` (it is in ${elsewhere})`}`;
}

const breakText = (text: string, { start, end }: Span, replacement: string): string =>
  text.slice(0, start) + replacement + text.slice(end);

/** A source with several pieces broken at once; throws where one is not there. */
export function breakSource(root: string, path: string, breakages: readonly Breakage[]): string {
  let source = readSource(root, path);
  for (const breakage of breakages) {
    const found = placeIn(source, breakage);
    if (typeof found === 'string') throw new Error(found);
    source = parseSource(path, breakText(source.text, found, breakage.replacement));
  }
  return source.text;
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
  const { file, test, replacement } = mutant;
  const sourceFile = inRepository(file);
  const testFile = inRepository(test);
  if (sourceFile === undefined) return `no file ${file}`;
  if (testFile === undefined) return `no file ${test}`;

  const source = readSource(root, sourceFile);
  const found = placeIn(source, mutant);
  if (typeof found === 'string') return found;
  const broken = breakText(source.text, found, replacement);
  try {
    parseSource(sourceFile, broken);
  } catch (error) {
    return `${sourceFile}: no program with "${replacement}": ${(error as Error).message}`;
  }
  const place = `${sourceFile}:${lineOf(source.text, found.start)}`;
  return { ...mutant, list, place, sourceFile, testFile, broken };
}

/** Whether each mutant names one place in a source, and a test. */
export function checkMutantPlaces(root: string): CheckResult {
  const { located, problems } = locateMutants(root);
  return { problems, summary: `${located.length} mutants` };
}
