import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgePage } from '../packages/page-budgets.ts';
import { judgeCost, judgeSize } from '../release/budget.ts';
import {
  changelogSection,
  isAbout,
  isUnderstated,
  needsNotes,
  notesSection,
  readNotes,
  sectionOf,
} from '../release/changelog.ts';
import { type ReleasedPackage, raiseDependents } from '../release/dependents.ts';
import { licenseProblems } from '../release/installed.ts';
import { ofPackage, type Sbom } from '../release/sbom.ts';
import { contentProblems } from '../release/tarball.ts';
import { foldersIn } from '../source-file.ts';
import { readManifest, root } from '../workspace.ts';

const WHOLE = ['package.json', 'README.md', 'LICENSE', 'dist/a.js', 'dist/a.d.ts'];

describe('the contents of a tarball', () => {
  test('are the built files, the readme and the license', () => {
    expect(contentProblems(WHOLE)).toEqual([]);
  });

  test.each([
    ...['test/a.test.ts', '.env', 'dist/.tsbuildinfo', 'templates/a'],
    ...['src/a.ts', 'dist/a.js.map', 'dist/a.d.ts.map'],
  ])('may not hold %s', (path) => {
    expect(contentProblems([...WHOLE, path])).toEqual([`${path} must not be published`]);
  });

  test('may hold a folder that the package is about', () => {
    expect(contentProblems([...WHOLE, 'templates/a'], 'templates/')).toEqual([]);
  });

  test('have nothing of the three missing', () => {
    expect(contentProblems(['package.json', 'README.md'])).toEqual(['LICENSE is missing']);
  });
});

describe('the section of a version in the changelog', () => {
  const changeset = (text: string) => `---\n'@headrace/core': minor\n---\n\n${text}\n`;

  test('has its day, and what breaks first', () => {
    const section = changelogSection('0.3.0', '2026-12-01', [
      changeset('A channel has a name.'),
      changeset('Groups are faster.\n\n**Breaking:** `add` → `join`.'),
    ]);
    expect(section).toBe(
      [
        ...['## 0.3.0 (2026-12-01)', '', '### Breaking', ''],
        ...['- Groups are faster.', '', '  **Breaking:** `add` → `join`.', ''],
        ...['### Also', '', '- A channel has a name.'],
      ].join('\n'),
    );
  });

  test('has no part without entries', () => {
    const section = changelogSection('0.3.1', '2026-12-02', [changeset('A fix.'), changeset('')]);
    expect(section).toBe('## 0.3.1 (2026-12-02)\n\n### Also\n\n- A fix.');
  });

  test('is written by hand if the list is too long to read', () => {
    const section = (entries: number) =>
      changelogSection('0.3.0', '2026-12-01', Array<string>(entries).fill('A fix.'));
    expect(needsNotes(section(46))).toBe(false);
    expect(needsNotes(section(47))).toBe(true);
    const notes = '1. Read [this](../a.md).';
    expect(notesSection('0.3.0', '2026-12-01', notes, 'changes/0.3.0.md')).toBe(
      '## 0.3.0 (2026-12-01)\n\n1. Read [this](a.md).\n\nAll changes: [changes/0.3.0.md](changes/0.3.0.md).',
    );
    const list = 'changes/bus-0.3.0.md';
    const ofPackage = notesSection('0.3.0', '2026-12-01', notes, list, '../../');
    expect(ofPackage).toContain('Read [this](../../a.md).');
    expect(ofPackage).toContain(`[${list}](../../${list})`);
  });

  test('has the text of its package', () => {
    const text = '### New\n\n- One.\n\n## @headrace/bus\n\nTwo.\n\nThree.\n';
    expect([...readNotes(text)]).toEqual([
      ['@headrace/bus', 'Two.\n\nThree.'],
      ['@headrace/core', '### New\n\n- One.'],
    ]);
    expect([...readNotes('')]).toEqual([]);
  });

  test('is found by its version', () => {
    const changelog =
      '# Changelog\n\n## 0.3.0 (2026-12-01)\n\nNew.\n\n## 0.2.0 (2026-01-01)\n\nOld.\n';
    expect(sectionOf(changelog, '0.3.0')).toBe('New.');
    expect(sectionOf(changelog, '0.2.0')).toBe('Old.');
    expect(sectionOf(changelog, '0.2')).toBe('');
  });

  test('breaks nothing in a patch', () => {
    const changeset = (level: string, text: string) =>
      `---\n'@headrace/core': ${level}\n---\n\n${text}\n`;
    expect(isUnderstated(changeset('patch', '**Breaking:** `add` → `join`.'))).toBe(true);
    expect(isUnderstated(changeset('minor', '**Breaking:** `add` → `join`.'))).toBe(false);
    expect(isUnderstated(changeset('patch', 'A fix.'))).toBe(false);
    const folder = join(root, '.changeset');
    const names = readdirSync(folder).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    );
    expect(names.filter((name) => isUnderstated(readFileSync(join(folder, name), 'utf8')))).toEqual(
      [],
    );
  });
});

