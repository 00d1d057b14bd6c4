import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { fixed, RequestClient, RetryBudget, requestOnce } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  DrainEvent,
  type HeadraceError,
  type Logger,
  type MemoryTarget,
  ServerBootstrap,
  type ShutdownOptions,
  silentLogger,
  type WriteFuture,
} from '@headrace/core';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestClientOptions } from '../../src/request/request-client.ts';
import { MemoryWorld } from '../reconnect/memory-world.ts';

const format = binaryExchange();
let world: MemoryWorld;
let asked: string[];
let answer: (text: string) => Buffer | Promise<Buffer>;
let stop: () => void;
let askedOf: Map<string, number>;
let accepted: () => readonly Channel[];
let shutdown: (options: ShutdownOptions) => Promise<void>;
const clients: RequestClient<BinaryExchange, MemoryTarget>[] = [];

beforeEach(() => {
  world = new MemoryWorld();
  asked = [];
  askedOf = new Map();
  stop = () => {};
  answer = (text) => Buffer.from(`re: ${text}`);
});
afterEach(async () => {
  for (const client of clients.splice(0)) void client.close();
  stop();
  await world.pass(3000);
});

async function up(name = 'calls'): Promise<void> {
  const binding = new ServerBootstrap()
    .options({ logger: silentLogger, clock: world.clock })
    .childOptions({ logger: silentLogger, clock: world.clock })
    .childHandler((channel) =>
      channel.pipeline.addLast(
        ...lengthPrefixed({ maxFrameLength: 1000 }),
        new ExchangeHandler({
          format,
          handle: (body, { wantsAnswer }) => {
            asked.push(String(body));
            askedOf.set(name, (askedOf.get(name) ?? 0) + 1);
            if (!wantsAnswer) return undefined as never;
            return answer(String(body));
          },
        }),
      ),
    )
    .bind(world.place(name));
  await world.settle();
  const server = await binding;
  accepted = () => [...server.connections];
  shutdown = (options) => server.shutdown(options);
  const stopOthers = stop;
  stop = () => {
    stopOthers();
    for (const channel of server.connections) channel.abort();
    server.channel.close();
  };
}

const bootstrap = (allowHalfOpen = false) =>
  new Bootstrap()
    .options({ logger: silentLogger, clock: world.clock, allowHalfOpen })
    .handler((channel) =>
      channel.pipeline.addLast(
        ...lengthPrefixed({ maxFrameLength: 1000 }),
        new ExchangeHandler({ format }),
      ),
    );

function unstarted(
  options: Partial<RequestClientOptions<MemoryTarget>> = {},
  logger: Logger = silentLogger,
) {
  const { clock } = world;
  const client = new RequestClient<BinaryExchange, MemoryTarget>({
    client: {
      bootstrap: bootstrap(),
      addresses: [world.place('calls')],
      retry: fixed(100),
      logger,
      clock,
    },
    ...options,
  });
  clients.push(client);
  return client;
}

function clientOf(options: Partial<RequestClientOptions<MemoryTarget>> = {}, logger?: Logger) {
  const client = unstarted(options, logger);
  // What is rejected here is nobody's to handle.
  void client.start();
  return client;
}

const outcome = (call: Promise<Buffer>): Promise<string> =>
  call.then(String, (error: { code?: string; message: string }) => error.code ?? error.message);

