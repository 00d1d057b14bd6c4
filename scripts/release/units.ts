// What is released together: the kernel, and each other package by itself.
import { basename, join } from 'node:path';
import { kernelPackages } from '../kernel.ts';
import { foldersIn } from '../source-file.ts';
import { readManifest } from '../workspace.ts';

/** Packages with one version, one changelog and one tag. */
export interface ReleaseUnit {
  /** Names of its packages. */
  readonly names: readonly string[];
  /** The package that the changelog is about; of the kernel `@headrace/core`. */
  readonly name: string;
  readonly version: string;
  /** Path of the changelog from the root. */
  readonly changelog: string;
  /** Path of the list of all changes of this version, from the root, where the changelog has a text written by hand. */
  readonly details: string;
  /** `v1.2.3` for the kernel, `folder@1.2.3` for the package in this folder. */
  readonly tag: string;
}

/** The kernel first. */
export function releaseUnits(root: string): ReleaseUnit[] {
  const kernel = kernelPackages(root);
  const { version } = readManifest(join(root, 'packages', 'core'));
  const others = foldersIn(root, 'packages').flatMap((folder) => {
    const manifest = readManifest(join(root, folder));
    return kernel.includes(manifest.name) ? [] : [unitOf(folder, manifest)];
  });
  return [
    {
      ...{ names: kernel, name: '@headrace/core', version },
      ...{ changelog: 'CHANGELOG.md', details: `changes/${version}.md`, tag: `v${version}` },
    },
    ...others,
  ];
}

function unitOf(folder: string, manifest: { name: string; version: string }): ReleaseUnit {
  const { name, version } = manifest;
  const short = basename(folder);
  return {
    ...{ names: [name], name, version, changelog: `${folder}/CHANGELOG.md` },
    ...{ details: `changes/${short}-${version}.md`, tag: `${short}@${version}` },
  };
}
