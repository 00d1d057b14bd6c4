// The steps of the gate, and those that only the full run has.
import { locateMutants } from '../mutants/located.ts';
import { filesBelow, foldersIn } from '../source-file.ts';
import { dependenciesOf, foldersOfFixtures, root } from '../workspace.ts';
import type { Step } from './step.ts';

type Command = Step['command'];
const npm = (script: string, ...args: string[]): Command => {
  const rest = args.length === 0 ? [] : ['--', ...args];
  return ['npm', 'run', '--silent', script, ...rest];
};
const script = (file: string, ...args: string[]): Command => {
  const loader = ['--conditions=@headrace/source', '--import', './scripts/register.mjs'];
  return [process.execPath, ...loader, `scripts/${file}`, ...args];
};
const MINUTES = 60_000;

/** Waits for the network while the first checks compute. */
export const prefetch = (what: 'gate' | 'everything'): Step => ({
  name: 'prefetch',
  about: 'what later steps take from the network',
  command: script('ci/prefetch.ts', what),
});

/** The checks of the sources, in the order of what is cheap and found often. */
const SOURCES = [
  'lint',
  'promises',
  'types',
  'type-fails',
  'layers',
  'mutants',
  'dead',
  'contract',
];
const sources: readonly Step[] = [
  {
    name: 'sources',
    about: 'format, types, layers, dead code, the public API, the walk, the workflows',
    command: npm('check', ...SOURCES, 'api', 'walk', 'workflows'),
  },
];
const pack: Step = {
  name: 'pack',
  about: 'all packages built and packed once, for the steps that follow',
  command: npm('pack:all'),
};

/** What a new user does, with nothing but what is committed. */
const freshClone = (clone: string): Step[] => [
  {
    name: 'start',
    about: 'npm start in a fresh clone',
    command: script('check-start.ts', clone),
    limitMs: 6 * MINUTES,
    isAlone: true,
  },
  {
    name: 'test',
    about: 'npm test in that clone',
    command: ['npm', 'test'],
    rerun: ['npm', 'test', '--'],
    folder: clone,
  },
];
const smoke: Step = {
  name: 'smoke',
  about: 'real parts, one each: Chromium, NATS, Redis, TLS, a proxy, Netty',
  command: npm('test:smoke'),
  rerun: [...npm('test:smoke'), '--'],
  limitMs: 10 * MINUTES,
};

/**
 * Outcomes and counts only, the same on a busy machine, in a quarter of an hour.
 *
 * @param clone - a folder with a clone of HEAD
 */
export function gateSteps(clone: string): Step[] {
  return [
    ...sources,
    pack,
    {
      name: 'docs',
      about: 'links, samples, defaults, prose',
      command: npm('check', 'docs', 'prose'),
      isBeside: true,
    },
    { name: 'site', about: 'its pages', command: npm('check:site', '--pages'), isBeside: true },
    {
      name: 'fuzz',
      about: 'twelve rounds of the same seed',
      command: npm('fuzz', '600', '--rounds', '12', '--seed', '1'),
      isBeside: true,
    },
    {
      name: 'packages',
      about: 'the tarballs as an installed package',
      command: npm('check:packages', '--gate'),
    },
    { name: 'templates', about: 'two of them', command: npm('check:templates', '--gate') },
    { name: 'nodes', about: 'the newest Node', command: npm('check:nodes', '--gate') },
    { name: 'runtimes', about: 'trials on Bun and Deno', command: npm('check:runtimes', '--gate') },
    ...freshClone(clone),
    smoke,
    {
      name: 'cost',
      about: 'what work costs, in counts that no load changes',
      command: npm('cost', '--gate'),
    },
    {
      name: 'mutants',
      about: 'guards of the files that the change touches',
      command: npm('check:mutants', '--changed', 'origin/main'),
    },
  ];
}

/** What runs a test, whatever it tests. */
const RUNS_TESTS = [
  'package.json',
  'pnpm-lock.yaml',
  'tsconfig.base.json',
  'vitest*.ts',
  'scripts/*.mjs',
  'scripts/vitest*',
];
const SOURCES_AND_TESTS = [...RUNS_TESTS, 'packages', 'scripts', 'examples'];

/** The folders, those of all packages that they import, and those whose fixtures their tests use. */
function withDependencies(...folders: string[]): string[] {
  const all = folders.flatMap((folder) => [folder, ...foldersOfFixtures(root, folder)]);
  return [...new Set(all.flatMap((folder) => [folder, ...dependenciesOf(root, folder)]))].sort();
}

