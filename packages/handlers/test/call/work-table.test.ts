import type { Context } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Work, WorkTable } from '../../src/call/index.ts';
import type { WorkLimits } from '../../src/call/work-table.ts';

/** A table whose functions settle by hand. */
function tableOf(concurrency: number, maxWaiting: number, more: Partial<WorkLimits> = {}) {
  let ctx!: Context;
  const channel = new EmbeddedChannel({
    handlerAdded(added: Context) {
      ctx = added;
    },
  });
  const begun: Work[] = [];
  const log: string[] = [];
  const settles = new Map<Work, (answer: unknown) => void>();
  /** What functions return at once, by the ids of their requests. */
  const returned = new Map<unknown, unknown>();
  const table: WorkTable<Work> = new WorkTable(
    ctx,
    { concurrency, maxWaiting, ...more },
    {
      begin(work) {
        begun.push(work);
        const pending = () => new Promise((resolve) => settles.set(work, resolve));
        table.run(work, () => (returned.has(work.id) ? returned.get(work.id) : pending()));
      },
      succeeded(work, answer) {
        table.close(work);
        log.push(`${work.id} ${answer}`);
      },
      failed(work, error) {
        table.close(work);
        log.push(`${work.id} failed: ${error.message}`);
      },
      expired(work) {
        table.close(work);
        log.push(`${work.id} expired`);
      },
      changed() {},
    },
  );
  const workOf = (id: number, deadline?: number) => new Work(channel, id, undefined, deadline);
  const settle = async (work: Work, answer: unknown = 'done') => {
    settles.get(work)!(answer);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { channel, table, begun, log, workOf, settle, returned };
}

describe('WorkTable', () => {
  it('begins up to concurrency, lets others wait, and refuses beyond that', () => {
    const { table, begun, workOf } = tableOf(2, 1);
    expect([1, 2, 3, 4].map((id) => table.take(workOf(id)))).toEqual([true, true, true, false]);
    expect([begun.length, table.running, table.unanswered]).toEqual([2, 2, 3]);
  });

  it('is full while the content of running functions counts more than 16 MiB', async () => {
    const { channel, table, begun, workOf, settle } = tableOf(100, 10, {
      holds: 'table',
      sizeOf: (body) => body as number,
    });
    const take = (id: number, bytes: number): void => {
      const work = workOf(id);
      work.body = bytes;
      table.take(work);
      table.gateReads();
    };
    // A few functions are not measured.
    for (let id = 1; id <= 8; id++) take(id, 2 ** 30);
    for (let id = 9; id <= 11; id++) take(id, 8 * 1024 * 1024 - 1);
    expect([begun.length, channel.isReadHeld]).toEqual([11, true]);
    take(12, 1);
    expect(begun).toHaveLength(11);
    await settle(begun[10]!);
    expect([begun.length, channel.isReadHeld]).toEqual([12, false]);
    for (const work of begun.slice(0, 11)) await settle(work);
    take(13, 2 ** 30);
    expect([table.running, channel.isReadHeld]).toEqual([2, false]);
  });

  it('begins what waits when a function has settled, in order', async () => {
    const { table, begun, workOf, settle, log } = tableOf(1, 9);
    for (const id of [1, 2, 3]) table.take(workOf(id));
    await settle(begun[0]!);
    expect([begun.map(({ id }) => id), log]).toEqual([[1, 2], ['1 done']]);
  });

  it('keeps no read alive for a small body that waits', async () => {
    const { channel, table, begun, settle } = tableOf(1, 9);
    const read = Buffer.alloc(65_536, 'x');
    for (const id of [1, 2]) table.take(new Work(channel, id, read.subarray(id, id + 1)));
    await settle(begun[0]!);
    expect([String(begun[1]!.body), (begun[1]!.body as Buffer).buffer.byteLength]).toEqual([
      'x',
      1,
    ]);
  });

  it('holds reads while concurrency functions run', async () => {
    const { channel, table, begun, workOf, settle } = tableOf(1, 9, { holds: 'test' });
    table.take(workOf(1));
    table.gateReads();
    expect(channel.readHolds).toEqual(['test']);
    await settle(begun[0]!);
    expect(channel.readHolds).toEqual([]);
  });

  it('a cancelled request frees its id, but not its place, until its function has settled', async () => {
    const { table, begun, workOf, settle, log } = tableOf(1, 9);
    const [work, again] = [workOf(7), workOf(7)];
    table.take(work);
    table.close(work);
    expect([table.find(7), table.unanswered, table.running]).toEqual([undefined, 0, 1]);
    table.take(again);
    expect(begun).toEqual([work]);
    await settle(work);
    expect([begun, table.find(7), log]).toEqual([[work, again], again, []]);
  });

  it('a waiting request that is cancelled never begins', async () => {
    const { table, begun, workOf, settle } = tableOf(1, 9);
    const [first, second] = [workOf(1), workOf(2)];
    table.take(first);
    table.take(second);
    table.close(second);
    await settle(first);
    expect([begun, table.running, table.unanswered]).toEqual([[first], 0, 0]);
  });

  it('reports a deadline of a waiting and of a running request, once', async () => {
    const { channel, table, begun, workOf, settle, log } = tableOf(1, 9);
    const now = channel.clock.now();
    table.take(workOf(1, now + 20));
    table.take(workOf(2, now + 10));
    channel.advance(100);
    await settle(begun[0]!);
    expect([log, begun.length, channel.clock.pendingTimers]).toEqual([
      ['2 expired', '1 expired'],
      1,
      0,
    ]);
  });

  it('begins nothing and reports nothing after its end, and aborts what is open', async () => {
    const { table, begun, workOf, settle, log } = tableOf(1, 9);
    const [first, second] = [workOf(1), workOf(2)];
    table.take(first);
    table.take(second);
    const reason = new Error('closed');
    table.abandon(reason);
    expect([first.signal.reason, second.signal.aborted]).toEqual([reason, true]);
    await settle(first);
    expect([begun, log]).toEqual([[first], []]);
  });

  for (const [name, made] of [
    ['generator', (function* () {})()],
    ['async generator', (async function* () {})()],
    ['iterator of a map', new Map().values()],
    ['readable stream', new ReadableStream()],
  ] as const) {
    it(`refuses a ${name} as an answer, with a text that names the cure`, async () => {
      const { table, begun, workOf, settle, log } = tableOf(1, 9);
      table.take(workOf(1));
      await settle(begun[0]!, made);
      expect(log).toEqual([expect.stringMatching(/^1 failed: .*has one answer: collect/)]);
    });
  }

  it('takes arrays, strings and bytes as answers', async () => {
    const { table, begun, workOf, settle, log } = tableOf(9, 9);
    for (const [i, answer] of [[1, 2], 'text', Buffer.from('b')].entries()) {
      table.take(workOf(i));
      await settle(begun[i]!, answer);
    }
    expect(log).toEqual(['0 1,2', '1 text', '2 b']);
  });

  it('takes an answer with a member named then, and the first outcome of a then that breaks the rules', async () => {
    const { table, workOf, log, returned } = tableOf(9, 9);
    // biome-ignore-start lint/suspicious/noThenProperty: the subject of the test
    const answers: readonly unknown[] = [
      { then: 'a keyword', toString: () => 'a plain value' },
      {
        then(succeed: (value: string) => void, fail: (error: Error) => void) {
          succeed('first');
          fail(new Error('second'));
        },
      },
      {
        then() {
          throw new Error('thrown');
        },
      },
    ];
    // biome-ignore-end lint/suspicious/noThenProperty: the subject of the test
    for (const [id, answer] of answers.entries()) {
      returned.set(id, answer);
      table.take(workOf(id));
    }
    await Promise.resolve();
    expect([log, table.running]).toEqual([['0 a plain value', '1 first', '2 failed: thrown'], 0]);
  });

  it('never runs more than concurrency, whatever is asked, cancelled and settled', async () => {
    const step = fc.record({ do: fc.constantFrom('ask', 'cancel', 'settle'), which: fc.nat(30) });
    const steps = fc.array(step, { maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (all, concurrency) => {
        const { table, begun, workOf, settle } = tableOf(concurrency, 5);
        const settled = new Set<Work>();
        for (const [serial, one] of all.entries()) {
          const running = begun.filter((work) => !settled.has(work));
          const work = one.do === 'settle' ? running[one.which] : table.find(one.which);
          if (one.do === 'ask') table.take(workOf(serial));
          else if (one.do === 'cancel' && work !== undefined) table.close(work);
          else if (one.do === 'settle' && work !== undefined) {
            settled.add(work);
            await settle(work);
          }
          expect(table.running).toBe(begun.length - settled.size);
          expect(table.running).toBeLessThanOrEqual(concurrency);
        }
        table.abandon();
        expect(table.unanswered).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
