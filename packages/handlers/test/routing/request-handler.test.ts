import { Readable } from 'node:stream';
import { type Context, DrainEvent, type Handler, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { StreamWriteHandler } from '../../src/flow/stream-write-handler.ts';
import { RequestHandler, type RequestOptions } from '../../src/routing/request-handler.ts';

/** Requests that the test answers by hand. */
class Desk {
  readonly begun: string[] = [];
  readonly signals = new Map<string, AbortSignal>();
  private readonly open = new Map<
    string,
    { resolve: (answer: string | undefined) => void; reject: (error: Error) => void }
  >();

  readonly handle: RequestOptions<string, string>['handle'] = (request, { signal }) => {
    this.begun.push(request);
    this.signals.set(request, signal);
    return new Promise((resolve, reject) => this.open.set(request, { resolve, reject }));
  };

  async answer(request: string, answer: string | null = `re:${request}`): Promise<void> {
    this.open.get(request)!.resolve(answer ?? undefined);
    await turn();
  }

  async fail(request: string): Promise<void> {
    this.open.get(request)!.reject(new Error(`no ${request}`));
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function serving(options: Partial<RequestOptions<string, string>> = {}, ...after: Handler[]) {
  const desk = new Desk();
  const channel = new EmbeddedChannel(
    new RequestHandler<string, string>({ handle: desk.handle, ...options }),
    ...after,
  );
  return { desk, channel };
}

function taken(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) all.push(m);
  return all;
}

describe('RequestHandler', () => {
  it('works on one request after the other, and answers each', async () => {
    const { desk, channel } = serving();
    channel.writeInbound('a', 'b');
    expect(desk.begun).toEqual(['a']);
    await desk.answer('a');
    expect(taken(channel)).toEqual(['re:a']);
    expect(desk.begun).toEqual(['a', 'b']);
    await desk.answer('b');
    expect(taken(channel)).toEqual(['re:b']);
  });

  it('answers in the order of the requests, in whatever order the work is done', async () => {
    const { desk, channel } = serving({ concurrency: 3 });
    channel.writeInbound('a', 'b', 'c', 'd');
    expect(desk.begun).toEqual(['a', 'b', 'c']);
    await desk.answer('c');
    await desk.answer('b');
    expect(taken(channel)).toEqual([]);
    expect(desk.begun).toEqual(['a', 'b', 'c', 'd']);
    await desk.answer('a');
    expect(taken(channel)).toEqual(['re:a', 're:b', 're:c']);
  });

  it('answers at once what is returned at once, and flushes once for all of a turn', () => {
    let flushes = 0;
    const channel = new EmbeddedChannel(
      {
        flush: (ctx) => {
          flushes += 1;
          ctx.flush();
        },
      },
      new RequestHandler<string, string>({ handle: (request) => request.toUpperCase() }),
    );
    channel.writeInbound('a');
    expect(taken(channel)).toEqual(['A']);
    expect(flushes).toBe(1);
  });

  it('sends nothing for a request without an answer, and later ones do not wait for it', async () => {
    const { desk, channel } = serving({ concurrency: 2 });
    channel.writeInbound('a', 'b');
    await desk.answer('b');
    await desk.answer('a', null);
    expect(taken(channel)).toEqual(['re:b']);
  });

  it.each(['request', 'completion'] as const)(
    "order '%s': a failure without an answer is an error of the channel and ends it, and the log names the cure",
    async (order) => {
      const lines: string[] = [];
      const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
      const channel = EmbeddedChannel.with(
        { logger },
        new RequestHandler<string, string>({
          handle: async () => {
            throw new Error('no a');
          },
          order,
        }),
      );
      channel.writeInbound('a');
      await turn();
      expect(() => channel.checkException()).toThrow('no a');
      expect(channel.isEnding).toBe(true);
      expect(lines).toEqual([
        expect.stringMatching(
          /^warn .* a message got no answer, so the channel ends: give RequestHandler the option answerError/,
        ),
      ]);
    },
  );

  it('sends the earlier answers before a failure ends the channel, and no later ones', async () => {
    const { desk, channel } = serving({ concurrency: 3 }, { exceptionCaught: () => {} });
    channel.writeInbound('a', 'b', 'c');
    await desk.answer('c');
    await desk.fail('b');
    expect([taken(channel), channel.isEnding]).toEqual([[], false]);
    await desk.answer('a');
    expect([taken(channel), channel.isEnding]).toEqual([['re:a'], true]);
  });

  it('aborts the requests that nobody answers any more after a failure', async () => {
    const { desk, channel } = serving(
      { concurrency: 2, order: 'completion' },
      { exceptionCaught: () => {} },
    );
    channel.writeInbound('a', 'b');
    await desk.fail('a');
    expect(desk.signals.get('b')?.aborted).toBe(true);
    await desk.answer('b');
    expect(taken(channel)).toEqual([]);
  });

  it('keeps a channel of datagrams open after a failure without an answer', async () => {
    const { desk, channel } = serving({ order: 'completion' }, { exceptionCaught: () => {} });
    channel.embedded.connectionless = {};
    channel.writeInbound('a', 'b');
    await desk.fail('a');
    await desk.answer('b');
    expect([taken(channel), channel.isEnding]).toEqual([['re:b'], false]);
  });

  it('makes a generator that was returned a failure', () => {
    const channel = new EmbeddedChannel(
      new RequestHandler<string, unknown>({
        handle: function* () {
          yield 'a';
        },
        answerError: ({ message }) => message,
      }),
    );
    channel.writeInbound('a');
    expect(channel.readOutbound()).toMatch(/returned a generator or an async iterable/);
  });

  it('answers with a stream where a StreamWriteHandler takes it', async () => {
    const channel = new EmbeddedChannel(
      new StreamWriteHandler<string>(),
      new RequestHandler<string, AsyncIterable<string>>({
        handle: (text) => Readable.from([text, text]),
      }),
    );
    channel.writeInbound('a');
    const first = await channel.waitForOutbound();
    expect([first, await channel.waitForOutbound()]).toEqual(['a', 'a']);
  });

  it('makes an answer of a failure with answerError, in its place', async () => {
    const { desk, channel } = serving({
      concurrency: 2,
      answerError: (error, request) => `${request} failed: ${error.message}`,
    });
    channel.writeInbound('a', 'b');
    await desk.fail('b');
    await desk.answer('a');
    expect(taken(channel)).toEqual(['re:a', 'b failed: no b']);
    channel.checkException();
  });

  it('answers the failure of a function that throws at once', () => {
    const { channel } = serving({
      handle: () => {
        throw new Error('at once');
      },
      answerError: (error) => error.message,
    });
    channel.writeInbound('a');
    expect(taken(channel)).toEqual(['at once']);
  });

  it('gives up on a request after its time, and aborts its signal', async () => {
    const errors: boolean[] = [];
    const { desk, channel } = serving({
      timeoutMs: 100,
      answerError: (error) => {
        errors.push(isHeadraceError(error, 'TIMEOUT_REQUEST'));
        return 'late';
      },
    });
    channel.writeInbound('a', 'b');
    channel.advance(100);
    expect(taken(channel)).toEqual(['late']);
    expect(errors).toEqual([true]);
    expect(desk.signals.get('a')?.aborted).toBe(true);
    expect(desk.begun).toEqual(['a', 'b']);
    await desk.answer('a');
    expect(taken(channel)).toEqual([]);
    channel.writeInbound('c');
    expect(desk.begun).toEqual(['a', 'b']);
    await desk.answer('b');
    await desk.answer('c', null);
    expect(taken(channel)).toEqual(['re:b']);
    // One timer for all, which is not cancelled by each answer.
    expect(channel.clock.pendingTimers).toBe(1);
    channel.advance(100);
    expect([taken(channel), channel.clock.pendingTimers]).toEqual([[], 0]);
  });

  it('reads no more while too many requests wait, and reads on when they are answered', async () => {
    const { desk, channel } = serving({ maxPending: 2 });
    const { reads } = channel.embedded;
    channel.writeInbound('a', 'b');
    expect(channel.embedded.reads).toBe(reads);
    await desk.answer('a');
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('aborts what is under way when the channel closes, and drops its answers', async () => {
    const { desk, channel } = serving({ timeoutMs: 1000 });
    channel.writeInbound('a', 'b');
    channel.finish();
    expect(desk.signals.get('a')?.aborted).toBe(true);
    await desk.answer('a');
    expect(desk.begun).toEqual(['a']);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('does not let a drain end the channel before what came is answered', async () => {
    const { desk, channel } = serving();
    channel.writeInbound('a');
    const event = new DrainEvent(1000);
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    expect([event.holds, channel.isEnding]).toEqual([['requests'], false]);
    await desk.answer('a');
    expect(taken(channel)).toEqual(['re:a']);
    expect(channel.isEnding).toBe(true);
    channel.finish();
    const idle = serving().channel;
    idle.run(() => idle.pipeline.fireUserEventTriggered(new DrainEvent(1000)));
    expect(idle.isEnding).toBe(true);
    idle.finish();
  });

  it('lets a drain wait for a request that came while another handler held the drain', async () => {
    const { desk, channel } = serving();
    const event = new DrainEvent(1000);
    const frame = event.hold('begun frame');
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    channel.writeInbound('a');
    channel.run(() => frame.release());
    expect([event.holds, channel.isEnding]).toEqual([['requests'], false]);
    await desk.answer('a');
    expect([taken(channel), channel.isEnding]).toEqual([['re:a'], true]);
    channel.finish();
  });

  it('goes on reading when it is removed', () => {
    const { channel } = serving({ maxPending: 1 });
    channel.writeInbound('a');
    const { reads } = channel.embedded;
    channel.run(() => void channel.pipeline.remove(RequestHandler));
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it("order 'completion': a fast request does not wait for a slow one before it", async () => {
    const { desk, channel } = serving({ concurrency: 3, order: 'completion' });
    channel.writeInbound('slow', 'fast', 'next');
    await desk.answer('fast');
    expect(taken(channel)).toEqual(['re:fast']);
    await desk.answer('next');
    await desk.answer('slow');
    expect(taken(channel)).toEqual(['re:next', 're:slow']);
  });

  it("order 'completion' holds reads and aborts as the other order does", async () => {
    const { desk, channel } = serving({ concurrency: 9, maxPending: 2, order: 'completion' });
    channel.writeInbound('a', 'b');
    expect(channel.readHolds).toEqual(['RequestHandler']);
    await desk.answer('b');
    expect(channel.isReadHeld).toBe(false);
    channel.close();
    expect(desk.signals.get('a')?.aborted).toBe(true);
    expect(desk.signals.get('b')?.aborted).toBe(false);
  });

  it('refuses another order', () => {
    const order = 'any' as 'request';
    expect(() => new RequestHandler({ handle: () => 'x', order })).toThrow(/order is "any"/);
  });

  it('makes an answer of an answer that cannot be encoded', () => {
    const encoder = (): Handler => ({
      write: (ctx, message) => {
        if (message === 'bad') throw new Error('cannot encode');
        return ctx.write(message);
      },
    });
    const channel = new EmbeddedChannel(
      encoder(),
      new RequestHandler<string, string>({
        handle: (request) => (request === 'x' ? 'bad' : `re:${request}`),
        answerError: (error, request) => `${request}: ${error.message}`,
      }),
    );
    channel.writeInbound('a', 'x', 'b');
    expect(taken(channel)).toEqual(['re:a', 'x: cannot encode', 're:b']);
    const errors: string[] = [];
    const silent = new EmbeddedChannel(
      encoder(),
      new RequestHandler<string, string>({ handle: () => 'bad' }),
      { exceptionCaught: (_ctx, error) => void errors.push(error.message) },
    );
    silent.writeInbound('x');
    expect(errors).toEqual(['cannot encode']);
  });

  it.each([
    ['no answer to the error', {}],
    ['an answer to the error that cannot be encoded', { answerError: () => 'bad' }],
  ])('ends the channel, instead of leaving the peer waiting, for %s', (_name, options) => {
    const channel = new EmbeddedChannel(
      {
        write: (ctx: Context, message: unknown) => {
          if (message === 'bad') throw new Error('cannot encode');
          return ctx.write(message);
        },
      },
      new RequestHandler<string, string>({
        handle: (request) => (request === 'x' ? 'bad' : `re:${request}`),
        ...options,
      }),
      { exceptionCaught: () => {} },
    );
    channel.writeInbound('a', 'x');
    expect([taken(channel), channel.isEnding]).toEqual([['re:a'], true]);
  });
});
