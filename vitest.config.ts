import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';
import Summary from './scripts/vitest-summary.ts';

type TestOptions = NonNullable<ViteUserConfig['test']>;

const folders = ['packages/*/test/**', 'examples/*/test/**', 'scripts/test/**'];

export const testsNamed = (suffix: string): string[] =>
  folders.map((folder) => `${folder}/*${suffix}`);

/** Leak tests call `globalThis.gc`. */
const EXEC_ARGV = ['--expose-gc'];

const { bun, deno } = process.versions as Readonly<Record<string, string | undefined>>;
/** Other runtimes know other options, and the coverage of files that Node has loaded is not found. */
const needsVite = bun !== undefined || deno !== undefined || process.argv.includes('--coverage');

/**
 * Node loads the files itself, as for `npm start`. It takes a fifth less time than with Vite's modules, which look up each import at
 * each use. Not for tests with mocks and not for plugins.
 */
export const loadedByNode: TestOptions = needsVite
  ? {}
  : {
      execArgv: [
        ...EXEC_ARGV,
        '--conditions=@headrace/source',
        '--import',
        '@oxc-node/core/register',
        // In MiB. Many files in one process have a large heap, whose collection takes an eighth of the time by default.
        '--max-semi-space-size=64',
      ],
      experimental: { viteModuleRunner: false, nodeLoader: false },
    };

/** What all runs share. */
export function configuration(test: TestOptions): ViteUserConfig {
  return defineConfig({
    // Constructor injection needs legacy decorators with design:* metadata, in every file.
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    // Run the packages' sources, never a build that may be old.
    ssr: {
      resolve: { conditions: ['@headrace/source', 'module', 'node', 'development|production'] },
    },
    test: {
      setupFiles: ['scripts/vitest-setup.ts'],
      // A handler that keeps a view of a read, although it declares otherwise, sees a pattern instead of its bytes.
      env: { HEADRACE_OVERWRITE_READS: '1' },
      reporters: ['default', new Summary()],
      execArgv: EXEC_ARGV,
      // Two cores run two files at a time; the default would leave one idle.
      maxWorkers: '100%',
      // What is waited for comes late beside other work. `vi.waitFor` knows no such setting: it gives up after a second.
      expect: { poll: { timeout: 10_000 } },
      ...test,
    },
  });
}

const exclude = [...configDefaults.exclude, '**/*.{heavy,seeds,smoke}.test.ts'];
/** Their modules are mocked, or they count garbage: each has a worker of its own. */
const apart = [
  '**/core/test/channel/open-channel.test.ts',
  '**/leak.test.ts',
  '**/pcap-writer.test.ts',
  '**/stall-watch.test.ts',
  '**/client-in-a-page.test.ts',
  '**/way-store.test.ts',
  '**/scripts/test/function-options.test.ts',
];

export default configuration({
  // For what hangs only: beside other work a property test of four seconds takes forty.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  reporters: ['default', new Summary({ ownsTemporaryFiles: true })],
  // Two cores run three files at a time: a fifth of the time passes while a file waits for a socket or a process.
  maxWorkers: '150%',
  coverage: { provider: 'v8', include: ['packages/*/src/**'] },
  projects: [
    // Files that share a worker's modules: a file for itself would load them all anew.
    {
      extends: true,
      test: {
        name: 'shared',
        include: testsNamed('.test.ts'),
        exclude: [...exclude, ...apart],
        isolate: false,
        ...loadedByNode,
      },
    },
    // Behind them, because Vitest ends a shared worker when the next file is one of these.
    {
      extends: true,
      test: { name: 'apart', include: apart, exclude, sequence: { groupOrder: 1 } },
    },
  ],
});
