// Which packages are the kernel: those that are released with one version. All other packages are products on top of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from './source-file.ts';

/** The folders of the kernel; `headrace`, which is released with it, only passes its names on. */
export const KERNEL = ['core', 'codec', 'handlers'];

/** The names of the packages of the kernel. */
export function kernelPackages(root: string): string[] {
  const text = readFileSync(join(root, '.changeset', 'config.json'), 'utf8');
  const { fixed }: { fixed: string[][] } = JSON.parse(text);
  return fixed.flat();
}

/** The folders of the products. */
export function productFolders(root: string): string[] {
  const kernel = kernelPackages(root).map((name) => `packages/${name.replace('@headrace/', '')}`);
  return foldersIn(root, 'packages').filter((folder) => !kernel.includes(folder));
}
