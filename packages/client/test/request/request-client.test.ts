import {
  fixed,
  RequestClient,
  type RequestClientOptions,
  RetryBudget,
  requestOnce,
} from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type MemoryTarget, ServerBootstrap, silentLogger } from '@headrace/core';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/handlers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryWorld } from '../reconnect/memory-world.ts';

const format = binaryExchange();
let world: MemoryWorld;
let asked: string[];
let answer: (text: string) => Buffer | Promise<Buffer>;
let stop: () => void;
const clients: RequestClient<BinaryExchange, MemoryTarget>[] = [];

beforeEach(() => {
  world = new MemoryWorld();
  asked = [];
  answer = (text) => Buffer.from(`re: ${text}`);
});
afterEach(async () => {
  for (const client of clients.splice(0)) void client.close();
  stop?.();
  await world.pass(3000);
});

async function up(): Promise<void> {
  const binding = new ServerBootstrap()
    .options({ logger: silentLogger, clock: world.clock })
    .childOptions({ logger: silentLogger, clock: world.clock })
    .childHandler((channel) =>
      channel.pipeline.addLast(
        ...lengthPrefixed({ maxFrameLength: 1000 }),
        new ExchangeHandler({
          format,
          handle: (body) => {
            asked.push(String(body));
            return answer(String(body));
          },
        }),
      ),
    )
    .bind(world.place('calls'));
  await world.settle();
  const server = await binding;
  stop = () => {
    for (const channel of server.connections) channel.abort();
    server.channel.close();
  };
}

const bootstrap = () =>
  new Bootstrap()
    .options({ logger: silentLogger, clock: world.clock })
    .handler((channel) =>
      channel.pipeline.addLast(
        ...lengthPrefixed({ maxFrameLength: 1000 }),
        new ExchangeHandler({ format }),
      ),
    );

function clientOf(options: Partial<RequestClientOptions<MemoryTarget>> = {}) {
  const { clock } = world;
  const client = new RequestClient<BinaryExchange, MemoryTarget>({
    client: {
      bootstrap: bootstrap(),
      addresses: [world.place('calls')],
      retry: fixed(100),
      logger: silentLogger,
      clock,
    },
    ...options,
  });
  clients.push(client);
  void client.start().catch(() => {});
  return client;
}

const outcome = (call: Promise<Buffer>): Promise<string> =>
  call.then(String, (error: { code?: string; message: string }) => error.code ?? error.message);

describe('RequestClient', () => {
  it('L26 waits for a connection, and asks then', async () => {
    const client = clientOf();
    const call = outcome(client.request(Buffer.from('a')));
    await world.pass(500);
    expect(client.waiting).toBe(1);
    await up();
    await world.pass(200);
    expect(await call).toBe('re: a');
    expect(client.waiting).toBe(0);
  });

  it('fails when its time is over, its signal aborts, too many wait, or the client is closed', async () => {
    const client = clientOf({ maxWaiting: 3, timeoutMs: 1000 });
    const abort = new AbortController();
    const calls = [
      client.request(Buffer.from('late')),
      client.request(Buffer.from('aborted'), { signal: abort.signal }),
      client.request(Buffer.from('closed'), { timeoutMs: false }),
      client.request(Buffer.from('too many')),
    ].map(outcome);
    abort.abort();
    await world.pass(1001);
    void client.close();
    expect(await Promise.all(calls)).toEqual([
      'HR_ERR_TIMEOUT_REQUEST',
      'HR_ERR_OPERATION_ABORTED',
      'HR_ERR_CHANNEL_CLOSED',
      'HR_ERR_REJECTED_QUEUE',
    ]);
    expect(await outcome(client.request(Buffer.from('after')))).toBe('HR_ERR_CHANNEL_CLOSED');
  });

  for (const [retry, first, times] of [
    ['unsent', 'HR_ERR_REQUEST_LOST', 1],
    ['never', 'HR_ERR_REQUEST_LOST', 1],
    ['idempotent', 're: a', 2],
  ] as const) {
    it(`S372 a call that may have been executed and was lost is asked ${times} times with '${retry}'`, async () => {
      await up();
      const budget = new RetryBudget({ perSecond: 1, burst: 1 });
      const client = clientOf({ retry, ...(retry === 'idempotent' && { budget }) });
      await world.pass(10);
      answer = () => new Promise(() => {});
      const call = outcome(client.request(Buffer.from('a')));
      await world.pass(10);
      expect(asked).toEqual(['a']);
      answer = (text) => Buffer.from(`re: ${text}`);
      stop();
      await up();
      await world.pass(1000);
      expect(await call).toBe(first);
      expect(asked).toHaveLength(times);
    });
  }

  it('gives calls to the connection with the fewest', async () => {
    await up();
    answer = () => new Promise(() => {});
    const client = clientOf({ connections: 3 });
    await world.pass(10);
    const calls = Array.from({ length: 9 }, (_, i) => outcome(client.request(Buffer.from(`${i}`))));
    await world.pass(10);
    const counts = client.clients.map(
      ({ channel }) => channel?.pipeline.get(ExchangeHandler)?.counts.inFlight,
    );
    expect(counts).toEqual([3, 3, 3]);
    void client.close();
    await world.pass(3000);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['HR_ERR_REQUEST_LOST']));
  });

  it('refuses options that make no sense, and a pipeline without calls', async () => {
    expect(() => clientOf({ retry: 'idempotent' })).toThrow('needs a budget');
    expect(() => clientOf({ retry: 'always' as never })).toThrow('retry is "always"');
    expect(() => clientOf({ connections: 0 })).toThrow('connections is 0');
    await up();
    const { clock } = world;
    const plain = new Bootstrap().options({ logger: silentLogger, clock }).handler(() => {});
    const client = clientOf({
      client: { bootstrap: plain, addresses: [world.place('calls')], clock, logger: silentLogger },
    });
    await world.pass(10);
    await expect(client.request(Buffer.from('x'))).rejects.toThrow('needs an ExchangeHandler');
  });
});

describe('requestOnce', () => {
  it('L2 connects, asks and closes', async () => {
    await up();
    const call = outcome(
      requestOnce(world.place('calls'), Buffer.from('a'), { bootstrap: bootstrap() }),
    );
    await world.pass(2500);
    expect(await call).toBe('re: a');
    expect(world.clock.pendingTimers).toBe(0);
    stop();
    await world.settle();
    const refused = outcome(
      requestOnce(world.place('calls'), Buffer.from('a'), { bootstrap: bootstrap() }),
    );
    await world.pass(10);
    expect(await refused).toBe('HR_ERR_CHANNEL_REFUSED');
  });
});
