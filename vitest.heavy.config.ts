import { configDefaults } from 'vitest/config';
import { configuration, testsNamed } from './vitest.config.ts';

const FIGURES = '.figures.heavy.test.ts';
const HEAP = '.heap.heavy.test.ts';
/** For what hangs only. */
const limits = { testTimeout: 180_000, hookTimeout: 60_000 };
const others = [...configDefaults.exclude, `**/*${FIGURES}`, `**/*${HEAP}`];

// Thousands of connections, memory, minutes.
export default configuration({
  projects: [
    // They wait mostly, and say the same on a busy machine: no time, no processor, no share by chance is compared.
    {
      extends: true,
      test: {
        ...limits,
        name: 'patient',
        include: testsNamed('.heavy.test.ts'),
        exclude: others,
        maxWorkers: 2,
        sequence: { groupOrder: 0 },
      },
    },
    // The heap of their own process, whose figures are the same each time if V8 works in one thread and throws no code away.
    {
      extends: true,
      test: {
        ...limits,
        name: 'heap',
        include: testsNamed(HEAP),
        execArgv: ['--expose-gc', '--no-flush-bytecode', '--single-threaded'],
        maxWorkers: 2,
        sequence: { groupOrder: 0 },
      },
    },
    // One file after another with nothing beside it; a run whose figure breaks its bound is repeated four times.
    {
      extends: true,
      test: {
        ...limits,
        testTimeout: 900_000,
        name: 'figures',
        include: testsNamed(FIGURES),
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      },
    },
  ],
});
