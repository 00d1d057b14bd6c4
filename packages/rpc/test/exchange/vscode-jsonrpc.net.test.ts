import { once } from 'node:events';
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { Bootstrap, type Handler, ServerBootstrap } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { SocketClock } from '../../../core/test/fixture/socket-clock.ts';
import {
  ExchangeHandler,
  type ExchangeScope,
  type JsonRpcCall,
  type JsonRpcExchange,
  jsonRpcExchange,
  refusal,
} from '../../src/index.ts';
import { watch } from './two-ends.ts';

const format = jsonRpcExchange();
const before = (): Handler[] => [
  ...contentLengthPrefixed({ maxFrameLength: 1 << 20 }),
  new JsonCodec(),
];
const clock = new SocketClock();
/** The failure that a test causes is logged; the deadline of a call comes when the test moves the time. */
const quiet = { logger: { log() {} }, clock };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function libraryOn(socket: Socket): MessageConnection {
  const reader = new SocketMessageReader(socket);
  const connection = createMessageConnection(reader, new SocketMessageWriter(socket));
  closers.push(() => {
    connection.dispose();
    socket.destroy();
  });
  return connection;
}

/** Our server, the library's client. */
async function libraryAsClient(
  exchange: ExchangeHandler<JsonRpcExchange>,
): Promise<MessageConnection> {
  const server = await new ServerBootstrap()
    .childOptions(quiet)
    .childHandler(({ pipeline }) => pipeline.addLast(...before(), exchange))
    .bind({ host: '127.0.0.1', port: 0 });
  closers.push(() => server[Symbol.asyncDispose]());
  const socket = connect({ host: '127.0.0.1', port: server.port });
  await once(socket, 'connect');
  return libraryOn(socket);
}

/** The library's server, our client. */
async function libraryAsServer(
  exchange: ExchangeHandler<JsonRpcExchange>,
): Promise<MessageConnection> {
  const server: NetServer = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const channel = await new Bootstrap()
    .options(quiet)
    .handler(({ pipeline }) => pipeline.addLast(...before(), exchange))
    .connect({ host: '127.0.0.1', port });
  closers.push(() => channel.close());
  const [socket] = await accepted;
  return libraryOn(socket);
}

/** Adds, fails, refuses, and waits until it is cancelled. */
class Answers {
  readonly notified: JsonRpcCall[] = [];
  readonly aborted: string[] = [];

  readonly handle = (call: JsonRpcCall, scope: ExchangeScope): unknown => {
    const { method, params } = call;
    if (!scope.wantsAnswer) this.notified.push(call);
    else if (method === 'add') return (params as number[]).reduce((a, b) => a + b, 0);
    else if (method === 'nothing') return undefined;
    else if (method === 'fail') throw new Error('a secret');
    else if (method === 'wait') return this.wait(scope.signal);
    else throw refusal(-32_601, `no ${method}`, { method });
    return undefined;
  };

  private wait(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.aborted.push('wait');
        reject(new Error('aborted'));
      });
    });
  }
}

function answerLike(connection: MessageConnection): string[] {
  const seen: string[] = [];
  // Its last argument is a token for the cancellation.
  connection.onRequest('add', (...numbers: number[]) =>
    numbers.slice(0, -1).reduce((a, b) => a + b, 0),
  );
  connection.onRequest('nothing', () => {});
  connection.onRequest('refuse', () => new ResponseError(1234, 'no', { why: 'so' }));
  connection.onRequest(
    'wait',
    (token) =>
      new Promise((resolve) => {
        seen.push('wait begins');
        token.onCancellationRequested(() => {
          seen.push('cancelled');
          resolve('too late');
        });
      }),
  );
  connection.onNotification('up', () => {});
  connection.onNotification((method, params) => {
    seen.push(`${method} ${JSON.stringify(params)}`);
  });
  return seen;
}

