import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SbomComponent } from './sbom.ts';

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** May be used in a program of any kind, with no more than a notice. */
const FREE = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/** The packages whose license asks for more than a notice, or is unknown. */
export function licenseProblems(packages: readonly SbomComponent[]): string[] {
  return packages.flatMap(({ name, version, licenses = [] }) => {
    const names = licenses.map(({ expression, license }) => expression ?? license?.id ?? 'none');
    const license = names.join(' AND ') || 'none';
    return isFree(license) ? [] : [`${name} ${version} has the license "${license}"`];
  });
}

/** Of `A OR B` one must be free, of `A AND B` both. */
function isFree(expression: string): boolean {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ');
  return alternatives.some((one) => one.split(' AND ').every((name) => FREE.has(name.trim())));
}
