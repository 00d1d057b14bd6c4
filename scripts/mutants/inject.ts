import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/channel-scope.ts',
    find: 'if (this.isOver) throw new Error',
    replace: 'if (false) throw new Error',
    test: 'test/channel-scope.test.ts',
    why: "a closed channel's scope resolves nothing",
  },
];
