import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A package that an install brought. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says, an SPDX expression; `none` when it says nothing. */
  readonly licence: string;
}

interface LockEntry {
  readonly version?: string;
  readonly link?: boolean;
}

/** What npm installed in a project, itself left out. */
export function installedIn(project: string): InstalledPackage[] {
  const lock = readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as { packages: Record<string, LockEntry> };
  return Object.keys(packages).map((path) => {
    const text = readFileSync(join(project, path, 'package.json'), 'utf8');
    const { name, version, license } = JSON.parse(text) as {
      name: string;
      version: string;
      license?: string | { type: string };
    };
    const licence = typeof license === 'object' ? license.type : (license ?? 'none');
    return { name, version, licence };
  });
}

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** May be used in a program of any kind, with no more than a notice. */
const FREE = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/** The packages whose licence asks for more than a notice, or is unknown. */
export function licenceProblems(packages: readonly InstalledPackage[]): string[] {
  return packages
    .filter(({ licence }) => !isFree(licence))
    .map(({ name, version, licence }) => `${name} ${version} has the licence "${licence}"`);
}

/** Of `A OR B` one must be free, of `A AND B` both. */
function isFree(expression: string): boolean {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ');
  return alternatives.some((one) => one.split(' AND ').every((name) => FREE.has(name.trim())));
}
