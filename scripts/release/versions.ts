// Turns the changesets into the next versions. The kernel has one version, and its section in CHANGELOG.md; each other package
// has its own, and its own changelog.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from '../source-file.ts';
import { root as workspace, writeFiles } from '../workspace.ts';
import { changelogSection, isAbout, needsNotes, notesSection, readNotes } from './changelog.ts';
import { type ReleasedPackage, raiseDependents } from './dependents.ts';
import { type ReleaseUnit, releaseUnits } from './units.ts';

/** What users read of a release that has many changes, written by hand. */
const NOTES = 'changes/next.md';
const VERSION = /^ {2}"version": "(.*)",$/m;

/** A unit with its new version. */
export interface Released extends ReleaseUnit {
  readonly entries: number;
}

/** The changesets that wait, in the order of their names. */
export function changesetsIn(root: string): string[] {
  const folder = join(root, '.changeset');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

/**
 * Writes versions and changelogs, and removes the changesets. Throws, with nothing written, where a text is missing that a
 * person has to write.
 *
 * @param day - day of the release, as in `2026-12-01`
 */
export function writeVersions(root: string, day: string): Released[] {
  const changesets = changesetsIn(root);
  if (changesets.length === 0) throw new Error('no changesets in .changeset: nothing to release');
  const file = join(root, NOTES);
  const notes = readNotes(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const before = releaseUnits(root);
  checkNotes(before, changesets, notes);

  const { packages, reasons } = raiseVersions(root);
  const released = releaseUnits(root).filter(({ version }, i) => version !== before[i]!.version);
  tellVersion(root, packages.find(({ name }) => name === '@headrace/core')!.version);
  rmSync(file, { force: true });
  return released.map((unit) => {
    const entries = changesets.filter((text) => isAbout(text, unit.names));
    const because = unit.names.flatMap((name) => reasons.get(name) ?? []);
    const needed = packages.filter(({ name }) => because.includes(name));
    const needs = needed.map((one) => `\`${one.name}\` ${one.version}`).join(', ');
    if (needs !== '') entries.push(`**Breaking:** Needs ${needs}. Update them together.`);
    writeChangelog(root, unit, changelogSection(unit.version, day, entries), day, notes);
    return { ...unit, entries: entries.length };
  });
}

function checkNotes(
  units: readonly ReleaseUnit[],
  changesets: readonly string[],
  notes: ReadonlyMap<string, string>,
): void {
  const missing = units.filter(({ name, names, version }) => {
    const entries = changesets.filter((text) => isAbout(text, names));
    return !notes.has(name) && needsNotes(changelogSection(version, '', entries));
  });
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    const how = `a paragraph below "## NAME", and the kernel's text first`;
    throw new Error(
      `more changes than one reads: write what is new in ${NOTES} for ${names} (${how})`,
    );
  }
  const unknown = [...notes.keys()].filter((name) => !units.some((unit) => unit.name === name));
  if (unknown.length > 0) throw new Error(`${NOTES} is about ${unknown.join(', ')}: no package`);
}

function raiseVersions(root: string): ReturnType<typeof raiseDependents> {
  // For changesets, a new minor of a peer dependency is a new major of the package that has it: from 0.1.0 it would go to
  // 1.0.0. So the ranges between our packages are hidden from it, and `raiseDependents` decides.
  const OURS = /^ *"(headrace|@headrace\/[a-z-]+)": "workspace:\^",?\n/gm;
  const LAST_COMMA = /,(\s*\})/g;
  const manifests = foldersIn(root, 'packages').map((name) => join(root, name, 'package.json'));
  const before = manifests.map((path) => readFileSync(path, 'utf8'));
  let result: ReturnType<typeof raiseDependents> = { packages: [], reasons: new Map() };
  try {
    for (const [index, path] of manifests.entries()) {
      writeFileSync(path, before[index]!.replaceAll(OURS, '').replaceAll(LAST_COMMA, '$1'));
    }
    const changeset = join(workspace, 'node_modules', '.bin', 'changeset');
    execFileSync(changeset, ['version'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    const versions = manifests.map((path) => versionIn(readFileSync(path, 'utf8')));
    const released = before.map(
      (text, index): ReleasedPackage => ({
        name: nameIn(text),
        before: versionIn(text),
        version: versions[index]!,
        needs: neededBy(text),
      }),
    );
    result = raiseDependents(released);
  } finally {
    for (const [index, path] of manifests.entries()) {
      const version = result.packages[index]?.version ?? versionIn(before[index]!);
      writeFileSync(path, before[index]!.replace(VERSION, `  "version": "${version}",`));
    }
  }
  return result;
}

/** Programs tell the version of core that they run with. */
function tellVersion(root: string, version: string): void {
  const file = join(root, 'packages', 'core', 'src', 'copy.ts');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/^ {2}version: '.*',$/m, `  version: '${version}',`));
}

function writeChangelog(
  root: string,
  { name, version, changelog, details }: ReleaseUnit,
  list: string,
  day: string,
  notes: ReadonlyMap<string, string>,
): void {
  const text = notes.get(name);
  if (text === undefined) {
    addSection(root, changelog, name, list);
    return;
  }
  writeFiles(root, { [details]: `# All changes of ${name} ${version}\n\n${list}\n` });
  const toRoot = '../'.repeat(changelog.split('/').length - 1);
  addSection(root, changelog, name, notesSection(version, day, text, details, toRoot));
}

function addSection(root: string, changelog: string, name: string, section: string): void {
  const file = join(root, changelog);
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