test('a changeset is about the packages that its header names', () => {
  const changeset = "---\n'@headrace/gateway': minor\n---\n\nNot about '@headrace/core': at all.\n";
  expect(isAbout(changeset, ['@headrace/gateway'])).toBe(true);
  expect(isAbout(changeset, ['@headrace/core', '@headrace/gate'])).toBe(false);
});

test('no package is published from its folder', () => {
  for (const folder of foldersIn(root, 'packages')) {
    const { scripts }: { scripts?: Record<string, string> } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    );
    expect(scripts?.['prepublishOnly'], folder).toBe(
      'node ../../scripts/release/guard-publish.mjs',
    );
  }
  const guard = [join(root, 'scripts', 'release', 'guard-publish.mjs')];
  const runGuard = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, guard, { env, encoding: 'utf8' });
  expect(runGuard({}).status).toBe(1);
  expect(runGuard({}).stderr).toContain('npm run release:publish');
  expect(runGuard({ HEADRACE_RELEASE: '1' }).status).toBe(0);
});

test('every package is public, and says where provenance finds its source', () => {
  for (const folder of foldersIn(root, 'packages')) {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const url = 'git+https://github.com/headrace/headrace.git';
    expect(manifest.repository, folder).toEqual({ type: 'git', url, directory: folder });
    expect(manifest.publishConfig?.access, folder).toBe('public');
  }
  const workflow = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');
  const [, publish] = /^ {2}publish:\n([\s\S]*?)\n {2}\w+:/m.exec(workflow)!;
  expect(publish).toContain('id-token: write');
  expect(publish).toContain('environment: npm');
});

