import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/channel-scope.ts',
    find: 'if (this.isOver) throw new Error',
    replace: 'if (false) throw new Error',
    test: 'test/channel-scope.test.ts',
    why: "a closed channel's scope resolves nothing",
  },
  {
    file: 'src/container-initializer.ts',
    find: '=> build(new',
    replace: '=> void build(new',
    test: 'test/functions-that-fail.test.ts',
    why: 'a pipeline that is built later and rejects ends no process',
  },
  {
    file: 'src/channel-scope.ts',
    find: 'callSafely(task, undefined, (error) =>',
    replace:
      '((run: () => unknown, _: undefined, report: (error: Error) => void) => { try { run(); } catch (error) { report(error as Error); } })(task, undefined, (error) =>',
    test: 'test/functions-that-fail.test.ts',
    why: 'a dispose that rejects ends no process',
  },
];
