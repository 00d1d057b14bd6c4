import { afterEach, describe, expect, it } from 'vitest';
import { jobs, jobsClient, type Progress, startJobs } from '../src/calls-with-progress.ts';

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function both(way: string, work = async (): Promise<void> => {}) {
  const server = await startJobs(work);
  opened.push(server);
  const host = '127.0.0.1';
  const page = `ws://${host}:${server.web.port}/ws`;
  const client = jobsClient(way === 'a page' ? page : { host, port: server.tcp.port });
  opened.push(client);
  return { server, api: client.api };
}

describe.each(['a program', 'a page'])('calls of %s', (way) => {
  it('have progress, and a result at the end', async () => {
    const { api } = await both(way);
    const got: Progress[] = [];
    for await (const progress of api.convert({ name: 'a', parts: 3 })) got.push(progress);
    expect(got).toEqual([
      { done: 1, of: 3 },
      { done: 2, of: 3 },
      { done: 3, of: 3, result: 'a.pdf' },
    ]);
  });

  it('send items, and are refused with a name', async () => {
    const { api } = await both(way);
    expect(await api.sum({}, [1, 2, 3])).toEqual({ total: 6 });
    const refused = await api
      .convert({ name: '', parts: 1 })
      .next()
      .catch((error) => error);
    expect(jobs.errorName(refused)).toBe('NO_SUCH_FILE');
  });

  it('end the work when the reader leaves, and when the connection is lost', async () => {
    const signals: AbortSignal[] = [];
    const { server, api } = await both(
      way,
      async (_name?: string, part?: number, signal?: AbortSignal) => {
        signals[part! - 1] = signal!;
        if (part === 2) await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      },
    );
    for await (const { done } of api.convert({ name: 'a', parts: 9 })) if (done === 1) break;
    await expect.poll(() => signals[0]!.aborted).toBe(true);
    const lost = api.convert({ name: 'b', parts: 9 });
    await lost.next();
    const after = lost.next().catch((error) => error.code);
    await expect.poll(() => signals[1]?.aborted).toBe(false);
    for (const { connections } of [server.tcp, server.web]) {
      for (const connection of connections) connection.abort();
    }
    expect(await after).toBe('HR_ERR_REQUEST_LOST');
    await expect.poll(() => signals[1]!.aborted).toBe(true);
    expect(await api.sum({}, [4])).toEqual({ total: 4 });
  });
});
