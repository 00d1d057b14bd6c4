// The mutants whose guard or test a change touches: `npm run check:mutants -- --changed origin/main`.
import { run } from '../program.ts';
import type { LocatedMutant } from './located.ts';

/** The files that differ between the merge base of HEAD and a revision, and the working tree; or why that is unknown. */
export async function changedSince(root: string, base: string): Promise<Set<string> | string> {
  const git = async (...args: string[]) => run('git', args, root);
  const mergeBase = await git('merge-base', 'HEAD', base);
  const [commit] = mergeBase.stdout.split('\n');
  if (!mergeBase.ok || commit === undefined) {
    const [why] = mergeBase.stderr.split('\n');
    return `HEAD has no merge base with ${base}${why && `: ${why}`}`;
  }
  const lists = await Promise.all([
    git('diff', '--name-only', '--no-renames', '-z', commit),
    git('ls-files', '--others', '--exclude-standard', '-z'),
  ]);
  for (const { ok, output } of lists) if (!ok) throw new Error(output);
  return new Set(lists.flatMap(({ stdout }) => stdout.split('\0').filter((path) => path !== '')));
}

/** Up to so many mutants of changed sources or tests, of as many sources as possible; and the others of them. */
export function chooseChanged(
  located: readonly LocatedMutant[],
  changed: ReadonlySet<string>,
  most: number,
): { chosen: LocatedMutant[]; left: LocatedMutant[] } {
  const bySource = new Map<string, LocatedMutant[]>();
  for (const mutant of located) {
    const { sourceFile, testFile } = mutant;
    if (!changed.has(sourceFile) && !changed.has(testFile)) continue;
    if (!bySource.has(sourceFile)) bySource.set(sourceFile, []);
    bySource.get(sourceFile)!.push(mutant);
  }
  const inTurn = [...bySource.values()].flatMap((mutants) =>
    mutants.map((mutant, turn) => ({ mutant, turn })),
  );
  const mutants = inTurn.sort((a, b) => a.turn - b.turn).map(({ mutant }) => mutant);
  return { chosen: mutants.slice(0, most), left: mutants.slice(most) };
}
