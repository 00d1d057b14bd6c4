import { defineConfig } from 'vitest/config';
import { filesNamed, shared, sharedTest } from './vitest.config.ts';

// Thousands of connections, memory, minutes: one file after another, so that they do not disturb each other.
export default defineConfig({
  ...shared,
  test: {
    ...sharedTest,
    setupFiles: [...sharedTest.setupFiles],
    reporters: [...sharedTest.reporters],
    execArgv: [...sharedTest.execArgv],
    include: filesNamed('.heavy.test.ts'),
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
