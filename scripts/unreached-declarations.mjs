// The compiler declares every module; who installs a package sees those that its entries name.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORTED = /(?:from |import\(|import )["'](\.[^"']+)\.[jt]s["']/g;

/** The declarations below `dist` that none of the entries reaches, by their paths. */
export function unreachedDeclarations(dist, entries) {
  const reached = new Set(entries);
  for (const file of reached) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
      reached.add(`${join(dirname(file), path)}.d.ts`);
    }
  }
  return readdirSync(dist, { recursive: true })
    .filter((file) => file.endsWith('.d.ts'))
    .map((file) => join(dist, file))
    .filter((file) => !reached.has(file));
}
