import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';

const folders = ['packages/*/test/**', 'examples/*/test/**', 'scripts/test/**'];

export const testsNamed = (suffix: string): string[] =>
  folders.map((folder) => `${folder}/*${suffix}`);

/** What all runs share. */
export function configuration(test: NonNullable<ViteUserConfig['test']>): ViteUserConfig {
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
      reporters: ['default', './scripts/vitest-summary.ts'],
      // Leak tests call globalThis.gc.
      execArgv: ['--expose-gc'],
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
      },
    },
    { extends: true, test: { name: 'apart', include: apart, exclude } },
  ],
});