describe.each([
  ['the library as client', libraryAsClient],
  ['the library as server', libraryAsServer],
])('vscode-jsonrpc, %s', (_, connectTo) => {
  it('asks us: results, errors, notifications', async () => {
    const answers = new Answers();
    const connection = await connectTo(new ExchangeHandler({ format, handle: answers.handle }));
    connection.listen();
    const sums = Array.from({ length: 100 }, (_, i) => connection.sendRequest('add', i, 1, 2));
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 100 }, (_, i) => i + 3));
    expect(await connection.sendRequest('nothing')).toBeNull();
    await expect(connection.sendRequest('fail')).rejects.toMatchObject({
      code: -32_603,
      message: 'the request failed',
    });
    await expect(connection.sendRequest('other')).rejects.toMatchObject({
      code: -32_601,
      message: 'no other',
      data: { method: 'other' },
    });
    await connection.sendNotification('told', { a: 1 });
    await expect.poll(() => answers.notified).toHaveLength(1);
    expect(answers.notified[0]).toMatchObject({ method: 'told' });
    expect(JSON.stringify(answers.notified[0]?.params)).toContain('{"a":1}');
  });

  it('cancels what it asked us: the signal aborts, and it gets its error', async () => {
    const answers = new Answers();
    const connection = await connectTo(new ExchangeHandler({ format, handle: answers.handle }));
    connection.listen();
    const source = new CancellationTokenSource();
    const call = watch(connection.sendRequest('wait', source.token));
    expect(await connection.sendRequest('add', 1)).toBe(1);
    expect([answers.aborted, call.outcome]).toEqual([[], 'pending']);
    source.cancel();
    await expect.poll(() => call.error).toMatchObject({ code: -32_800 });
    expect(answers.aborted).toEqual(['wait']);
  });

  it('answers us: results, errors, notifications', async () => {
    const exchange = new ExchangeHandler({ format });
    const connection = await connectTo(exchange);
    const seen = answerLike(connection);
    connection.listen();
    // As a server we have no channel before the library's client is accepted.
    await expect
      .poll(() => connection.sendNotification('up').then(() => isUp(exchange)))
      .toBe(true);
    const sums = Array.from({ length: 100 }, (_, i) =>
      exchange.request({ method: 'add', params: [i, 1, 2] }),
    );
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 100 }, (_, i) => i + 3));
    expect(await exchange.request({ method: 'nothing' })).toBeNull();
    await expect(exchange.request({ method: 'refuse' })).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_REFUSED',
      details: { code: 1234, text: 'no' },
      cause: { why: 'so' },
    });
    await expect(exchange.request({ method: 'other' })).rejects.toMatchObject({
      details: { code: -32_601 },
    });
    await exchange.notify({ method: 'told', params: { a: 1 } });
    await expect.poll(() => seen).toEqual(['told {"a":1}']);
  });

  it('sees what we cancel, by signal and by time', async () => {
    const exchange = new ExchangeHandler({ format });
    const connection = await connectTo(exchange);
    const seen = answerLike(connection);
    connection.listen();
    await expect
      .poll(() => connection.sendNotification('up').then(() => isUp(exchange)))
      .toBe(true);
    const aborter = new AbortController();
    const aborted = watch(exchange.request({ method: 'wait' }, { signal: aborter.signal }));
    const timedOut = watch(exchange.request({ method: 'wait' }, { timeoutMs: 50 }));
    await expect.poll(() => seen.filter((one) => one === 'wait begins')).toHaveLength(2);
    aborter.abort();
    clock.advance(50);
    await expect.poll(() => seen.filter((one) => one === 'cancelled')).toHaveLength(2);
    expect([aborted.outcome, timedOut.outcome]).toEqual([
      'OPERATION_ABORTED sent true',
      'TIMEOUT_REQUEST sent true',
    ]);
    // The library answers all the same, later.
    await expect.poll(() => exchange.counts.lateAnswers).toBe(2);
  });
});

/** It is in a pipeline. */
function isUp(exchange: ExchangeHandler<JsonRpcExchange>): boolean {
  try {
    exchange.notify({ method: 'up' }).onSettled(() => {});
    return true;
  } catch {
    return false;
  }
}
