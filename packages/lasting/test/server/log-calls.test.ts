import type { Channel } from '@headrace/core';
import { RequestHandler } from '@headrace/handlers';
import { memorySessionLog } from '@headrace/lasting/log';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TwoProcesses } from './two-processes.ts';

const format = binaryExchange();

/** A call that a process has begun, and the test answers. */
interface Begun {
  readonly text: string;
  readonly signal: AbortSignal;
  answer(text: string): void;
}

describe('calls over a lasting channel that is in a log', () => {
  let world: TwoProcesses;
  let begun: Begun[];
  let exchange: ExchangeHandler<BinaryExchange>;
  let client: Channel;

  const handle = (request: Buffer, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<Buffer>((resolve) => {
      const answer = (text: string): void => resolve(Buffer.from(text));
      begun.push({ text: String(request), signal, answer });
    });
  const texts = (): string[] => begun.map(({ text }) => text);
  const killed = async (): Promise<void> => {
    await world.before.kill();
    await world.pass(3000);
  };
  const connected = async (serve: () => ExchangeHandler<BinaryExchange>): Promise<void> => {
    await world.up(() => [serve()]);
    client = await world.connect(exchange);
    await world.pass(1000);
  };

  beforeEach(() => {
    begun = [];
    const log = memorySessionLog({ clock: { now: () => world.clock.now() } });
    world = new TwoProcesses({ log });
    exchange = new ExchangeHandler({ format });
  });
  afterEach(() => world.end());

  const call = (text: string, options?: object): Promise<string> => {
    const answer = exchange.request(Buffer.from(text), options).then(String);
    // Some are never answered.
    answer.catch(() => {});
    return answer;
  };

  it('answers a call once that was under way when its process was killed', async () => {
    await connected(() => new ExchangeHandler({ format, handle }));
    const answers: string[] = [];
    const [slow, quick] = [call('slow'), call('quick')];
    for (const answer of [slow, quick]) void answer.then((text) => answers.push(text));
    await world.pass(1000);
    begun[1]!.answer('quick');
    await world.pass(1000);
    await killed();
    expect([texts(), answers]).toEqual([['slow', 'quick', 'slow'], ['quick']]);
    begun[2]!.answer('slow');
    await world.pass(1000);
    expect([answers, client.isActive]).toEqual([['quick', 'slow'], true]);
    void call('next');
    await world.pass(1000);
    expect(texts().at(-1)).toBe('next');
  });

  it('repeats a notification whose work is not done, and none whose work is', async () => {
    await connected(() => new ExchangeHandler({ format, handle }));
    for (const text of ['one', 'two']) exchange.notify(Buffer.from(text));
    await world.pass(1000);
    begun[0]!.answer('');
    await world.pass(1000);
    await killed();
    expect(texts()).toEqual(['one', 'two', 'two']);
  });

  it('does not repeat a call that was cancelled', async () => {
    await connected(() => new ExchangeHandler({ format, handle }));
    const aborter = new AbortController();
    const cancelled = call('cancelled', { signal: aborter.signal }).catch(() => 'refused');
    void call('kept');
    await world.pass(1000);
    aborter.abort();
    expect(await cancelled).toBe('refused');
    await world.pass(1000);
    expect(begun[0]!.signal.aborted).toBe(true);
    await killed();
    expect(texts()).toEqual(['cancelled', 'kept', 'kept']);
  });

  it('cancels a repeated call that its caller gives up meanwhile', async () => {
    await connected(() => new ExchangeHandler({ format, handle }));
    const aborter = new AbortController();
    const cancelled = call('slow', { signal: aborter.signal }).catch(() => 'refused');
    await world.pass(1000);
    await world.before.kill();
    aborter.abort();
    await cancelled;
    await world.pass(3000);
    expect([texts(), begun[1]!.signal.aborted]).toEqual([['slow', 'slow'], true]);
  });

  it('repeats calls that waited for their turn', async () => {
    await connected(() => new ExchangeHandler({ format, handle, concurrency: 1, maxQueued: 10 }));
    const answers: string[] = [];
    for (const text of ['a', 'b', 'c']) void call(text).then((answer) => answers.push(answer));
    await world.pass(1000);
    begun[0]!.answer('A');
    await world.pass(1000);
    await killed();
    begun[2]!.answer('B');
    await world.pass(1000);
    begun[3]!.answer('C');
    await world.pass(1000);
    expect([texts(), answers]).toEqual([
      ['a', 'b', 'b', 'c'],
      ['A', 'B', 'C'],
    ]);
  });

  it('ends a stream that was under way with an error, and serves the next call', async () => {
    const items = async function* (_request: Buffer, { signal }: { signal: AbortSignal }) {
      yield Buffer.from('one');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    let hasItems = true;
    const either = (request: Buffer, scope: never) =>
      hasItems ? items(request, scope) : handle(request, scope);
    await connected(() => new ExchangeHandler({ format, handle: either as never }));
    const received: string[] = [];
    const reading = (async () => {
      for await (const item of exchange.stream(Buffer.from('all'))) {
        received.push(String(item));
      }
    })().catch((error: Error) => error);
    await world.pass(1000);
    hasItems = false;
    await killed();
    const error = (await reading) as Error;
    expect(error.message).toContain('the items of this call were lost with the process');
    expect(error).toMatchObject({ code: 'HR_ERR_REQUEST_LOST', details: { sent: true } });
    expect(received).toEqual(['one']);
    const next = call('next');
    await world.pass(1000);
    begun[0]!.answer('answer');
    await world.pass(1000);
    expect([await next, client.isActive]).toEqual(['answer', true]);
  });

  it('keeps the order of requests, also of answers that waited for one', async () => {
    const inbox: string[] = [];
    const answerOf = (request: Buffer) => handle(request, { signal: new AbortController().signal });
    await world.up(() => [
      new RequestHandler<Buffer, Buffer>({ concurrency: 10, order: 'request', handle: answerOf }),
    ]);
    client = await world.connect({ channelRead: (_ctx, bytes) => void inbox.push(String(bytes)) });
    for (const text of ['a', 'b', 'c']) client.writeAndFlush(Buffer.from(text));
    await world.pass(1000);
    begun[1]!.answer('B');
    begun[2]!.answer('C');
    await world.pass(1000);
    expect(inbox).toEqual([]);
    await killed();
    expect(texts()).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    for (const at of [5, 4, 3]) begun[at]!.answer(texts()[at]!.toUpperCase());
    await world.pass(1000);
    expect(inbox).toEqual(['A', 'B', 'C']);
  });
});
