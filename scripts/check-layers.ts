// Who may import whom, by dependency-cruiser. The floors stand in ARCHITECTURE.md, and are read from there: no second list.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownModule } from './own-project.ts';
import type { CheckResult } from './problem.ts';
import { run } from './program.ts';

/** What stands side by side, and imports lower floors, but none of `not`. */
interface Floor {
  readonly names: readonly string[];
  readonly not: readonly string[];
}

/** A rule of dependency-cruiser. */
export interface Rule {
  readonly name: string;
  readonly comment: string;
  readonly severity: 'error';
  readonly from: Readonly<Record<string, unknown>>;
  readonly to: Readonly<Record<string, unknown>>;
}

const PAGE = 'ARCHITECTURE.md';
const TOOLS = 'scripts/source-tools';
const SRC = '^packages/[^/]+/src/';
/** What tests of several packages need: `src only` keeps it out of the packages. */
const SHARED_FIXTURES = [
  'any-text',
  'bundled-program',
  'certificates',
  'bus-server',
  'credit-window',
  'cutting-proxy',
  'duplex-pair',
  'figure',
  'first-seed',
  'free-port',
  'function-options',
  'inbox',
  'numbered-delivery',
  'option-takers',
  'random',
  'seed',
  'server-process',
  'socket-clock',
  'written-and-read',
];
/** What tests of packages that are built on the cluster need of its tests. */
const CLUSTER_FIXTURES = [
  'envelope/raw-envelope',
  'help/virtual-nodes',
  'nodes',
  'option/clustered',
  'proof/bus-choice',
  'proof/bus-proxy',
  'proof/node-process',
  'proof/orders',
  'simulation/broker-log',
  'simulation/broker-state',
  'simulation/cluster-world',
  'simulation/member',
  'simulation/quick-seeds',
  'simulation/simulated-bus',
];

/** Rules without floors. */
const EVERYWHERE: readonly Rule[] = [
  rule('no cycle, types included', {}, { circular: true }),
  // Templates get the files that all programs share when a project is made of them.
  rule('what exists', { pathNot: '/create-headrace/templates/' }, { couldNotResolve: true }),
  rule(
    'other packages by their public entries',
    { path: '^(packages|examples)/([^/]+)/' },
    {
      path: '^(packages|examples)/',
      pathNot: [
        '^$1/$2/',
        `^packages/core/test/fixture/(?:${SHARED_FIXTURES.join('|')})\\.ts$`,
        `^packages/cluster/test/(?:${CLUSTER_FIXTURES.join('|')})\\.ts$`,
        '^packages/codec/test/(?:decoder-harness|held-memory)\\.ts$',
        '^packages/mqtt/test/mqtt5-packets\\.ts$',
        '^packages/bus/test/(?:bus/scripted-engine|fixture/relay)\\.ts$',
        '^packages/store/test/fixture/(?:engines|nats-cluster)\\.ts$',
        '^packages/simulation/test/fixture/explore-mistake\\.ts$',
        '^packages/client/test/retry/rolling-restart\\.ts$',
      ],
      dependencyTypes: ['local'],
    },
  ),
  rule(
    'src only',
    { path: '^packages/([^/]+)/src/' },
    { path: '^packages/(?:$1/(?!src/)|[^/]+/test/)' },
  ),
  rule(
    'not index.ts: the file that has it',
    { path: '^packages/([^/]+)/src/' },
    {
      path: ['^packages/$1/src/index\\.ts$', '^packages/$1/src/.+/index\\.ts$'],
    },
  ),
  rule(
    'the test kit is for tests',
    { path: '^packages/(?!(?:core|simulation)/)[^/]+/src/(?!testing/)' },
    {
      path: '^packages/core/src/testing/',
    },
  ),
];

function rule(name: string, from: Rule['from'], to: Rule['to'], comment = name): Rule {
  return { name, comment, severity: 'error', from, to };
}

