import { describe, expect, it } from 'vitest';
import { changedSince, chooseChanged } from '../mutants/changed.ts';
import { type LocatedMutant, locateMutants } from '../mutants/located.ts';
import { describeProblem } from '../problem.ts';
import { must } from '../program.ts';
import { writeFiles } from '../workspace.ts';
import { tree } from './tree.ts';

const SOURCE = `
const LIMIT = 9;

export class Queue {
  get size(): number { return this.items.length; }
  set size(size) { this.items.length = size; }

  add(item: string): void {
    // if (this.items.length > LIMIT) return;
    if (
      this.items.length > LIMIT /* full */
    ) return;
    this.items.push(
      item,
    );
  }

  addFirst(item: string): void {
    if (this.items.length > LIMIT) return;
    if (this.items.length >= LIMIT) this.items.unshift(item);
    else this.items.unshift(item);
  }

  async *[Symbol.asyncIterator]() { yield* this.items; }
}

export function take(queue: Queue): string { return queue.items.shift() ?? 'it is empty, isn’t it'; }
`;

function located(...entries: readonly string[]): {
  places: string[];
  problems: string[];
  mutants: LocatedMutant[];
} {
  const root = tree({
    'packages/core/src/queue.ts': SOURCE,
    'packages/core/test/queue.test.ts': '',
    'scripts/mutants/core.txt': [
      'src/queue.ts test/queue.test.ts',
      ...entries.flatMap((entry) => ['something breaks', `  ${entry}`]),
    ].join('\n'),
  });
  const { located: mutants, problems } = locateMutants(root);
  return {
    mutants,
    places: mutants.map(({ place }) => place),
    problems: problems.map(describeProblem),
  };
}

describe('a mutant', () => {
  it('names a piece of a member, however it is formatted, and replaces nothing else', () => {
    const { mutants, places, problems } = located(
      'Queue.add: this.items.length > LIMIT -> false',
      'Queue.addFirst: this.items.length > LIMIT -> false',
      'Queue.add: this.items.push(item); ->',
      'Queue.size: this.items.length = size -> size',
      'Queue.Symbol.asyncIterator: yield* -> yield',
      'LIMIT: 9 -> Infinity',
      "take: ?? 'it is empty, isn’t it' ->",
    );
    expect(problems).toEqual([]);
    expect(places.map((place) => place.replace('packages/core/src/queue.ts:', ''))).toEqual([
      '11',
      '19',
      '13',
      '6',
      '24',
      '2',
      '27',
    ]);
    expect(mutants[0]!.broken).toBe(SOURCE.replace('this.items.length > LIMIT /*', 'false /*'));
    expect(mutants[2]!.broken).toBe(SOURCE.replace(/this.items.push[^;]*;/, ''));
  });

  it('is refused where its place is not one, by the line of its list, with what was sought', () => {
    const { places, problems } = located(
      'Queue.drop: this.items.length > LIMIT -> false',
      'Queue.add: this.items.length >= LIMIT -> false',
      'Queue.addFirst: this.items.unshift(item) -> undefined',
      'Queue.add: items.length > LIM -> false',
      'take: queue.items.shift() -> queue.items.shift(',
    );
    expect(places).toEqual([]);
    const file = 'packages/core/src/queue.ts';
    expect(problems.map((problem) => problem.replace('scripts/mutants/core.txt', ''))).toEqual([
      `:3: ${file}: no Queue.drop, which should have: this.items.length > LIMIT (it is in Queue.add, Queue.addFirst)`,
      `:5: ${file}: not in Queue.add: this.items.length >= LIMIT (it is in Queue.addFirst)`,
      `:7: ${file}: twice or more in Queue.addFirst: this.items.unshift(item)`,
      `:9: ${file}: not in Queue.add: items.length > LIM`,
      expect.stringMatching(/^:11: .*queue\.ts: no program with "queue\.items\.shift\(": /),
    ]);
  });

  it('is refused with a file that is not there, and with lines that are not entries', () => {
    const list = [
      'src/queue.ts test/other.test.ts',
      'something breaks',
      '  Queue.add: item -> nothing',
      'src/other.ts test/queue.test.ts',
      'something else breaks',
      '  Queue.add: item -> nothing',
      '  Queue.add: item -> nothing',
      'nothing breaks',
      'something breaks',
      '  Queue.add: item',
    ].join('\n');
    const root = tree({
      'packages/core/src/queue.ts': SOURCE,
      'packages/core/test/queue.test.ts': '',
      'scripts/mutants/core.txt': list,
    });
    const wrong = 'no part of an entry as scripts/mutants/mutant.ts describes it';
    expect(locateMutants(root).problems.map(describeProblem)).toEqual([
      ...[7, 8, 10].map((line) => `scripts/mutants/core.txt:${line}: ${wrong}`),
      'scripts/mutants/core.txt:3: no file test/other.test.ts',
      'scripts/mutants/core.txt:6: no file src/other.ts',
    ]);
  });
});

describe('the mutants of a change', () => {
  it('are those whose source or test differs from the merge base, committed or not', async () => {
    const root = tree({ 'a.ts': '1', 'b.ts': '1', 'c.ts': '1' });
    const git = (...args: string[]) =>
      must('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], root);
    await git('init', '-q', '-b', 'trunk');
    await git('add', '.');
    await git('commit', '-q', '-m', 'all');
    expect(await changedSince(root, 'trunk')).toEqual(new Set());
    await git('checkout', '-q', '-b', 'topic');
    writeFiles(root, { 'a.ts': '2' });
    await git('commit', '-q', '-a', '-m', 'a');
    writeFiles(root, { 'b.ts': '2', 'd.ts': '1' });
    expect(await changedSince(root, 'trunk')).toEqual(new Set(['a.ts', 'b.ts', 'd.ts']));
    expect(await changedSince(root, 'nowhere')).toContain('HEAD has no merge base with nowhere');
  });

  it('are no more than so many, of as many sources as possible', () => {
    const mutant = (sourceFile: string, testFile: string, line: number) =>
      ({ sourceFile, testFile, line }) as LocatedMutant;
    const all = [
      mutant('a.ts', 'a.test.ts', 1),
      mutant('a.ts', 'a.test.ts', 2),
      mutant('b.ts', 'b.test.ts', 3),
      mutant('c.ts', 'c.test.ts', 4),
    ];
    const { chosen, left } = chooseChanged(all, new Set(['a.ts', 'c.test.ts', 'd.ts']), 2);
    expect(chosen.map(({ line }) => line)).toEqual([1, 4]);
    expect(left.map(({ line }) => line)).toEqual([2]);
  });
});
