import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkBorder } from '../check-border.ts';
import { describeProblem } from '../problem.ts';
import type { Files } from '../workspace.ts';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

const PAGE = 'docs/decisions/0094-the-contracts-of-the-kernel-are-recorded.md';
const CORE = 'api/core.api.md';
const AUTHORING = 'api/core.authoring.api.md';

const PACKAGES = {
  '.changeset/config.json': { fixed: [['headrace', '@headrace/core', '@headrace/codec']] },
  'packages/core/package.json': {},
  'packages/cluster/package.json': {},
  'packages/cluster/src/presence/presence.ts': '',
  'packages/cluster/src/group/group.ts': '',
  'packages/cluster/src/wire/wire.ts': '',
  'packages/core/src/group/group.ts': '',
  'packages/tabs/package.json': {},
};
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const found = (files: Files): string[] =>
  checkBorder(tree({ ...PACKAGES, [CORE]: '', ...files })).problems.map(describeProblem);

describe('what the entries of the kernel promise', () => {
  const reports = Object.fromEntries(
    readdirSync(join(root, 'api')).map((file) => [`api/${file}`, read(`api/${file}`)]),
  );
  const page = read(PAGE);
  const now: Readonly<Record<string, string>> = { ...reports, [PAGE]: page };

  it('is recorded', () => {
    expect(found(now)).toEqual([]);
  });

  it.each([
    [
      'a member of a class that is gone',
      AUTHORING,
      /(class KeptInput \{[^}]*?)\n {4}beginCall[^\n]*/,
      '$1',
    ],
    [
      'a method of a class that a property shows',
      CORE,
      /(class ReadMemory \{)/,
      '$1\n    one(): void;',
    ],
    ['a member that an interface demands', CORE, /(interface Listener \{)/, '$1\n    one: number;'],
    ['an option', CORE, /(interface ChannelOptions \{)/, '$1\n    readonly one?: number;'],
  ])('changes with a line in the page: %s', (_, report, before, after) => {
    const changed = { ...now, [report]: read(report).replace(before, after) };
    expect(changed[report]).not.toBe(reports[report]);
    const [problem = '', ...more] = found(changed);
    expect(problem).toContain(`${PAGE}: the page does not know ${report}`);
    expect(more).toEqual([]);
    const [, line = ''] = /add "(.*): what/.exec(problem) ?? [];
    const withLine = (text: string): string => page.replace('\n- ', () => `\n${line}${text}\n- `);
    expect(found({ ...changed, [PAGE]: withLine(': an example needs it.') })).toEqual([]);
    // A digest without a reason is no record, and neither is one below that of a later change.
    for (const text of ['', ':', ':\n']) {
      expect(found({ ...changed, [PAGE]: withLine(text) })).toEqual([problem]);
    }
    const below = `${page}${line}: an example needs it.\n`;
    expect(found({ ...changed, [PAGE]: below })).toEqual([problem]);
  });

  it('begins and ends with a line', () => {
    expect(found({ ...now, 'api/codec.new.api.md': 'one' })).toEqual([
      expect.stringContaining('the page does not know api/codec.new.api.md'),
    ]);
    const { [CORE]: _, ...rest } = now;
    expect(found({ ...rest, [CORE]: '' })).toHaveLength(1);
    const gone = tree({ ...PACKAGES, ...rest });
    expect(checkBorder(gone).problems.map(describeProblem)).toEqual([
      expect.stringContaining('- `core` gone: what changed'),
    ]);
  });

  it('is not that of products', () => {
    expect(found({ ...now, 'api/cluster.api.md': 'one', 'api/cored.api.md': 'one' })).toEqual([]);
  });
});

describe('a source of the kernel', () => {
  const page = { [PAGE]: '', 'packages/codec/package.json': {} };
  const named = (line: string, file = 'packages/codec/src/one.ts'): string[] =>
    found({ ...page, [file]: `\n${line}` }).flatMap(
      (problem) => /one\.ts:2: the kernel does not know "(.*)":/.exec(problem)?.[1] ?? [],
    );

  it.each([
    ["// as of '@headrace/cluster'", 'cluster'],
    ['// whether clusters have it', 'clusters'],
    ['export class ClusterGroup {}', 'Cluster'],
    ['const newCluster = 1;', 'Cluster'],
    ["const code = 'CLUSTER_DOWN';", 'CLUSTER'],
    ['// for presence', 'presence'],
    ['// Tabs need it.', 'Tabs'],
    ['const perPeer = 1;', 'perPeer'],
  ])('does not name a package above it or a folder of one: %s', (line, word) => {
    expect(named(line)).toEqual([word]);
  });

  it.each([
    'const group = 1;',
    "// the wire's bytes",
    '// white space: a tab',
    "await import('node:cluster');",
    'const clustered = 1;',
    "// '@headrace/core'",
  ])('names what is its own, a term of the field, or another word: %s', (line) => {
    expect(named(line)).toEqual([]);
  });

  it('is one of core, codec or handlers', () => {
    expect(named('// rpc and cluster', 'packages/tabs/src/one.ts')).toEqual([]);
    expect(named('// for the cluster', 'packages/handlers/src/one.ts')).toEqual(['cluster']);
  });
});

describe('what core has for authors of packages', () => {
  const found = (files: Files): string[] =>
    checkBorder(tree({ ...PACKAGES, [CORE]: '', [PAGE]: '', ...files })).problems.flatMap(
      ({ message }) => (message.startsWith('only') ? [message] : []),
    );
  const use = (names: string): string => `import { ${names} } from '@headrace/core/authoring';`;
  const files = {
    'packages/core/src/authoring.ts':
      "export { mark, isMarked, type Mark } from './drain/mark.ts';",
    'packages/core/src/drain/mark.ts': 'export const mark = isMarked; // Mark',
    'packages/core/src/browser/mark.ts': 'export const mark = isMarked;',
    'packages/cluster/src/one.ts': use('mark'),
    'packages/cluster/src/two.ts': use('isMarked'),
  };

  it('is not for one product alone', () => {
    expect(found(files)).toEqual(['only cluster uses what drain/mark.ts has: it belongs there']);
  });

  it.each([
    ['core itself', 'packages/core/src/channel.ts', 'isMarked()'],
    ['another product, which has the other half', 'packages/tabs/src/one.ts', use('type Mark')],
    ['nobody', 'packages/cluster/src/two.ts', ''],
  ])('is for %s, too', (_, file, text) => {
    const one = text === '' ? { 'packages/cluster/src/one.ts': '' } : {};
    expect(found({ ...files, ...one, [file]: text })).toEqual([]);
  });
});