/** By title: `packages`, or the name of a package. */
function floorsIn(page: string): Map<string, Floor[]> {
  const [, block] = /^```text floors\n([\s\S]*?)^```$/m.exec(page) ?? [];
  if (block === undefined) throw new Error(`${PAGE} has no block "text floors"`);
  const buildings = new Map<string, Floor[]>();
  let floors: Floor[] = [];
  for (const line of block.split('\n').filter((one) => one !== '')) {
    const [, names = '', not = ''] = /^ +([^,:]+)(?:, not ([^:]+))?(?::.*)?$/.exec(line) ?? [];
    if (names === '') {
      floors = [];
      buildings.set(line, floors);
    } else floors.push({ names: words(names), not: words(not) });
  }
  return buildings;
}

const words = (text: string): string[] =>
  text
    .trim()
    .split(/\s+/)
    .filter((one) => one !== '');
const escaped = (text: string): string => text.replaceAll('.', '\\.');

/** The pattern of a name, as `bus`, `errors.ts` or `*.ts+time`, without the names that stand for themselves in it. */
function patternOf(name: string, all: readonly string[]): string {
  const parts = name.split('+').map((part) => {
    if (part === '*.ts') {
      const named = all.filter((one) => /^[^/*]+\.ts$/.test(one)).map(escaped);
      return `(?!(?:${named.join('|')})$)[^/]+\\.ts$`;
    }
    if (part.endsWith('.ts')) return `${escaped(part)}$`;
    const within = all.filter((one) => one.startsWith(`${part}/`));
    const inner = within.map((one) => one.slice(part.length + 1)).map(escaped);
    const others = inner.map((one) => (one.endsWith('.ts') ? `${one}$` : `${one}/`)).join('|');
    return `${escaped(part)}/${others === '' ? '' : `(?!${others})`}`;
  });
  return parts.length === 1 ? parts[0]! : `(?:${parts.join('|')})`;
}

function rulesOfBuilding(title: string, floors: readonly Floor[]): Rule[] {
  const isPackages = title === 'packages';
  const base = isPackages ? '^packages/' : `^packages/${title}/src/`;
  const all = floors.flatMap(({ names }) => names.flatMap((name) => name.split('+')));
  const pattern = (name: string): string => (isPackages ? `${name}/src/` : patternOf(name, all));
  const rules = floors.flatMap(({ names, not }, height) =>
    names.map((name) => {
      const below = floors.slice(height + 1).flatMap((floor) => floor.names);
      const allowed = below.filter((one) => !not.includes(one));
      return rule(
        `${title}: ${name}`,
        { path: base + pattern(name) },
        {
          path: isPackages ? SRC : base,
          pathNot: `${base}(?:${[name, ...allowed].map(pattern).join('|')})`,
        },
        `${name} may import ${allowed.join(', ') || 'none of the others'}`,
      );
    }),
  );
  const known = floors.flatMap(({ names }) => names.map(pattern)).join('|');
  const path = isPackages ? SRC : `${base}.+/`;
  const homeless = { path, pathNot: `${base}(?:${known})` };
  return [...rules, rule(`${title}: no floor in ${PAGE}`, homeless, {})];
}

/** The rules that the floors of a page give. */
export function rulesOf(page: string): Rule[] {
  return [...floorsIn(page)].flatMap(([title, floors]) => rulesOfBuilding(title, floors));
}

export async function checkLayers(root: string): Promise<CheckResult> {
  const folder = join(root, '.tmp', 'layers');
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'rules.json');
  const forbidden = [...EVERYWHERE, ...rulesOf(readFileSync(join(root, PAGE), 'utf8'))];
  const options = {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['/dist/', '/public/'] },
    tsPreCompilationDeps: true,
    moduleSystems: ['es6', 'tsd'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@headrace/source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json', '.d.ts'],
    },
    skipAnalysisNotInRules: true,
  };
  writeFileSync(config, JSON.stringify({ forbidden, options }));
  const program = await ownModule(root, TOOLS, 'dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [program, '-c', config, '-T', 'err-long', 'packages', 'examples', 'benchmarks'];
  const { ok, output } = await run(process.execPath, args, root);
  if (!ok) return { problems: [{ message: output }], summary: '' };
  const [, counts = ''] = /\((.*) cruised\)/.exec(output) ?? [];
  return { problems: [], summary: `${counts} point down, no cycle` };
}
