// Finds the piece of source that each mutant replaces.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { CheckResult, Problem } from '../problem.ts';
import type { Mutant } from './mutant.ts';

const lists = new URL('./', import.meta.url);

export interface LocatedMutant extends Mutant {
  /** The package of its list. */
  readonly list: string;
  /** The place in the source, as `packages/x/src/file.ts:12`. */
  readonly place: string;
  /** Absolute path of the source. */
  readonly sourceFile: string;
  /** Absolute path of the test. */
  readonly testFile: string;
  /** The broken source. */
  readonly broken: string;
}

/** The mutants of all lists, and those that name no place or several. */
export async function locateMutants(
  root: string,
): Promise<{ located: LocatedMutant[]; problems: Problem[] }> {
  const located: LocatedMutant[] = [];
  const problems: Problem[] = [];
  for (const file of readdirSync(lists).sort()) {
    const list = basename(file, '.ts');
    if (!existsSync(join(root, 'packages', list))) continue;
    const { mutants }: { mutants: readonly Mutant[] } = await import(new URL(file, lists).href);
    for (const mutant of mutants) {
      const found = locate(root, list, mutant);
      if (typeof found === 'string') problems.push({ file: `${list}.ts`, message: found });
      else located.push(found);
    }
  }
  return { located, problems };
}

function locate(root: string, list: string, mutant: Mutant): LocatedMutant | string {
  const inRepository = (path: string): string =>
    [join(root, 'packages', list, path), join(root, path)].find(existsSync) ?? '';
  const sourceFile = inRepository(mutant.file);
  const testFile = inRepository(mutant.test);
  if (sourceFile === '') return `no file ${mutant.file}`;
  if (testFile === '') return `no file ${mutant.test}`;
  const [before = '', ...rest] = readFileSync(sourceFile, 'utf8').split(mutant.find);
  if (rest.length !== 1) {
    const count = rest.length === 0 ? 'nowhere' : `${rest.length} times`;
    return `${mutant.file} has ${count}: ${mutant.find}`;
  }
  const place = `${relative(root, sourceFile)}:${before.split('\n').length}`;
  const broken = `${before}${mutant.replace}${rest[0]}`;
  return { ...mutant, list, place, sourceFile, testFile, broken };
}

/** Whether each mutant names one place in a source, and a test. */
export async function checkMutantPlaces(root: string): Promise<CheckResult> {
  const { located, problems } = await locateMutants(root);
  return { problems, summary: `${located.length} mutants` };
}
