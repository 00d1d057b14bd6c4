// The steps of the gate, and those that only the full run has.
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

/** Everything else: figures, minutes, thousands of seeds, all Nodes and runtimes. */
export function otherSteps(): Step[] {
  const firstSeed = 1 + Math.floor((Date.now() - Date.UTC(2026, 0)) / 86_400_000) * 10_000;
  return [
    {
      name: 'heavy',
      about: 'real time, real servers, figures',
      command: npm('test:heavy'),
      rerun: [...npm('test:heavy'), '--'],
      limitMs: 60 * MINUTES,
    },
    {
      name: 'seeds',
      about: 'thousands of simulated networks, new ones each day',
      command: npm('test:seeds'),
      env: { FIRST_SEED: String(firstSeed) },
      limitMs: 90 * MINUTES,
    },
    {
      name: 'conformance',
      about: 'PROXY headers as the real Netty reads them, new ones each day',
      command: npm('conformance:fresh', String(firstSeed)),
    },
    {
      name: 'all-mutants',
      about: 'every guard',
      command: npm('check:mutants'),
      limitMs: 60 * MINUTES,
    },
    { name: 'all-costs', about: 'the whole table of costs', command: npm('check', 'cost') },
    { name: 'all-packages', about: 'bundlers, installs', command: npm('check:packages') },
    {
      name: 'products',
      about: 'their tests with the packed kernel',
      command: npm('check:products'),
    },
    { name: 'release', about: 'what is published', command: npm('check:release') },
    { name: 'all-templates', about: 'every template', command: npm('check:templates') },
    { name: 'all-nodes', about: 'tests on other Nodes', command: npm('check:nodes') },
    {
      name: 'typescripts',
      about: 'samples and misfits with TypeScript 5.4, 5.9 and 6',
      command: npm('check:typescripts'),
    },
    { name: 'all-runtimes', about: 'tests on Bun and Deno', command: npm('check:runtimes') },
    {
      name: 'all-site',
      about: 'built for two bases, searched, in Chromium',
      command: npm('check:site'),
      limitMs: 40 * MINUTES,
    },
    { name: 'long-fuzz', about: 'ten minutes of it', command: npm('fuzz', '600') },
  ];
}
