// The default of an option in its documentation is that of its description.
import type { CheckResult, Problem } from './problem.ts';
import { describedSets } from './site/option-sets.ts';
import { OptionTypes } from './site/options.ts';
import { readSource } from './source-file.ts';
import { sourcesIn } from './workspace.ts';

export async function checkOptions(root: string): Promise<CheckResult> {
  const sources = sourcesIn(root).map((file) => readSource(root, file));
  return wrongDefaults(new OptionTypes(sources, await describedSets(root)));
}

/** Sets with defaults that no interface has, and why. */
const WITHOUT_INTERFACE: ReadonlyMap<string, string> = new Map([
  ['connectedPair', 'takes ChannelOptions without their clock; their own set is compared'],
]);

/** Compares the documentation of all options that have a default with their descriptions. */
export function wrongDefaults(types: OptionTypes): CheckResult {
  const problems: Problem[] = [];
  let compared = 0;
  for (const set of types.sets) {
    const { file, owner, kinds } = set;
    if (Object.values(kinds).every(({ standard }) => standard === undefined)) continue;
    const taken = types.takenBy(set);
    if (taken.length === 0 && !WITHOUT_INTERFACE.has(owner)) {
      const names = Object.keys(kinds).join(', ');
      problems.push({ file, message: `no interface has the options of ${owner}: ${names}` });
    }
    for (const { name, options } of taken) {
      for (const { name: option, file, line, isRequired, standard, described } of options) {
        if (described?.standard === undefined || isRequired) continue;
        compared += 1;
        const message = defaultProblem(standard, described.standard);
        if (message !== undefined)
          problems.push({ file, line, message: `${name}.${option}: ${message}` });
      }
    }
  }
  return { problems, summary: `${compared} options have the defaults of their descriptions` };
}

/** Words as "the system's clock" are left alone: only values are compared. */
function defaultProblem(documented: string | undefined, described: string): string | undefined {
  if (documented === undefined)
    return `its default, ${described}, is not documented: @default ${described}`;
  const value = valueIn(documented);
  if (value === undefined || value === described) return undefined;
  return `@default ${documented}, but its description has ${described}`;
}

/** The value that a documented default begins with: `false`, `'any'`, `16 * 1024 (16 KiB)`. */
function valueIn(text: string): string | undefined {
  const found = /^(?:true|false|Infinity|'[^']*'|-?[\d_.]+(?: \* [\d_.]+)*)(?=$|\s*[(,;:])/.exec(
    text,
  );
  if (found === null) return undefined;
  const [value] = found;
  if (!/^-?\d/.test(value)) return value;
  const factors = value.split(' * ').map((factor) => Number(factor.replaceAll('_', '')));
  return String(factors.reduce((product, factor) => product * factor));
}
