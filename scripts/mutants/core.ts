import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/channel/stall-watch.ts',
    find: 'held < heldBefore',
    replace: 'held <= heldBefore',
    test: 'test/channel/stall-watch.test.ts',
    why: 'a peer that acknowledges nothing is stalled',
  },
];
