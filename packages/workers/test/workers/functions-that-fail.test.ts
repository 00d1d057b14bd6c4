import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '@headrace/core';
import { expect, vi } from 'vitest';
import { describeFunctions } from '../../../core/test/fixture/function-options.ts';
import { workersPlan } from '../../src/workers/worker-options.ts';
import { WorkerProcess } from '../../src/workers/worker-process.ts';
import { Workers } from '../../src/workers/workers.ts';
import { WorkersMachine } from '../../src/workers/workers-machine.ts';

function loggerOf(errors: string[]): Logger {
  return { log: (_level, text, error) => void errors.push(`${text} ${error?.message}`) };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'runWorkers retry': (retry, errors) => {
    const machine = new WorkersMachine({
      count: 1,
      drainTimeoutMs: 1000,
      startTimeoutMs: 5000,
      maxSurge: 1,
      stableMs: 2000,
      retry: workersPlan({ start: () => ({ drain() {} }), retry }).retry,
      random: () => 0.5,
    });
    const [fork] = machine.start();
    const { id } = (fork as { worker: { id: number } }).worker;
    machine.ready(id, null, 0);
    const ended = machine.ended(id, { code: 1, signal: null }, 0);
    errors.push(...ended.map((action) => String((action as { error?: Error }).error)));
  },
  'runWorkers start': async (start, errors) => {
    const worker = new WorkerProcess(workersPlan({ start, logger: loggerOf(errors) }));
    worker['report'] = (message: unknown) => void errors.push(JSON.stringify(message));
    // The primary ends a process that does not come up; the machine of the workers has the time.
    void worker['start']();
    await turn();
  },
  'runWorkers onEnd': async (onEnd, errors) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
    const logger = loggerOf(errors);
    const plan = workersPlan({ start: () => ({ drain() {} }), onEnd, drainTimeoutMs: 1, logger });
    void new Workers(plan)['finish'](undefined);
    await expect.poll(() => exit).toHaveBeenCalledWith(0);
    exit.mockRestore();
  },
});
