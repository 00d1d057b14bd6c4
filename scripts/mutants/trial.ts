// The child of `npm run check:mutants`: one warm vitest. Each message is a test file and a source to replace, or none.
import { createVitest, type TestModule } from 'vitest/node';
import { configuration, testsNamed } from '../../vitest.config.ts';

/** Run `test` while `file` reads as `source`; both are absolute paths. */
export interface Trial {
  readonly test: string;
  readonly file?: string;
  readonly source?: string;
}

/** The name of the first test that failed and its error; undefined if all passed. */
export interface TrialResult {
  readonly failed?: string;
}

let trial: Trial | undefined;

const { test: options, ...shared } = configuration({ include: testsNamed('.test.ts') });
const vitest = await createVitest(
  'test',
  { ...options, config: false, watch: false, reporters: [{}], bail: 1, testTimeout: 10_000 },
  {
    ...shared,
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform: (_code, id) => (id === trial?.file ? trial.source : undefined),
      },
    ],
  },
);
await vitest.standalone();

function firstFailure(module: TestModule): string | undefined {
  for (const test of module.children.allTests('failed')) {
    return `${test.fullName}: ${test.result().errors?.[0]?.message.split('\n', 1)[0]}`;
  }
  return module.ok() ? undefined : `${module.errors()[0]?.message ?? 'the file could not be run'}`;
}

async function run(): Promise<TrialResult> {
  const { test, file } = trial!;
  if (file !== undefined) vitest.invalidateFile(file);
  const all = await vitest.globTestSpecifications([test]);
  const specifications = all.filter(({ moduleId }) => moduleId === test);
  if (specifications.length === 0) return { failed: 'no test of `npm test`' };
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  if (file !== undefined) vitest.invalidateFile(file);
  const failed = testModules
    .filter(({ moduleId }) => moduleId === test)
    .map(firstFailure)
    .find((name) => name !== undefined);
  const [error] = unhandledErrors;
  if (failed !== undefined || error === undefined) return failed === undefined ? {} : { failed };
  return { failed: String(error instanceof Error ? error.message : error) };
}

process.on('message', async (message: Trial) => {
  trial = message;
  process.send!(await run());
});
process.on('disconnect', () => process.exit());
process.send!({});
