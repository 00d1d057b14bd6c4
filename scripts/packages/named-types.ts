// Can a user name what a signature shows? A program that imports every name of every entry, the types of all options
// among them, for the compilers that look at the packed packages.
import { join } from 'node:path';
import { importedNames } from '../api-report/exported-names.ts';

/** Imports every name that the reports of the API say there is, as a type. */
export function namedTypes(root: string, entries: readonly string[]): string {
  const imports = entries.map((entry, i) => {
    const names = [...importedNames(join(root, 'api'), entry)].sort();
    return `import type {\n${names.map((name) => `  ${name} as ${name}_${i},\n`).join('')}} from '${entry}';\n`;
  });
  return imports.join('');
}
