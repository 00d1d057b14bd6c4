// The default of an option in its documentation is that of its description.
import type { CheckResult, Problem } from './problem.ts';
import { describedSets } from './site/option-sets.ts';
import { OptionTypes } from './site/options.ts';
import { filesBelow, foldersIn, readSource } from './source-file.ts';

export function checkOptions(root: string): CheckResult {
  const files = foldersIn(root, 'packages').flatMap((folder) =>
    filesBelow(root, `${folder}/src`, ['.ts']),
  );
  const types = new OptionTypes(
    files.map((file) => readSource(root, file)),
    describedSets(root),
  );
  return wrongDefaults(types);
}

/** Compares the documentation of all interfaces with their descriptions. */
export function wrongDefaults(types: OptionTypes): CheckResult {
  const problems: Problem[] = [];
  let described = 0;
  for (const name of types.names) {
    for (const option of types.ownOf(name)) {
      if (option.described === undefined || option.isRequired) continue;
      described += 1;
      const message = defaultProblem(option.standard, option.described.standard);
      if (message === undefined) continue;
      const { line } = option;
      problems.push({
        file: types.fileOf(name),
        line,
        message: `${name}.${option.name}: ${message}`,
      });
    }
  }
  return {
    problems,
    summary: `${described} options of interfaces have the defaults of their descriptions`,
  };
}

/** Words as "the system's clock" are left alone: only values are compared. */
function defaultProblem(
  documented: string | undefined,
  described: string | undefined,
): string | undefined {
  if (described === undefined) return undefined;
  if (documented === undefined)
    return `its default, ${described}, is not documented: @default ${described}`;
  if (documented === described || !isValue(documented)) return undefined;
  return `@default ${documented}, but its description has ${described}`;
}

function isValue(text: string): boolean {
  return /^(?:true|false|-?[\d_.]+|Infinity|'[^']*')$/.test(text);
}
