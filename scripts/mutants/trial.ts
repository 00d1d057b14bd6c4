// The child of `npm run check:mutants`: one warm vitest. Each message is a test file and a source to replace, or none.
import { createVitest, type TestModule } from 'vitest/node';
import { configuration, testsNamed } from '../../vitest.config.ts';

/** Run `test` while `file` reads as `source`; both are absolute paths. */
export interface Trial {
  readonly test: string;
  /** The process is ended after this time; a test that waits fails before. */
  readonly limitMs: number;
  readonly file?: string;
  readonly source?: string;
}

/** Nothing, if all tests passed. */
export interface TrialResult {
  /** The name of the first test that failed, and its error. */
  readonly failed?: string;
  /** The error, if no test could be run: the mutant is no program. */
  readonly broken?: string;
}

/** The part of the limit that one test has: its name is in the report then, and the process goes on. */
const TEST_PART = 0.7;

let trial: Trial | undefined;

const { test: options, ...shared } = configuration({ include: testsNamed('.test.ts') });
const vitest = await createVitest(
  'test',
  { ...options, config: false, watch: false, reporters: [{}], bail: 1 },
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

function resultOf(module: TestModule | undefined, [unhandled]: readonly unknown[]): TrialResult {
  if (module === undefined) return { broken: 'no file of `npm test`' };
  for (const test of module.children.allTests('failed')) {
    const [error] = test.result().errors ?? [];
    return { failed: `${test.fullName}: ${error?.message.split('\n', 1)[0]}` };
  }
  if (unhandled !== undefined) return { failed: `unhandled: ${(unhandled as Error).message}` };
  return module.ok() ? {} : { broken: module.errors()[0]?.message ?? 'no test ran' };
}

async function run(): Promise<TrialResult> {
  const { test, file, limitMs } = trial!;
  for (const { config } of vitest.projects) config.testTimeout = Math.round(TEST_PART * limitMs);
  if (file !== undefined) vitest.invalidateFile(file);
  const all = await vitest.globTestSpecifications([test]);
  const specifications = all.filter(({ moduleId }) => moduleId === test);
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  if (file !== undefined) vitest.invalidateFile(file);
  const module = testModules.find(({ moduleId }) => moduleId === test);
  return resultOf(module, unhandledErrors);
}

process.on('message', async (message: Trial) => {
  trial = message;
  process.send!(await run());
});
process.on('disconnect', () => process.exit());
process.send!({});
