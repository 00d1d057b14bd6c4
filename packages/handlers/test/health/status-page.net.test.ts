import { type LogLevel, OptionError } from '@headrace/core';
import { afterEach, expect, it } from 'vitest';
import {
  type HealthServer,
  type HealthServerOptions,
  serveHealth,
} from '../../src/health/health-server.ts';
import { processStatus } from '../../src/health/process-status.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

const EMPTY = { processes: [], missing: [] };
const opened: HealthServer[] = [];

async function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  const health = await serveHealth({ port: 0, key: 'open-sesame', ...options });
  opened.push(health);
  return health;
}

const get = (
  { port }: HealthServer,
  path: string,
  authorization: string | undefined = 'Bearer open-sesame',
  method = 'GET',
): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: authorization === '' ? {} : { authorization },
  });

afterEach(async () => {
  await Promise.all(opened.splice(0).map((health) => health.close()));
});

it('serves the report of the process with its readiness as JSON', async () => {
  const status = processStatus({ metrics: new ServerMetrics(), name: 'shop' });
  const health = await start({ status, ready: { bus: () => false } });
  const answer = await get(health, '/status?x');
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(await answer.json()).toMatchObject({
    headrace: 'status',
    version: 1,
    notReady: ['bus'],
    processes: [{ name: 'shop', connections: { open: 0 } }],
    missing: [],
  });
  expect(await (await get(health, '/status', undefined, 'HEAD')).text()).toBe('');
});

it('gives status and metrics only to requests with the key, and answers the probes without it', async () => {
  let asked = 0;
  const status = () => {
    asked += 1;
    return EMPTY;
  };
  const health = await start({ status, metrics: new ServerMetrics() });
  for (const path of ['/status', '/metrics']) {
    for (const wrong of ['', 'Bearer', 'Bearer open', 'Basic open-sesame', 'Bearer open-sesame2']) {
      const answer = await get(health, path, wrong);
      expect([answer.status, await answer.text()], `${path} ${wrong}`).toEqual([401, '']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(asked).toBe(0);
  }
  expect((await get(health, '/status')).status).toBe(200);
  expect((await get(health, '/metrics', 'bearer open-sesame')).status).toBe(200);
  expect((await get(health, '/healthz', '')).status).toBe(200);
  expect((await get(health, '/readyz', '')).status).toBe(200);
});

it('has no status without the option, and no status without a key', async () => {
  expect((await get(await start(), '/status')).status).toBe(404);
  const open = serveHealth({ port: 0, status: () => EMPTY });
  await expect(open).rejects.toThrow(OptionError);
  await expect(open).rejects.toThrow('key');
  await expect(serveHealth({ port: 0, key: 'two words' })).rejects.toThrow('key');
  await expect(serveHealth({ port: 0, key: '' })).rejects.toThrow('key');
});

it('makes one report for many requests, even if it takes longer than reports are kept', async () => {
  const begun: (() => void)[] = [];
  const status = () =>
    new Promise<typeof EMPTY>((resolve) => void begun.push(() => resolve(EMPTY)));
  const health = await start({ status });
  const first = get(health, '/status');
  await expect.poll(() => begun.length).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const answers = [first, get(health, '/status')];
  // The server has received the second request when it has answered a later one.
  await get(health, '/healthz');
  begun[0]!();
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200]);
  expect(begun).toHaveLength(1);
});

it('answers 500 for a report that fails or takes too long, and logs each failure once a minute', async () => {
  const lines: [LogLevel, string, string | undefined][] = [];
  const logger = {
    log: (level: LogLevel, text: string, error?: Error) =>
      void lines.push([level, text, error?.message]),
  };
  const bad = await start({
    logger,
    status: () => {
      throw new Error('a secret');
    },
  });
  const answer = await get(bad, '/status');
  expect([answer.status, await answer.text()]).toEqual([500, 'the status could not be made\n']);
  expect(lines).toEqual([['error', 'the status could not be made', 'a secret']]);
  expect((await get(bad, '/status')).status).toBe(500);
  expect(lines).toHaveLength(1);
  const slow = await start({ logger, status: () => new Promise(() => {}), requestTimeoutMs: 500 });
  expect((await get(slow, '/status')).status).toBe(500);
  expect(lines[1]![2]).toBe('the report took longer than 500 ms');
});
