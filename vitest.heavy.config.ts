import { configuration, testsNamed } from './vitest.config.ts';

// Thousands of connections, memory, minutes: one file after another, so that none disturbs another.
export default configuration({
  include: testsNamed('.heavy.test.ts'),
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 60_000,
});
