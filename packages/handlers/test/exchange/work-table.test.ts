import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TableWork, WorkTable } from '../../src/exchange/work-table.ts';

const workOf = (key: unknown): TableWork => ({ key, state: 'waiting' });
const tableOf = (concurrency: number, maxWaiting: number): WorkTable<TableWork> =>
  new WorkTable<TableWork>({ concurrency, maxWaiting });

describe('WorkTable', () => {
  it('begins up to concurrency, lets others wait, and refuses beyond that', () => {
    const table = tableOf(2, 1);
    expect(['a', 'b', 'c', 'd'].map((key) => table.admit(workOf(key)))).toEqual([
      'begin',
      'begin',
      'wait',
      'refuse',
    ]);
    expect([table.isFull, table.running]).toEqual([true, 2]);
  });

  it('begins what waits when a function has settled, in order', () => {
    const table = tableOf(1, 9);
    const first = workOf('a');
    table.admit(first);
    for (const key of ['b', 'c']) table.admit(workOf(key));
    expect(table.next()).toBeUndefined();
    table.settled(first);
    expect(table.next()?.key).toBe('b');
    expect(table.next()).toBeUndefined();
  });

  it('a cancelled request frees its id, but not its place, until its function has settled', () => {
    const table = tableOf(1, 9);
    const work = workOf(7);
    table.admit(work);
    table.promised(work);
    table.answered(work);
    expect([table.find(7), table.unanswered, table.isFull]).toEqual([undefined, 0, true]);
    const again = workOf(7);
    expect(table.admit(again)).toBe('wait');
    table.settled(work);
    table.settled(work);
    expect([table.next(), table.running, table.find(7)]).toEqual([again, 1, again]);
  });

  it('a waiting request that is cancelled never begins', () => {
    const table = tableOf(1, 9);
    const [first, second] = [workOf(1), workOf(2)];
    table.admit(first);
    table.admit(second);
    table.answered(second);
    table.settled(first);
    expect([table.next(), table.running, table.unanswered]).toEqual([undefined, 0, 0]);
  });

  it('never runs more than concurrency, whatever is asked, cancelled and settled', () => {
    const step = fc.record({
      do: fc.constantFrom('ask', 'cancel', 'settle'),
      which: fc.nat(30),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 4 }),
        (steps, concurrency) => {
          const table = tableOf(concurrency, 5);
          const running: TableWork[] = [];
          const begun = (work: TableWork): void => {
            running.push(work);
            table.promised(work);
          };
          steps.forEach((one, serial) => {
            if (one.do === 'ask') {
              const work = workOf(serial);
              if (table.admit(work) === 'begin') begun(work);
            } else if (one.do === 'cancel') {
              const work = table.find(one.which);
              if (work !== undefined) table.answered(work);
            } else {
              const [work] = running.splice(one.which, 1);
              if (work !== undefined) table.settled(work);
              for (let next = table.next(); next !== undefined; next = table.next()) begun(next);
            }
            expect(table.running).toBe(running.length);
            expect(running.length).toBeLessThanOrEqual(concurrency);
          });
          for (const work of running) table.settled(work);
          for (const work of table.takeAll()) expect(work.state).toBe('over');
          expect([table.running, table.unanswered]).toEqual([0, 0]);
        },
      ),
    );
  });
});
