import { expect, it } from 'vitest';
import { killsAndRestarts } from './kills-and-restarts.ts';
import { PrimaryLog } from './primary-log.ts';

it('clients with calls under way go through restarts and a kill of their processes, whose log the primary has, and nothing is lost or comes twice', async () => {
  const { answered, calls, resumed } = await killsAndRestarts({
    log: 'primary',
    logPorts: [],
    serveLog: new PrimaryLog().serve,
    clients: 40,
    load: { perTick: 20, tickMs: 300, silenceMs: 0, retryMs: 100 },
    events: ['restart', 'restart', 'kill'],
  });
  expect(answered).toBe(calls);
  expect(resumed).toBeGreaterThanOrEqual(40);
});
