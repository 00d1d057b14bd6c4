// `npm run release:notes -- FOLDER [SBOM]`: for each version without a tag a folder with its name: `notes.md`, the section of the
// changelog, and the bills of materials of its packages. The release workflow makes a release, with its tag, of each.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sectionOf } from './release/changelog.ts';
import { sbomFileOf } from './release/sbom.ts';
import { releaseUnits } from './release/units.ts';
import { root, writeFiles } from './workspace.ts';

const [into, sboms] = process.argv.slice(2).map((path) => resolve(path));
if (into === undefined) {
  console.error('usage: npm run release:notes -- FOLDER [SBOM]');
  process.exit(2);
}
const tags = execFileSync('git', ['tag'], { cwd: root, encoding: 'utf8' }).split('\n');
for (const { names, version, changelog, tag } of releaseUnits(root)) {
  const file = join(root, changelog);
  if (tags.includes(tag) || !existsSync(file)) continue;
  const folder = join(into, tag);
  writeFiles(folder, { 'notes.md': `${sectionOf(readFileSync(file, 'utf8'), version)}\n` });
  for (const name of sboms === undefined ? [] : names.map(sbomFileOf)) {
    copyFileSync(join(sboms!, name), join(folder, name));
  }
  console.log(tag);
}