describe('RequestClient', () => {
  it('has a call in one table at a time, with one deadline and one listener of its signal', async () => {
    const client = clientOf({ timeoutMs: 1000 });
    answer = () => new Promise<Buffer>(() => {});
    const { signal } = new AbortController();
    const begun = world.clock.now();
    let endedAt = 0;
    const call = outcome(client.request(Buffer.from('a'), { signal })).finally(() => {
      endedAt = world.clock.now();
    });
    const state = () => [
      client.waiting,
      client.clients[0]!.channel?.pipeline.get(ExchangeHandler)?.counts.inFlight ?? 0,
      client['table']['deadlines'].size,
      getEventListeners(signal, 'abort').length,
    ];
    await world.pass(500);
    expect(state()).toEqual([1, 0, 1, 1]);
    await up();
    await world.pass(200);
    expect(state()).toEqual([0, 1, 0, 1]);
    await world.pass(1000);
    expect([await call, endedAt - begun, ...state()]).toEqual([
      'HR_ERR_TIMEOUT_REQUEST',
      1000,
      0,
      0,
      0,
      0,
    ]);
  });

  it('waits for a connection, and asks then', async () => {
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

  it('is late when the process stood still until the connection was there', async () => {
    const standsStill = new Bootstrap()
      .options({ logger: silentLogger, clock: world.clock })
      .handler((channel) => {
        channel.pipeline.addLast(
          ...lengthPrefixed({ maxFrameLength: 1000 }),
          new ExchangeHandler({ format }),
        );
        world.clock.advanceQuietly(50);
      });
    const { clock } = world;
    const client = clientOf({
      client: {
        bootstrap: standsStill,
        addresses: [world.place('calls')],
        retry: fixed(100),
        logger: silentLogger,
        clock,
      },
    });
    const calls = [120, 1000].map((timeoutMs) =>
      outcome(client.request(Buffer.from(`${timeoutMs}`), { timeoutMs })),
    );
    await world.pass(10);
    await up();
    await world.pass(500);
    expect(await Promise.all(calls)).toEqual(['HR_ERR_TIMEOUT_REQUEST', 're: 1000']);
    expect(asked).toEqual(['1000']);
  });

  it('says why there is no connection when its time is over', async () => {
    const client = clientOf({ timeoutMs: 1000 });
    const call = client.request(Buffer.from('a'));
    void world.pass(1001);
    await expect(call).rejects.toMatchObject({
      message: expect.stringMatching(
        /^no connection for the request within 1000 ms: nobody listens there/,
      ),
      cause: { code: 'HR_ERR_CHANNEL_REFUSED' },
    });
  });

  it('says that it was not started when the time of a call is over', async () => {
    const client = unstarted({ timeoutMs: 1000 });
    const call = client.request(Buffer.from('a'));
    void world.pass(1001);
    await expect(call).rejects.toMatchObject({
      message: 'no connection for the request within 1000 ms: call start()',
      details: { timeoutMs: 1000, sent: false },
    });
  });

  for (const [retry, first, times] of [
    ['unsent', 'HR_ERR_REQUEST_LOST', 1],
    ['never', 'HR_ERR_REQUEST_LOST', 1],
    ['idempotent', 're: a', 2],
  ] as const) {
    it(`a call that may have been executed and was lost is asked ${times} times with '${retry}'`, async () => {
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

  it('each call adds its share to the budget, and repetitions add nothing', async () => {
    await up();
    const budget = new RetryBudget({ perSecond: 0.001, burst: 2, share: 0.25 });
    const client = clientOf({ retry: 'idempotent', budget });
    await world.pass(10);
    while (budget.tryTake(world.clock.now()));
    const talk = [
      client.request(Buffer.from('a')),
      client.notify(Buffer.from('b')),
      client.stream(Buffer.from('c')).next(),
    ];
    await world.pass(10);
    await Promise.all(talk);
    expect(budget.tryTake(world.clock.now())).toBe(false);
    answer = () => new Promise(() => {});
    const call = outcome(client.request(Buffer.from('lost')));
    await world.pass(10);
    answer = (text) => Buffer.from(`re: ${text}`);
    stop();
    await up();
    await world.pass(1000);
    expect(await call).toBe('re: lost');
    expect(budget.tryTake(world.clock.now())).toBe(false);
  });

  it('a call that was lost after it was sent stays sent, however its later tries end', async () => {
    await up();
    const budget = new RetryBudget({ perSecond: 1, burst: 3 });
    const client = clientOf({ retry: 'idempotent', budget, timeoutMs: 1000 });
    await world.pass(10);
    answer = () => new Promise(() => {});
    const abort = new AbortController();
    const calls = [
      client.request(Buffer.from('late')),
      client.request(Buffer.from('aborted'), { signal: abort.signal }),
      client.request(Buffer.from('closed'), { timeoutMs: false }),
    ];
    const ended = Promise.allSettled(calls);
    await world.pass(10);
    expect(asked).toHaveLength(3);
    stop();
    await world.pass(10);
    expect(client.waiting).toBe(3);
    abort.abort();
    await world.pass(1000);
    void client.close();
    const errors = (await ended).map((result) => (result as PromiseRejectedResult).reason);
    expect(errors.map(({ code, details }) => `${code} ${details.sent}`)).toEqual([
      'HR_ERR_TIMEOUT_REQUEST true',
      'HR_ERR_OPERATION_ABORTED true',
      'HR_ERR_CHANNEL_CLOSED true',
    ]);
    expect(errors[0].message).toMatch(
      /within 1000 ms: nobody listens there .* \(an earlier try was lost/,
    );
  });

  it('a call that ends its servers is given up after three, and others are answered', async () => {
    const budget = new RetryBudget({ perSecond: 100, burst: 100 });
    const client = clientOf({ retry: 'idempotent', budget, timeoutMs: false });
    let ended = 0;
    answer = (text) => {
      if (text !== 'poison') return Buffer.from(`re: ${text}`);
      ended += 1;
      for (const channel of accepted()) channel.abort();
      return new Promise(() => {});
    };
    await up();
    await world.pass(10);
    const call = client.request(Buffer.from('poison'));
    const ending = call.catch((error: Error) => error);
    await world.pass(60_000);
    expect(ended).toBe(3);
    const { code, message, details } = (await ending) as HeadraceError;
    expect([code, details.sent]).toEqual(['HR_ERR_REQUEST_LOST', true]);
    expect(message).toMatch(/^3 connections in a row were lost during this call/);
    const next = outcome(client.request(Buffer.from('next')));
    await world.pass(60_000);
    expect(await next).toBe('re: next');
    void client.close();
    await world.pass(3000);
  });

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

  it('refuses invalid options, and a pipeline without calls', async () => {
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

/** How a notification ended, and what it says of itself. */
const noticed = (write: WriteFuture): Promise<string> =>
  Promise.resolve(write).then(
    () => 'told',
    (error: { code: string; details: { sent?: boolean } }) => {
      expect(write.mayHaveLeft).toBe(error.details.sent === true);
      return `${error.code.replace('HR_ERR_', '')} ${error.details.sent}`;
    },
  );

describe('RequestClient.notify', () => {
  it('tells over the connection, at once', async () => {
    await up();
    const client = clientOf();
    await world.pass(10);
    const call = outcome(client.request(Buffer.from('a')));
    const notices = ['b', 'c'].map((text) => noticed(client.notify(Buffer.from(text))));
    await world.pass(10);
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(await Promise.all([call, ...notices])).toEqual(['re: a', 'told', 'told']);
  });

  it('waits for a connection, in line with the calls', async () => {
    const client = clientOf();
    void outcome(client.request(Buffer.from('a')));
    const notice = noticed(client.notify(Buffer.from('b')));
    void outcome(client.request(Buffer.from('c')));
    await world.pass(500);
    expect(client.waiting).toBe(3);
    await up();
    await world.pass(200);
    expect(await notice).toBe('told');
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it('fails when its time is over, its signal aborts, too many wait, or the client is closed', async () => {
    const client = clientOf({ maxWaiting: 3, timeoutMs: 1000 });
    const abort = new AbortController();
    const notices = [
      client.notify(Buffer.from('late')),
      client.notify(Buffer.from('aborted'), { signal: abort.signal }),
      client.notify(Buffer.from('closed'), { timeoutMs: false }),
      client.notify(Buffer.from('too many')),
      client.notify(Buffer.from('wrong'), { timeoutMs: -1 }),
    ].map(noticed);
    abort.abort();
    await world.pass(999);
    expect(client.waiting).toBe(2);
    await world.pass(2);
    expect(client.waiting).toBe(1);
    void client.close();
    expect(await Promise.all(notices)).toEqual([
      'TIMEOUT_REQUEST false',
      'OPERATION_ABORTED false',
      'CHANNEL_CLOSED false',
      'REJECTED_QUEUE false',
      'OPTION_INVALID undefined',
    ]);
    expect(await noticed(client.notify(Buffer.from('after')))).toBe('CHANNEL_CLOSED false');
    expect(asked).toEqual([]);
  });

  for (const [retry, unsent, sent] of [
    ['unsent', 'told', 'REQUEST_LOST true'],
    ['never', 'REQUEST_LOST false', 'REQUEST_LOST true'],
    ['idempotent', 'told', 'told'],
  ] as const) {
    it(`what was lost is told again with '${retry}': ${unsent} if it never left, else ${sent}`, async () => {
      world = new MemoryWorld(64);
      await up();
      const budget = new RetryBudget({ perSecond: 1, burst: 1 });
      const client = clientOf({ retry, ...(retry === 'idempotent' && { budget }) });
      await world.pass(10);
      for (const channel of accepted()) channel.holdReads('the test');
      // More than the network takes: the transport has some of it, and the next one waits in the output.
      const first = noticed(client.notify(Buffer.alloc(900)));
      await world.pass(10);
      const second = noticed(client.notify(Buffer.from('b')));
      await world.pass(10);
      stop();
      await up();
      await world.pass(1000);
      expect([await second, await first]).toEqual([unsent, sent]);
      const told = [sent === 'told' ? String(Buffer.alloc(900)) : '', unsent === 'told' ? 'b' : ''];
      expect(asked.toSorted()).toEqual(told.filter(Boolean).toSorted());
    });
  }

  it('tells nothing again when its time is over meanwhile', async () => {
    world = new MemoryWorld(64);
    await up();
    const client = clientOf({ timeoutMs: 1000 });
    await world.pass(10);
    for (const channel of accepted()) channel.holdReads('the test');
    void noticed(client.notify(Buffer.alloc(900)));
    await world.pass(10);
    const second = noticed(client.notify(Buffer.from('b')));
    await world.pass(1500);
    stop();
    await up();
    await world.pass(1000);
    expect(await second).toBe('TIMEOUT_REQUEST false');
    expect(asked).toEqual([]);
  });

  it('logs one unhandled failure of an absence, and causes no unhandled rejection', async () => {
    const lines: string[] = [];
    const logger: Logger = { log: (_level, text, error) => void lines.push(`${text}: ${error}`) };
    const client = clientOf({ timeoutMs: 100 }, logger);
    for (let i = 0; i < 3; i++) client.notify(Buffer.from('a'));
    await world.pass(101);
    expect(lines).toEqual([
      expect.stringMatching(/^a notice failed, and nothing handled its error: .*within 100 ms/),
    ]);
  });

  it('fails with what cannot be encoded, and tries it once', async () => {
    await up();
    const client = clientOf();
    await world.pass(10);
    expect(await noticed(client.notify(Buffer.alloc(1001)))).toBe('MESSAGE_TOO_LONG undefined');
    expect(await noticed(client.notify('text' as never))).toMatch(/^MESSAGE_NOT_ENCODABLE/);
  });
});

describe('RequestClient.stream', () => {
  const readAll = async (items: AsyncIterable<Buffer>): Promise<string[]> => {
    const seen: string[] = [];
    try {
      for await (const item of items) seen.push(String(item));
      seen.push('end');
    } catch (error) {
      seen.push((error as { code?: string }).code ?? String(error));
    }
    return seen;
  };
  /** What a stream reads whose connection is lost after 50 ms. */
  const readOverLoss = async (): Promise<string[]> => {
    const client = clientOf({
      retry: 'idempotent',
      budget: new RetryBudget({ perSecond: 9, burst: 9 }),
    });
    await world.pass(50);
    const read = readAll(client.stream(Buffer.from('x')));
    await world.pass(50);
    for (const channel of accepted()) channel.abort();
    await world.pass(500);
    return read;
  };
  const numbers = async function* (count: number): AsyncGenerator<Buffer> {
    for (let i = 1; i <= count; i++) yield Buffer.from(String(i));
  };

  it('waits for a connection, and reads all items', async () => {
    answer = (text) => numbers(Number(text)) as never;
    const client = clientOf();
    const read = readAll(client.stream(Buffer.from('3')));
    await world.pass(50);
    expect(asked).toEqual([]);
    await up();
    await world.pass(500);
    expect(await read).toEqual(['1', '2', '3', 'end']);
  });

  it('fails without a connection when the wait for an item is over', async () => {
    const client = clientOf({ timeoutMs: 300 });
    const read = readAll(client.stream(Buffer.from('3')));
    await world.pass(301);
    expect(await read).toEqual(['HR_ERR_TIMEOUT_REQUEST']);
  });

  it('a reader that leaves ends it at the peer', async () => {
    let left = 0;
    answer = () =>
      (async function* () {
        try {
          for (;;) yield Buffer.from('x');
        } finally {
          left += 1;
        }
      })() as never;
    await up();
    const client = clientOf();
    await world.pass(50);
    const first = (async () => {
      for await (const item of client.stream(Buffer.from('x'))) return String(item);
      return 'none';
    })();
    await world.pass(50);
    expect(await first).toBe('x');
    await world.pass(50);
    expect(left).toBe(1);
  });

  it('a loss after the first item fails it, and nothing is asked again', async () => {
    answer = () =>
      (async function* () {
        yield Buffer.from('1');
        await new Promise(() => {});
      })() as never;
    await up();
    expect(await readOverLoss()).toEqual(['1', 'HR_ERR_REQUEST_LOST']);
    expect(asked).toEqual(['x']);
  });

  it('one that was lost before its first item is asked again where that is allowed', async () => {
    answer = () =>
      (async function* () {
        if (asked.length === 1) await new Promise(() => {});
        yield Buffer.from('1');
      })() as never;
    await up();
    expect(await readOverLoss()).toEqual(['1', 'end']);
    expect(asked).toEqual(['x', 'x']);
  });

  it.each(['before a connection', 'before the first item', 'before the next item'])(
    'return() while next() waits ends it at once: %s',
    async (when) => {
      let ended = 0;
      answer = (text) =>
        (async function* () {
          if (text === 'one') yield Buffer.from('1');
          await new Promise(() => {});
        })() as never;
      const client = clientOf();
      if (when !== 'before a connection') await up();
      await world.pass(500);
      const items = client.stream(Buffer.from(when === 'before the next item' ? 'one' : 'none'));
      const first = items.next();
      await world.pass(50);
      if (when === 'before the next item') expect(String((await first).value)).toBe('1');
      const waits = when === 'before the next item' ? items.next() : first;
      await world.pass(50);
      const left = items.return!().then(() => ended++);
      await world.pass(50);
      expect(ended).toBe(1);
      await left;
      expect(await waits).toEqual({ done: true, value: undefined });
      expect(await items.next()).toEqual({ done: true, value: undefined });
      expect(client.waiting).toBe(0);
      for (const { channel } of client.clients) {
        expect(channel?.pipeline.get(ExchangeHandler)?.counts.inFlight ?? 0).toBe(0);
      }
    },
  );

  it('leaves nothing at a signal that outlives it, and ends with that signal', async () => {
    answer = (text) =>
      (async function* () {
        yield Buffer.from('1');
        if (text === 'endless') await new Promise(() => {});
      })() as never;
    await up();
    const client = clientOf();
    const life = new AbortController();
    const { signal } = life;
    for (let i = 0; i < 3; i += 1) {
      const read = readAll(client.stream(Buffer.from('x'), { signal }));
      await world.pass(50);
      expect(await read).toEqual(['1', 'end']);
    }
    const unread = client.stream(Buffer.from('x'), { signal });
    await Promise.all([unread.next(), world.pass(50)]);
    await unread.return!();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // Node keeps the signals of AbortSignal.any in sets behind symbols.
    const sizes = Object.getOwnPropertySymbols(signal).map(
      (symbol) => (Reflect.get(signal, symbol) as Partial<Set<unknown>> | undefined)?.size ?? 0,
    );
    expect(sizes.filter((size) => size > 0)).toEqual([]);

    const ended = readAll(client.stream(Buffer.from('endless'), { signal }));
    const waiting = readAll(client.stream(Buffer.from('none'), { signal }));
    await world.pass(50);
    life.abort();
    await world.pass(50);
    expect(await ended).toEqual(['1', 'HR_ERR_OPERATION_ABORTED']);
    expect(await waiting).toEqual(['1', 'end']);
    const late = readAll(client.stream(Buffer.from('x'), { signal }));
    expect(await late).toEqual(['HR_ERR_OPERATION_ABORTED']);
  });

  it('gives up the input of a call that never came to a connection', async () => {
    const client = clientOf({ timeoutMs: 300, maxWaiting: 1 });
    const inputs = [0, 1, 2].map(() => new Readable({ read() {} }));
    const calls = [
      outcome(client.request(Buffer.from('late'), { input: inputs[0]! })),
      outcome(client.request(Buffer.from('full'), { input: inputs[1]! })),
      outcome(
        client.request(Buffer.from('aborted'), { input: inputs[2]!, signal: AbortSignal.abort() }),
      ),
    ];
    await world.pass(301);
    expect(await Promise.all(calls)).toEqual([
      'HR_ERR_TIMEOUT_REQUEST',
      'HR_ERR_REJECTED_QUEUE',
      'HR_ERR_OPERATION_ABORTED',
    ]);
    expect(inputs.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it('fails a call whose input breaks while it waits for a connection, and closes refused input', async () => {
    const client = clientOf();
    const silent = () => new Readable({ read() {} });
    const [waiting, unread, invalid, streamed] = [silent(), silent(), silent(), silent()];
    const call = outcome(client.request(Buffer.from('waits'), { input: waiting }));
    const items = client.stream(Buffer.from('unread'), { input: unread });
    for (const input of [waiting, unread]) input.destroy(new Error('upstream lost'));
    const options = { input: invalid, timeoutMs: -1 };
    const calls = [
      outcome(client.request(Buffer.from('invalid'), options)),
      outcome(client.stream(Buffer.from('x'), { ...options, input: streamed }).next() as never),
    ];
    await world.pass(1);
    expect(await call).toBe('upstream lost');
    expect(await outcome(items.next() as never)).toBe('upstream lost');
    const refused = 'HR_ERR_OPTION_INVALID';
    expect(await Promise.all(calls)).toEqual([refused, refused]);
    expect([invalid.destroyed, streamed.destroyed]).toEqual([true, true]);
  });

  it('a call with input is not asked again: its items cannot be read twice', async () => {
    answer = () => new Promise(() => {});
    await up();
    const client = clientOf({
      retry: 'idempotent',
      budget: new RetryBudget({ perSecond: 9, burst: 9 }),
    });
    await world.pass(50);
    const call = outcome(client.request(Buffer.from('x'), { input: numbers(3) }));
    await world.pass(50);
    for (const channel of accepted()) channel.abort();
    await world.pass(500);
    expect([await call, asked]).toEqual(['HR_ERR_REQUEST_LOST', ['x']]);
  });
});

describe('RequestClient and a server that stops in order', () => {
  it('asks again what the server has not taken, and gets the answers of the rest', async () => {
    let free!: () => void;
    const isFree = new Promise<void>((resolve) => {
      free = resolve;
    });
    answer = async (text) => {
      if (text === 'slow') await isFree;
      return Buffer.from(`re: ${text}`);
    };
    await up('calls');
    const client = clientOf();
    await world.pass(50);
    const slow = outcome(client.request(Buffer.from('slow')));
    await world.pass(50);
    // Later calls are written before the client hears of the drain.
    const hold = client.clients[0]!.channel!.holdReads('test');
    for (const channel of accepted())
      world.clock.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    const later = ['1', '2', '3'].map((text) => outcome(client.request(Buffer.from(text))));
    expect(client.waiting).toBe(0);
    await world.pass(50);
    hold.release();
    await world.pass(300);
    // The server that drains still works on the first call.
    expect(await Promise.all(later)).toEqual(['re: 1', 're: 2', 're: 3']);
    expect(asked).toEqual(['slow', '1', '2', '3']);
    expect(accepted()).toHaveLength(2);
    free();
    await world.pass(500);
    expect(await slow).toBe('re: slow');
    expect(accepted()).toHaveLength(1);
  });

  it.each([
    ['by default', {}],
    ['with few attempts', { retry: fixed(1000, { attempts: 5 }) }],
  ])(
    'is back soon at a single server that stops for long, and awaits its answers, %s',
    async (_, options) => {
      let free!: () => void;
      answer = (text) =>
        text === 'slow'
          ? new Promise((resolve) => (free = () => resolve(Buffer.from('re: slow'))))
          : Buffer.from(`re: ${text}`);
      await up('calls');
      const { clock } = world;
      const addresses = [world.place('calls')];
      const common = { addresses, clock, logger: silentLogger, random: () => 0.9 };
      const client = clientOf({ client: { bootstrap: bootstrap(), ...common, ...options } });
      await world.pass(50);
      const slow = outcome(client.request(Buffer.from('slow'), { timeoutMs: false }));
      await world.pass(50);
      const stopping = shutdown({ drainTimeoutMs: 30_000 });
      await world.pass(20_000);
      const later = outcome(client.request(Buffer.from('later'), { timeoutMs: 30_000 }));
      free();
      await world.pass(100);
      await stopping;
      expect(await slow).toBe('re: slow');
      await up('calls');
      await world.pass(2000);
      expect(await later).toBe('re: later');
    },
  );

  it('does not ask a server that stops while the connection is made ready', async () => {
    answer = (text) => (text === 'slow' ? new Promise(() => {}) : Buffer.from(`re: ${text}`));
    await up('calls');
    const addresses = [world.place('calls')];
    const common = { addresses, clock: world.clock, logger: silentLogger, random: () => 0.9 };
    let isFirst = true;
    const ready = async (channel: Channel) => {
      if (!isFirst) return;
      isFirst = false;
      const slow = channel.pipeline.get(ExchangeHandler)!.request(Buffer.from('slow'));
      void outcome(slow as Promise<Buffer>);
      await new Promise<void>((resolve) => world.clock.schedule(resolve, 100));
    };
    const client = clientOf({ client: { bootstrap: bootstrap(), ...common, ready } });
    await world.pass(50);
    for (const channel of accepted())
      world.clock.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(60_000)));
    const call = outcome(client.request(Buffer.from('a')));
    await world.pass(1000);
    expect(await call).toBe('re: a');
    expect([asked, accepted().length]).toEqual([['slow', 'a'], 2]);
  });

  it('ends connections that it has left when it is closed', async () => {
    answer = () => new Promise(() => {});
    await up('calls');
    const client = clientOf();
    await world.pass(50);
    const call = outcome(client.request(Buffer.from('slow')));
    await world.pass(50);
    for (const channel of accepted())
      world.clock.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(60_000)));
    await world.pass(500);
    expect(accepted()).toHaveLength(2);
    const closing = client.close();
    await world.pass(5000);
    await closing;
    expect([await call, accepted().length]).toEqual(['HR_ERR_REQUEST_LOST', 0]);
  });
});

describe('RequestClient and a connection that is half over', () => {
  it('ends it and asks over the next one, in place of asking for ever', async () => {
    await up();
    const { clock } = world;
    const client = clientOf({
      client: {
        bootstrap: bootstrap(true),
        addresses: [world.place('calls')],
        retry: fixed(100),
        logger: silentLogger,
        clock,
      },
    });
    await world.pass(10);
    for (const channel of accepted()) channel.shutdown('output');
    await world.pass(10);
    const call = outcome(client.request(Buffer.from('a')));
    await world.pass(500);
    expect(await call).toBe('re: a');
  });
});

describe('RequestClient with several connections', () => {
  it('spreads its connections over the places, and its calls over the connections', async () => {
    for (const name of ['a', 'b', 'c']) await up(name);
    const client = clientOf({
      connections: 3,
      client: {
        bootstrap: bootstrap(),
        addresses: ['a', 'b', 'c'].map((name) => world.place(name)),
        logger: silentLogger,
        clock: world.clock,
      },
    });
    await world.pass(1);
    for (let i = 0; i < 150; i += 1) {
      const call = client.request(Buffer.from('one'));
      await world.settle();
      await call;
    }
    const calls = Array.from({ length: 150 }, () => client.request(Buffer.from('many')));
    await world.settle();
    await Promise.all(calls);
    expect([...askedOf.values()]).toEqual([100, 100, 100]);
  });

  it('says why the last try failed even while another one is under way', async () => {
    const client = clientOf({
      timeoutMs: 1000,
      client: {
        addresses: [world.place('a'), world.place('b')],
        order: 'given',
        bootstrap: {
          connect: ({ name }) =>
            name === 'a' ? new Promise(() => {}) : Promise.reject(new Error(`${name} said no`)),
        },
        logger: silentLogger,
        clock: world.clock,
      },
    });
    const call = client.request(Buffer.from('a')).catch((error: Error) => error.message);
    await world.pass(1000);
    expect(await call).toBe('no connection for the request within 1000 ms: b said no');
  });
});

describe('requestOnce', () => {
  it('refuses to go without a bootstrap', async () => {
    const call = requestOnce(world.place('calls'), Buffer.from('a'), {} as never);
    await expect(call).rejects.toMatchObject({ code: 'HR_ERR_OPTION_INVALID' });
  });

  it('connects, asks and closes', async () => {
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
