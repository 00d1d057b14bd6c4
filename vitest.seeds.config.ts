import { configuration, loadedByNode, testsNamed } from './vitest.config.ts';

// Thousands of seeds of simulated networks: without sockets and real time, so as many files at once as there are cores.
export default configuration({
  include: testsNamed('.seeds.test.ts'),
  testTimeout: 900_000,
  ...loadedByNode,
});
