// `npm run release:version`: turns the changesets into the next version of all packages and one section of
// CHANGELOG.md. (Changesets' own changelogs, one per package, would repeat each other.)
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { changelogSection } from './release/changelog.ts';
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

// For changesets, a new minor of a peer dependency is a breaking change of the package that has it: from 0.1.0 it would
// go to 1.0.0. All our packages have one version, so no range between them decides anything: they are hidden from it.
const OURS = /^ *"(headrace|@headrace\/[a-z]+)": "workspace:\^",?\n/gm;
const LAST_COMMA = /,(\s*\})/g;
const VERSION = /^ {2}"version": ".*",$/m;
const manifests = foldersIn(root, 'packages').map((name) => join(root, name, 'package.json'));
const before = manifests.map((path) => readFileSync(path, 'utf8'));
try {
  for (const [index, path] of manifests.entries()) {
    writeFileSync(path, before[index]!.replaceAll(OURS, '').replaceAll(LAST_COMMA, '$1'));
  }
  execFileSync(join(root, 'node_modules', '.bin', 'changeset'), ['version'], {
    cwd: root,
    stdio: 'inherit',
  });
} finally {
  for (const [index, path] of manifests.entries()) {
    const [version = ''] = VERSION.exec(readFileSync(path, 'utf8')) ?? [];
    writeFileSync(path, before[index]!.replace(VERSION, version));
  }
}
const core = readFileSync(join(root, 'packages', 'core', 'package.json'), 'utf8');
const { version }: { version: string } = JSON.parse(core);
const copy = join(root, 'packages', 'core', 'src', 'copy.ts');
const told = readFileSync(copy, 'utf8').replace(
  /^ {2}version: '.*',$/m,
  `  version: '${version}',`,
);
writeFileSync(copy, told);
const changelog = join(root, 'CHANGELOG.md');
const text = readFileSync(changelog, 'utf8');
const section = changelogSection(version, new Date().toISOString().slice(0, 10), changesets);
const first = text.indexOf('\n## ');
const at = first === -1 ? text.length : first;
writeFileSync(changelog, `${text.slice(0, at)}\n${section}\n${text.slice(at)}`);
console.log(
  `version ${version}: ${changesets.length} entries in CHANGELOG.md; review, commit, tag v${version}`,
);
