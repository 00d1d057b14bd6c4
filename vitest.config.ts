import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';

/** What the quick run and the heavy run share. */
export const shared: ViteUserConfig = {
  // Constructor injection needs legacy decorators with design:* metadata, in every file.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  // Run the packages' sources, never a build that may be old.
  ssr: {
    resolve: { conditions: ['@headrace/source', 'module', 'node', 'development|production'] },
  },
};

const tests = ['packages/*/test/**', 'examples/*/test/**', 'scripts/test/**'];

/** Options of `test` that both runs share. */
export const sharedTest = {
  setupFiles: ['scripts/vitest-setup.ts'],
  reporters: ['default', './scripts/vitest-summary.ts'],
  // Leak tests call globalThis.gc.
  execArgv: ['--expose-gc'],
} as const;

export const filesNamed = (suffix: string): string[] =>
  tests.map((folder) => `${folder}/*${suffix}`);

export default defineConfig({
  ...shared,
  test: {
    ...sharedTest,
    setupFiles: [...sharedTest.setupFiles],
    reporters: [...sharedTest.reporters],
    execArgv: [...sharedTest.execArgv],
    include: filesNamed('.test.ts'),
    exclude: [...configDefaults.exclude, '**/*.heavy.test.ts'],
    testTimeout: 10_000,
    coverage: { provider: 'v8', include: ['packages/*/src/**'] },
  },
});
