import { setImmediate as turn } from 'node:timers/promises';
import { VirtualClock } from '@headrace/core/testing';
import type { StatusReport } from '@headrace/handlers/health';
import { describe, expect, it } from 'vitest';
import type { WorkerMessage } from '../../src/workers/worker-message.ts';
import { type StartedWorker, workersPlan } from '../../src/workers/worker-options.ts';
import { WorkerProcess } from '../../src/workers/worker-process.ts';
import { type AskedWorker, WorkerReports } from '../../src/workers/worker-reports.ts';

const reportOf = (name: string): StatusReport => ({ processes: [{ name } as never], missing: [] });
const WORKERS: readonly AskedWorker[] = [
  { id: 1, name: 'worker 1' },
  { id: 2, name: 'worker 2' },
];

function asking() {
  const clock = new VirtualClock();
  const sent: { readonly id: number; readonly question: number }[] = [];
  const send = (id: number, message: WorkerMessage): void => {
    if (message.headrace === 'report') sent.push({ id, question: message.question });
  };
  const reports = new WorkerReports(send, clock);
  const collected = reports.collect(WORKERS, 1000);
  const answer = (id: number, rest: { status?: unknown; failure?: string }): void => {
    const { question } = sent.find((one) => one.id === id)!;
    reports.answered(id, { headrace: 'reported', question, ...rest });
  };
  return { clock, sent, reports, collected, answer };
}

describe('WorkerReports', () => {
  it('joins the reports in the order of the workers', async () => {
    const { collected, answer } = asking();
    answer(2, { status: reportOf('b') });
    answer(1, { status: reportOf('a') });
    expect(await collected).toEqual({ processes: [{ name: 'a' }, { name: 'b' }], missing: [] });
  });

  it('lists a worker that does not answer in time, and drops its late answer', async () => {
    const { clock, collected, answer } = asking();
    answer(1, { status: reportOf('a') });
    await turn();
    clock.advance(1000);
    const why = 'it did not answer within 1000 ms';
    expect((await collected).missing).toEqual([{ name: 'worker 2', why }]);
    answer(2, { status: reportOf('b') });
  });

  it('lists a worker that ends before it answers, at once', async () => {
    const { reports, collected, answer } = asking();
    answer(1, { status: reportOf('a') });
    reports.ended(2);
    expect(await collected).toMatchObject({
      processes: [{ name: 'a' }],
      missing: [{ name: 'worker 2', why: 'it has ended' }],
    });
  });

  it('lists workers that cannot make a report, and those that return none', async () => {
    const { collected, answer } = asking();
    answer(1, { failure: 'it is starting' });
    answer(2, { status: 'fine' });
    expect((await collected).missing).toEqual([
      { name: 'worker 1', why: 'it is starting' },
      { name: 'worker 2', why: 'its status returned no report' },
    ]);
  });

  it('takes no answer of one worker for another', async () => {
    const { clock, sent, reports, collected, answer } = asking();
    const [, second] = sent;
    reports.answered(1, {
      headrace: 'reported',
      question: second!.question,
      status: reportOf('x'),
    });
    answer(1, { status: reportOf('a') });
    await turn();
    clock.advance(1000);
    expect((await collected).processes).toEqual([{ name: 'a' }]);
  });
});

describe('a worker that is asked for its report', () => {
  const drain = (): void => {};

  /** What the worker sends, when `start` has returned this. */
  async function sentBy(started: StartedWorker | undefined): Promise<WorkerMessage[]> {
    const sent: WorkerMessage[] = [];
    const start = (): StartedWorker | Promise<StartedWorker> => started ?? new Promise(() => {});
    const worker = new WorkerProcess(workersPlan({ start }));
    worker['report'] = (message: WorkerMessage) => void sent.push(message);
    void worker['start']();
    await turn();
    await worker['answer'](7);
    return sent.filter(({ headrace }) => headrace !== 'ready');
  }

  it('sends it', async () => {
    const status = async (): Promise<StatusReport> => reportOf('a');
    expect(await sentBy({ drain, status })).toEqual([
      { headrace: 'reported', question: 7, status: reportOf('a') },
    ]);
  });

  it.each<[string, StartedWorker | undefined, string]>([
    ['is starting', undefined, 'it is starting'],
    ['has none', { drain }, 'its start returned no status'],
    [
      'cannot make it',
      {
        drain,
        status() {
          throw new Error('no memory');
        },
      },
      'no memory',
    ],
  ])('sends why there is none if it %s', async (_, started, failure) => {
    expect(await sentBy(started)).toEqual([{ headrace: 'reported', question: 7, failure }]);
  });

  it('does not start with a status that is not a function', async () => {
    const [failed] = await sentBy({ drain, status: 5 as never });
    expect(failed).toMatchObject({
      headrace: 'failed',
      error: { message: 'the status that start returns must be a function' },
    });
  });
});
