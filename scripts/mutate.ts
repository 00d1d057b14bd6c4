// `npm run mutate -- packages/bus/src/mesh/mesh-dialer.ts` lets Stryker break each condition, comparison and block of
// committed sources, and lists what no test of their package notices; `-- --days 7 --minutes 15`: of the sources that
// changed in a week, as many as fit into the time, the newest first. It works in a clone of HEAD.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withClone } from './ci/with-clone.ts';
import { must, run } from './program.ts';
import { Tally } from './tally.ts';
import { readManifest, root } from './workspace.ts';

const STRYKER = ['@stryker-mutator/core@9.5.1', '@stryker-mutator/vitest-runner@9.5.1'];
/** Texts, literals and arithmetic survive in the hundreds and say little; what stays is whether a guard is tested. */
const LEFT_OUT = [
  ...['ArithmeticOperator', 'ArrayDeclaration', 'ArrowFunction', 'AssignmentOperator'],
  ...['BooleanLiteral', 'MethodExpression', 'ObjectLiteral', 'OptionalChaining', 'Regex'],
  ...['StringLiteral', 'UnaryOperator', 'UpdateOperator'],
];

/** What is read of Stryker's report, the JSON of "mutation testing elements". */
interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}
interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number } };
}

const { values, positionals } = parseArgs({
  options: { days: { type: 'string' }, minutes: { type: 'string' } },
  allowPositionals: true,
});

async function changedFiles(days: string): Promise<string[]> {
  const log = [
    'log',
    `--since=${Number(days)}.days`,
    '--name-only',
    '--format=',
    '--diff-filter=AM',
  ];
  const { stdout } = await run('git', [...log, '--', 'packages/*/src/*.ts'], root);
  return [...new Set(stdout.split('\n').filter((line) => line !== ''))];
}

/** Tests run in threads, which know no options of Node's, with Vite's modules, which Stryker follows. */
const vitestConfig = (folder: string): string => `
import { configDefaults } from 'vitest/config';
import { configuration } from './vitest.config.ts';
const exclude = [...configDefaults.exclude, '**/*.{heavy,seeds,smoke}.test.ts', '**/*leak.test.ts'];
export default configuration({ include: ['${folder}/test/**/*.test.ts'], exclude, execArgv: [], testTimeout: 120_000 });
`;

async function mutate(clone: string, file: string): Promise<{ found: number; lives: string[] }> {
  const folder = file.split('/').slice(0, 2).join('/');
  writeFileSync(join(clone, 'vitest.mutate.config.ts'), vitestConfig(folder));
  const configuration = {
    testRunner: 'vitest',
    vitest: { configFile: 'vitest.mutate.config.ts', related: true },
    plugins: ['@stryker-mutator/vitest-runner'],
    mutate: [file],
    mutator: { excludedMutations: LEFT_OUT },
    inPlace: true,
    concurrency: availableParallelism(),
    coverageAnalysis: 'perTest',
    reporters: ['json'],
    jsonReporter: { fileName: 'mutation.json' },
  };
  writeFileSync(join(clone, 'stryker.conf.json'), JSON.stringify(configuration));
  await must('npx', ['stryker', 'run', 'stryker.conf.json'], clone);
  const report = JSON.parse(readFileSync(join(clone, 'mutation.json'), 'utf8')) as Report;
  const mutants = Object.values(report.files).flatMap((of) => of.mutants);
  const isFound = ({ status }: Mutant): boolean => status === 'Killed' || status === 'Timeout';
  const lives = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const shown = lives.map(({ status, replacement = '', location }) => {
    const text = replacement.replaceAll(/\s+/g, ' ').slice(0, 80);
    return `  ${file}:${location.start.line} ${text}${status === 'NoCoverage' ? ' (no test)' : ''}`;
  });
  return { found: mutants.filter(isFound).length, lives: shown };
}

const tally = new Tally((file) => `npm run mutate -- ${file}`);
const files = values.days === undefined ? positionals : await changedFiles(values.days);
if (files.length === 0) tally.report('mutants', [], 'no source changed');
const endsAt = performance.now() + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
await withClone(async (clone) => {
  await must(
    'node',
    ['-e', "import('./scripts/install.mjs').then((it) => it.installMissing())"],
    clone,
  );
  const pnpm = ['-y', readManifest(root).packageManager.replace(/\+.*/, '')];
  await must('npx', [...pnpm, 'add', '--workspace-root', '--save-dev', ...STRYKER], clone);
  for (const [at, file] of files.entries()) {
    if (performance.now() > endsAt) {
      console.log(`no time left for ${files.length - at} of ${files.length} files`);
      return;
    }
    await tally.step(file, async () => {
      const { found, lives } = await mutate(clone, file);
      console.log([...lives, `  ${found} of ${found + lives.length} found`].join('\n'));
    });
  }
});
tally.end('files');
