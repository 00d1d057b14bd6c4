import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';

const folders = ['packages/*/test/**', 'examples/*/test/**', 'scripts/test/**'];

export const testsNamed = (suffix: string): string[] =>
  folders.map((folder) => `${folder}/*${suffix}`);

/** What the quick run and the heavy run share. */
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
      reporters: ['default', './scripts/vitest-summary.ts'],
      // Leak tests call globalThis.gc.
      execArgv: ['--expose-gc'],
      // Two cores run two files at a time; the default would leave one idle.
      maxWorkers: '100%',
      ...test,
    },
  });
}

const heavy = [...configDefaults.exclude, '**/*.heavy.test.ts', '**/*.seeds.test.ts'];
/** Without sockets, processes and mocks, and not about garbage: files that may share a worker's modules. */
const shared = ['codec', 'core', 'handlers', 'client', 'cluster'].map(
  (name) => `packages/${name}/test/**/*.test.ts`,
);
const apart = [
  '**/*.net.test.ts',
  '**/leak.test.ts',
  '**/pcap-writer.test.ts',
  '**/stall-watch.test.ts',
];

export default configuration({
  // For what hangs only: on a busy machine a property test of two seconds takes eight.
  testTimeout: 30_000,
  coverage: { provider: 'v8', include: ['packages/*/src/**'] },
  projects: [
    {
      extends: true,
      test: { name: 'shared', include: shared, exclude: [...heavy, ...apart], isolate: false },
    },
    {
      extends: true,
      test: {
        name: 'apart',
        include: testsNamed('.test.ts'),
        exclude: [
          ...heavy,
          'packages/{codec,core,handlers,client,cluster}/test/**/!(*.net|leak|pcap-writer|stall-watch).test.ts',
        ],
      },
    },
  ],
});