test('changesets name packages that exist', () => {
  const packages = foldersIn(root, 'packages').map(
    (folder) => readManifest(join(root, folder)).name,
  );
  const folder = join(root, '.changeset');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.md'))) {
    if (file === 'README.md') continue;
    const [, header = ''] =
      /^---\n([\s\S]*?)---/.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
    const names = [...header.matchAll(/^['"](.*)['"]: (?:major|minor|patch)$/gm)].map(
      ([, name]) => name,
    );
    expect(names.length, file).toBe(header.trim().split('\n').length);
    expect(packages, file).toEqual(expect.arrayContaining(names));
  }
});

describe('a release', () => {
  const released = (name: string, version: string, ...needs: string[]): ReleasedPackage => ({
    name,
    before: version.startsWith('1') || version.startsWith('2') ? '1.4.2' : '0.2.1',
    version,
    needs,
  });

  test('raises who needs a version that its range does not allow, and who needs that one', () => {
    const { packages, reasons } = raiseDependents([
      released('gateway', '0.2.1', 'cluster'),
      released('cluster', '0.2.2', 'core'),
      released('core', '0.3.0'),
      released('rpc', '0.4.0', 'core'),
    ]);
    expect(packages.map(({ version }) => version)).toEqual(['0.3.0', '0.3.0', '0.3.0', '0.4.0']);
    expect([...reasons]).toEqual([
      ['cluster', ['core']],
      ['gateway', ['cluster']],
    ]);
  });

  test('raises nobody for what a range allows', () => {
    const before = [released('cluster', '0.2.1', 'core'), released('core', '0.2.2')];
    expect(raiseDependents(before)).toEqual({ packages: before, reasons: new Map() });
    const stable = [released('cluster', '1.4.2', 'core'), released('core', '1.5.0')];
    expect(raiseDependents(stable).packages).toEqual(stable);
  });

  test('is a major version from 1.0 on', () => {
    const { packages } = raiseDependents([
      released('cluster', '1.4.2', 'core'),
      released('core', '2.0.0'),
    ]);
    expect(packages[0]!.version).toBe('2.0.0');
  });
});

describe('licenses', () => {
  const withLicense = (expression: string) => [
    { name: 'a', version: '1.0.0', licenses: expression === 'none' ? [] : [{ expression }] },
  ];

  test.each(['MIT', '(MIT OR GPL-3.0-only)', 'MIT AND ISC'])('%s is free', (license) => {
    expect(licenseProblems(withLicense(license))).toEqual([]);
    expect(licenseProblems([{ licenses: [{ license: { id: 'MIT' } }] }])).toEqual([]);
  });

  test.each(['GPL-3.0-only', 'MIT AND AGPL-3.0-only', 'none', 'SEE LICENSE IN FILE'])(
    '%s is not',
    (license) => {
      expect(licenseProblems(withLicense(license))).toHaveLength(1);
    },
  );
});

describe('a budget', () => {
  const budget = { packedKiB: 200, unpackedKiB: 900, packages: 2, installedKiB: 100, seconds: 5 };

  test('holds up to its number, and warns from one per cent below it', () => {
    const judge = (size: number) => judgeSize(size, 200, 'KiB', 'there');
    expect(judge(198)).toEqual({ problems: [], warnings: [] });
    const words = '199 KiB, its budget is 200 (there)';
    expect(judge(199)).toEqual({ problems: [], warnings: [words] });
    expect(judge(201).problems).toEqual(['201 KiB, its budget is 200 (there)']);
    expect(judgeCost({ ...budget, packedKiB: 201 }, budget).problems).toHaveLength(1);
    expect(judgeCost({ ...budget, unpackedKiB: 901 }, budget).problems).toHaveLength(1);
  });

  test('of a page tells what shows its modules, and none is missing', () => {
    expect(judgePage('a page', 100, 200)).toEqual({ problems: [], warnings: [] });
    const { problems } = judgePage('a page', 201, 200);
    expect(problems).toEqual([expect.stringContaining('201 bytes minified, its budget is 200')]);
    expect(problems).toEqual([expect.stringContaining('bench:pages -- --modules')]);
    expect(judgePage('a page', 1, undefined).problems).toHaveLength(1);
  });

  test('of what others decide is a warning', () => {
    expect(
      judgeCost(
        { packedKiB: 1, unpackedKiB: 1, packages: 3, installedKiB: 101, seconds: 6 },
        budget,
      ),
    ).toEqual({
      problems: [],
      warnings: [
        '3 packages, its budget is 2 (scripts/release/budgets.json)',
        '101 KiB installed, its budget is 100 (scripts/release/budgets.json)',
        '6 s to install, its budget is 5 (scripts/release/budgets.json)',
      ],
    });
    expect(judgeCost({ packedKiB: 1, unpackedKiB: 1 }, budget)).toEqual({
      problems: [],
      warnings: [],
    });
  });

  test('is demanded for each package', () => {
    expect(judgeCost(budget, undefined).problems).toHaveLength(1);
  });
});

test('a bill of materials is about the package, not about the project of the check', () => {
  const component = (name: string) => ({
    name,
    externalReferences: [{ type: 'distribution', url: 'file:/somewhere/a.tgz' }],
  });
  const sbom: Sbom = {
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'installed' } },
    components: [component('a'), component('b')],
  };
  const own = ofPackage(sbom, 'a');
  expect(own.metadata?.component?.name).toBe('a');
  expect(own.components?.map(({ name }) => name)).toEqual(['b']);
  expect(JSON.stringify(own)).not.toContain('file:');
  expect(() => ofPackage(sbom, 'c')).toThrow('no bill of materials of c');
});

describe('a manifest', () => {
  // Nothing in the gate runs a TypeScript that reads typesVersions, and npm test reads the sources.
  test.each(foldersIn(root, 'packages'))('says its entries three times alike: %s', (folder) => {
    const text = readFileSync(join(root, folder, 'package.json'), 'utf8');
    const { exports, publishConfig, typesVersions } = JSON.parse(text);
    const published = structuredClone(exports);
    const types: Record<string, string[]> = {};
    for (const [path, target] of Object.entries<Record<string, string>>(published)) {
      delete target['@headrace/source'];
      if (path !== '.' && target['types'] !== undefined) types[path.slice(2)] = [target['types']];
    }
    expect(publishConfig.exports ?? exports).toEqual(published);
    expect(typesVersions?.['*'] ?? {}).toEqual(types);
  });
});
