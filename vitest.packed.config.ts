import { createRequire } from 'node:module';
import { join } from 'node:path';
import { configDefaults, type ViteUserConfig } from 'vitest/config';
import { kernelPackages, productFolders } from './scripts/kernel.ts';
import { configuration } from './vitest.config.ts';

const root = import.meta.dirname;
const kernel = new RegExp(`^(?:${kernelPackages(root).join('|')})(?:/|$)`);
/** Where the packed packages are installed. */
const { resolve } = createRequire(join(root, 'scripts', '.tmp', 'packed.js'));

// The products as strangers would write them: with the kernel that is published. `npm run check:products` packs it first.
const config: ViteUserConfig = {
  ...configuration({
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: productFolders(root).map((folder) => `${folder}/test/**/*.test.ts`),
    exclude: [
      ...configDefaults.exclude,
      '**/*.{heavy,seeds,smoke}.test.ts',
      'packages/create-headrace/**',
    ],
  }),
  plugins: [
    {
      name: 'packed kernel',
      enforce: 'pre' as const,
      resolveId: (id: string) => (kernel.test(id) ? resolve(id) : undefined),
    },
  ],
};

export default config;
