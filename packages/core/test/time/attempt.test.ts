import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { Attempt, attempted } from '../../src/time/attempt.ts';

/** An attempt that settles by hand, and what its owner hears. */
function pending({ clock = new VirtualClock() } = {}) {
  const heard: string[] = [];
  let resolve!: (result: string) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<string>((...settle) => ([resolve, reject] = settle));
  let signal!: AbortSignal;
  const attempt = new Attempt<string>(
    (given) => {
      signal = given;
      return promise;
    },
    {
      done: (result) => heard.push(`done ${result}`),
      failed: (error) => heard.push(`failed ${error.message}`),
      late: (result) => heard.push(`late ${result}`),
    },
    { clock, timeoutMs: 100, error: () => new Error('no answer within 100 ms') },
  );
  return { attempt, clock, heard, reject, resolve, signal };
}

it('gives its result once, and its time-out ends with it', async () => {
  const { clock, heard, resolve, signal } = pending();
  resolve('a link');
  await turn();
  clock.advance(1000);
  expect(heard).toEqual(['done a link']);
  expect(signal.aborted).toBe(false);
  expect(clock.pendingTimers).toBe(0);
});

it('fails at its time-out, and hands over a result that comes later', async () => {
  const { clock, heard, resolve, signal } = pending();
  clock.advance(100);
  expect(heard).toEqual(['failed no answer within 100 ms']);
  expect(signal.reason).toEqual(new Error('no answer within 100 ms'));
  resolve('a link');
  await turn();
  expect(heard).toEqual(['failed no answer within 100 ms', 'late a link']);
});

it('says nothing after its drop, but hands over a result that comes later', async () => {
  const { attempt, clock, heard, resolve, signal } = pending();
  attempt.drop();
  clock.advance(1000);
  expect(heard).toEqual([]);
  expect(signal.aborted).toBe(true);
  resolve('a link');
  await turn();
  expect(heard).toEqual(['late a link']);
});

it('takes a step that throws for one that rejects, and a rejection after the end for nothing', async () => {
  const failed = vi.fn();
  const step = () => {
    throw new Error('no such host');
  };
  new Attempt<string>(step, { done: () => {}, failed });
  await turn();
  expect(failed.mock.calls).toEqual([[new Error('no such host')]]);
  const { attempt, heard, reject } = pending();
  attempt.drop();
  reject(new Error('too late'));
  await turn();
  expect(heard).toEqual([]);
});

it('as a promise rejects with the reason of its signal, even if the step never settles', async () => {
  const abort = new AbortController();
  const never = attempted(() => new Promise(() => {}), { signal: abort.signal });
  abort.abort(new Error('not wanted any more'));
  await expect(never).rejects.toThrow('not wanted any more');
  const late = vi.fn();
  const aborted = attempted(async () => 'a link', { signal: abort.signal }, late);
  await expect(aborted).rejects.toThrow('not wanted any more');
  await turn();
  expect(late.mock.calls).toEqual([['a link']]);
});

it('as a promise rejects if the step itself aborts its signal', async () => {
  const abort = new AbortController();
  let inner: AbortSignal | undefined;
  const step = (signal: AbortSignal) => {
    inner = signal;
    abort.abort(new Error('not wanted any more'));
    return new Promise<string>(() => {});
  };
  await expect(attempted(step, { signal: abort.signal })).rejects.toThrow('not wanted any more');
  expect(inner?.aborted).toBe(true);
});
