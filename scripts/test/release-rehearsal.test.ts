// The next release, written in a copy: what a maintainer would find on the day.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needsNotes, sectionOf } from '../release/changelog.ts';
import { releaseUnits } from '../release/units.ts';
import { changesetsIn, writeVersions } from '../release/versions.ts';
import { foldersIn } from '../source-file.ts';
import { readManifest, root, temporaryFolder, writeFiles } from '../workspace.ts';

const DAY = '2026-12-01';

/** What the versions are made of. */
function copyTo(folder: string): void {
  const packages = foldersIn(root, 'packages');
  const parts = [
    ...['.changeset', 'changes', 'CHANGELOG.md', 'package.json', 'pnpm-workspace.yaml'],
    ...packages.flatMap((name) => [`${name}/package.json`, `${name}/CHANGELOG.md`]),
    'packages/core/src/copy.ts',
  ];
  for (const part of parts) {
    const from = join(root, part);
    if (existsSync(from)) cpSync(from, join(folder, part), { recursive: true });
  }
}

const changeset = (name: string, lines: number): string =>
  `---\n'${name}': minor\n---\n\n${'A change.\n'.repeat(lines)}`;

describe('the next release', () => {
  test('has versions, changelogs that one reads, and tags', () => {
    using copy = temporaryFolder();
    copyTo(copy.path);
    const waiting = changesetsIn(copy.path).length;
    // Right after a release there is nothing to rehearse with.
    if (waiting === 0) {
      writeFiles(copy.path, { '.changeset/a-change.md': changeset('@headrace/core', 1) });
    }
    const before = new Map(releaseUnits(copy.path).map(({ name, version }) => [name, version]));
    const released = writeVersions(copy.path, DAY);
    expect(changesetsIn(copy.path)).toEqual([]);
    expect(existsSync(join(copy.path, 'changes/next.md'))).toBe(false);
    for (const { name, version, tag, changelog } of released) {
      expect(version, name).not.toBe(before.get(name));
      expect(tag).toMatch(/^(?:v|[a-z-]+@)\d+\.\d+\.\d+$/);
      const text = readFileSync(join(copy.path, changelog), 'utf8');
      expect(text).toContain(`## ${version} (${DAY})`);
      const section = sectionOf(text, version);
      expect(section, name).not.toBe('');
      expect(needsNotes(section), `${changelog} has ${section.split('\n').length} lines`).toBe(
        false,
      );
      for (const [, link] of section.matchAll(/\]\(([^):]*)\)/g)) {
        const target = join(dirname(changelog), link!);
        const isThere = [root, copy.path].some((folder) => existsSync(join(folder, target)));
        expect(isThere, `${changelog}: ${link}`).toBe(true);
      }
    }
    const [kernel] = releaseUnits(copy.path);
    for (const folder of foldersIn(copy.path, 'packages')) {
      const { name, version } = readManifest(join(copy.path, folder));
      if (kernel!.names.includes(name)) expect(version, name).toBe(kernel!.version);
      // Only the version changes: the ranges of our packages are as they were.
      const [now, old] = [copy.path, root].map((of) =>
        readFileSync(join(of, folder, 'package.json'), 'utf8'),
      );
      expect(now!.replace(/"version": ".*"/, ''), basename(folder)).toBe(
        old!.replace(/"version": ".*"/, ''),
      );
    }
    expect(readFileSync(join(copy.path, 'packages/core/src/copy.ts'), 'utf8')).toContain(
      `version: '${kernel!.version}'`,
    );
  });

  test.each<[what: string, files: Record<string, string>, error: string]>([
    [
      'many changes without a text',
      { '.changeset/many.md': changeset('@headrace/bus', 60), 'changes/next.md': 'The kernel.\n' },
      'write what is new in changes/next.md for @headrace/bus',
    ],
    [
      'a text about no package',
      {
        '.changeset/one.md': changeset('@headrace/bus', 1),
        'changes/next.md': '## @headrace/bsu\n\nNew.\n',
      },
      'changes/next.md is about @headrace/bsu: no package',
    ],
    ['no changesets', {}, 'no changesets in .changeset: nothing to release'],
  ])('is refused with %s, and nothing is written', (_what, files, error) => {
    using copy = temporaryFolder();
    const manifests = foldersIn(root, 'packages').map((folder) => `${folder}/package.json`);
    for (const part of [...manifests, '.changeset/config.json']) {
      cpSync(join(root, part), join(copy.path, part));
    }
    writeFiles(copy.path, files);
    const before = releaseUnits(copy.path);
    expect(() => writeVersions(copy.path, DAY)).toThrow(error);
    expect(releaseUnits(copy.path)).toEqual(before);
    for (const [file, text] of Object.entries(files)) {
      expect(readFileSync(join(copy.path, file), 'utf8')).toBe(text);
    }
  });
});