/** The tests of a kind, a step for each package that has some: a package that did not change waits for nobody. */
function slicesOf(kind: 'heavy', step: Omit<Step, 'name' | 'command'>): Step[] {
  const has = (folder: string): boolean =>
    filesBelow(root, `${folder}/test`, [`.${kind}.test.ts`]).length > 0;
  const slice = (name: string, folder: string, inputs: string[]): Step => ({
    ...step,
    name: `${kind}-${name}`,
    slice: kind,
    inputs: [...RUNS_TESTS, ...inputs],
    command: npm(`test:${kind}`, `${folder}/`),
    rerun: [...npm(`test:${kind}`), '--'],
  });
  const packages = foldersIn(root, 'packages').filter(has);
  return [
    ...packages.map((folder) =>
      slice(folder.replace('packages/', ''), folder, withDependencies(folder)),
    ),
    slice('examples', 'examples', ['examples', 'packages', 'benchmarks']),
    slice('scripts', 'scripts', ['.']),
  ];
}

/** A step for each list of mutants: its sources and tests are of few packages. */
function mutantSlices(): Step[] {
  const folders = new Map<string, Set<string>>();
  for (const { list, sourceFile, testFile } of locateMutants(root).located) {
    if (!folders.has(list)) folders.set(list, new Set());
    for (const file of [sourceFile, testFile]) {
      folders.get(list)!.add(file.split('/').slice(0, 2).join('/'));
    }
  }
  return [...folders].map(([list, of]) => ({
    name: `mutants-${list}`,
    slice: 'all-mutants',
    about: `every guard in the list of ${list}`,
    command: npm('check:mutants', list),
    inputs: [
      ...RUNS_TESTS,
      ...['scripts/mutants/*.ts', `scripts/mutants/${list}.txt`],
      ...withDependencies(...of),
    ],
    limitMs: 40 * MINUTES,
  }));
}

/** Everything else: figures, minutes, thousands of seeds, all Nodes and runtimes. */
export function otherSteps(): Step[] {
  const firstSeed = 1 + Math.floor((Date.now() - Date.UTC(2026, 0)) / 86_400_000) * 10_000;
  return [
    ...slicesOf('heavy', {
      about: 'real time, real servers, figures',
      limitMs: 30 * MINUTES,
    }),
    {
      name: 'seeds',
      about: 'thousands of simulated networks, new ones each day',
      command: npm('test:seeds'),
      env: { FIRST_SEED: String(firstSeed) },
      inputs: 'new each time',
      limitMs: 90 * MINUTES,
    },
    {
      name: 'conformance',
      about: 'PROXY headers as the real Netty reads them, new ones each day',
      command: npm('conformance:fresh', String(firstSeed)),
      inputs: 'new each time',
    },
    ...mutantSlices(),
    {
      name: 'stryker',
      about: 'conditions that no test notices, in sources of the last week: a list to read',
      command: npm('mutate', '--days', '7', '--minutes', '12'),
      inputs: ['packages'],
      limitMs: 40 * MINUTES,
    },
    { name: 'all-costs', about: 'the whole table of costs', command: npm('check', 'cost') },
    { name: 'all-packages', about: 'bundlers, installs', command: npm('check:packages') },
    {
      name: 'products',
      about: 'their tests with the packed kernel',
      command: npm('check:products'),
      inputs: SOURCES_AND_TESTS,
    },
    { name: 'release', about: 'what is published', command: npm('check:release') },
    { name: 'all-templates', about: 'every template', command: npm('check:templates') },
    {
      name: 'all-nodes',
      about: 'tests on other Nodes',
      command: npm('check:nodes'),
      inputs: SOURCES_AND_TESTS,
    },
    {
      name: 'typescripts',
      about: 'samples and misfits with TypeScript 5.4, 5.9 and 6',
      command: npm('check:typescripts'),
    },
    {
      name: 'all-runtimes',
      about: 'tests on Bun and Deno',
      command: npm('check:runtimes'),
      inputs: SOURCES_AND_TESTS,
    },
    {
      name: 'all-site',
      about: 'built for two bases, searched, in Chromium',
      command: npm('check:site'),
      limitMs: 40 * MINUTES,
    },
    {
      name: 'long-fuzz',
      about: 'ten minutes of it',
      command: npm('fuzz', '600'),
      inputs: SOURCES_AND_TESTS,
    },
  ];
}
