// `npm run release:version`: turns the changesets into the next versions. The kernel has one version, and its section in
// CHANGELOG.md; each other package has its own, and its own changelog.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelPackages } from './kernel.ts';
import { changelogSection, isAbout, needsNotes, notesSection } from './release/changelog.ts';
import { type ReleasedPackage, raiseDependents } from './release/dependents.ts';
import { foldersIn } from './source-file.ts';
import { root } from './workspace.ts';

const folder = join(root, '.changeset');

const changesets = readdirSync(folder)
  .filter((name) => name.endsWith('.md') && name !== 'README.md')
  .sort()
  .map((name) => readFileSync(join(folder, name), 'utf8'));
if (changesets.length === 0) {
  console.error('no changesets in .changeset: nothing to release');
  process.exit(1);
}

/** What users read of a release that has many changes, written by hand. */
const notesFile = join(root, 'changes', 'next.md');
const notes = existsSync(notesFile) ? readFileSync(notesFile, 'utf8') : undefined;
if (notes === undefined && needsNotes(changesets)) {
  const many = `${changesets.length} changesets are no changelog that one reads`;
  console.error(`${many}: write changes/next.md first, how to upgrade and what is new, on a page`);
  process.exit(1);
}

// For changesets, a new minor of a peer dependency is a new major of the package that has it: from 0.1.0 it would go to
// 1.0.0. So the ranges between our packages are hidden from it, and `raiseDependents` decides.
const OURS = /^ *"(headrace|@headrace\/[a-z-]+)": "workspace:\^",?\n/gm;
const LAST_COMMA = /,(\s*\})/g;
const VERSION = /^ {2}"version": "(.*)",$/m;
const folders = foldersIn(root, 'packages');
const manifests = folders.map((name) => join(root, name, 'package.json'));
const before = manifests.map((path) => readFileSync(path, 'utf8'));
let packages: readonly ReleasedPackage[] = [];
let reasons: ReadonlyMap<string, readonly string[]> = new Map();
try {
  for (const [index, path] of manifests.entries()) {
    writeFileSync(path, before[index]!.replaceAll(OURS, '').replaceAll(LAST_COMMA, '$1'));
  }
  execFileSync(join(root, 'node_modules', '.bin', 'changeset'), ['version'], {
    cwd: root,
    stdio: 'inherit',
  });
  const versions = manifests.map((path) => versionIn(readFileSync(path, 'utf8')));
  const released = before.map((text, index) => ({
    name: nameIn(text),
    before: versionIn(text),
    version: versions[index]!,
    needs: neededBy(text),
  }));
  ({ packages, reasons } = raiseDependents(released));
} finally {
  for (const [index, path] of manifests.entries()) {
    const version = packages[index]?.version ?? versionIn(before[index]!);
    writeFileSync(path, before[index]!.replace(VERSION, `  "version": "${version}",`));
  }
}

const kernel = kernelPackages(root);
const core = packages.find(({ name }) => name === '@headrace/core')!;
const copy = join(root, 'packages', 'core', 'src', 'copy.ts');
const told = readFileSync(copy, 'utf8').replace(
  /^ {2}version: '.*',$/m,
  `  version: '${core.version}',`,
);
writeFileSync(copy, told);

const day = new Date().toISOString().slice(0, 10);
for (const [index, { name, version, before: old }] of packages.entries()) {
  const isKernel = kernel.includes(name);
  if (version === old || (isKernel && name !== core.name)) continue;
  const names = isKernel ? kernel : [name];
  const entries = changesets.filter((text) => isAbout(text, names));
  const because = reasons.get(name) ?? [];
  const needed = packages.filter((one) => because.includes(one.name));
  const needs = needed.map((one) => `\`${one.name}\` ${one.version}`).join(', ');
  if (needs !== '') entries.push(`**Breaking:** Needs ${needs}. Update them together.`);
  const file = join(root, isKernel ? '.' : folders[index]!, 'CHANGELOG.md');
  const list = changelogSection(version, day, entries);
  if (isKernel && notes !== undefined) {
    const details = `changes/${version}.md`;
    writeFileSync(join(root, details), `# All changes of the kernel\n\n${list}\n`);
    rmSync(notesFile);
    addSection(file, name, notesSection(version, day, notes, details));
  } else addSection(file, name, list);
  console.log(`${isKernel ? 'the kernel' : name} ${version}: ${entries.length} entries`);
}
console.log(
  'review, commit, and tag each version: v1.2.3 for the kernel, folder@1.2.3 for the others',
);

function addSection(file: string, name: string, section: string): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : `# Changelog of ${name}\n`;
  const first = text.indexOf('\n## ');
  const at = first === -1 ? text.length : first;
  writeFileSync(file, `${text.slice(0, at)}\n${section}\n${text.slice(at)}`);
}

function versionIn(manifest: string): string {
  return VERSION.exec(manifest)![1]!;
}

function nameIn(manifest: string): string {
  const { name }: { name: string } = JSON.parse(manifest);
  return name;
}

/** The packages of the workspace that users of a package get with it. The templates' packages are dependencies of tests. */
function neededBy(manifest: string): string[] {
  const { name, dependencies, peerDependencies, devDependencies } = JSON.parse(manifest);
  const templates = name === 'create-headrace' ? devDependencies : {};
  const all = Object.entries({ ...dependencies, ...peerDependencies, ...templates });
  return all.filter(([, range]) => range === 'workspace:^').map(([needed]) => needed);
}
