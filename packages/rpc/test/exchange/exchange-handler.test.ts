import { contentLengthPrefixed, JsonCodec, lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Context,
  DrainEvent,
  type Handler,
  MemoryNetwork,
  OptionError,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { connectedPair, EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  binaryExchange,
  type ExchangeFormat,
  ExchangeHandler,
  type ExchangeOptions,
  type JsonRpcExchange,
  jsonRpcExchange,
  refusal,
} from '../../src/index.ts';
import { Desk, TwoEnds, type Watched, watch } from './two-ends.ts';

const format = binaryExchange();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ExchangeHandler, asking', () => {
  it.each([
    ['its removal', (channel: EmbeddedChannel) => channel.pipeline.remove(ExchangeHandler)],
    [
      'bad input',
      (channel: EmbeddedChannel) =>
        expect(() => channel.writeInbound({ result: 1 })).toThrow('jsonrpc is not'),
    ],
  ])('settles a notification that waited and is lost with the channel after %s', (_what, end) => {
    const exchange = new ExchangeHandler({ format: jsonRpcExchange(), maxInFlight: 1 });
    const channel = new EmbeddedChannel({ flush() {} }, exchange) as EmbeddedChannel;
    for (const method of ['a', 'b']) watch(exchange.request({ method }));
    const notice = exchange.notify({ method: 'n' });
    channel.writeInbound({ jsonrpc: '2.0', id: 1, result: 'done' });
    expect(exchange.counts).toMatchObject({ inFlight: 1, queued: 0 });
    end(channel);
    channel.abort();
    channel.runPendingTasks();
    expect(notice.error).toMatchObject({ code: 'HR_ERR_REQUEST_LOST', details: { sent: false } });
  });

  it('gives each answer to its caller, in whatever order they come', async () => {
    const ends = new TwoEnds();
    const [a, b, c] = ['a', 'b', 'c'].map((text) => ends.ask(text));
    await ends.answer('c');
    await ends.answer('a');
    expect([a?.outcome, b?.outcome, c?.outcome]).toEqual(['re:a', 'pending', 're:c']);
    await ends.answer('b');
    expect(b?.outcome).toBe('re:b');
    expect(ends.caller.counts).toMatchObject({ inFlight: 0, queued: 0 });
    expect(ends.answerer.counts).toMatchObject({ unanswered: 0, running: 0 });
  });

  it('asks in both directions over one connection', async () => {
    const echo = (name: string) =>
      new ExchangeHandler({ format, handle: (body) => Buffer.from(`${name}:${body}`) });
    const [one, other] = [echo('one'), echo('other')];
    const { clock } = connectedPair({
      client: ({ pipeline }) =>
        pipeline.addLast(...contentLengthPrefixed({ maxFrameLength: 100 }), one),
      server: ({ pipeline }) =>
        pipeline.addLast(...contentLengthPrefixed({ maxFrameLength: 100 }), other),
    });
    const answers = clock.run(() => [
      one.request(Buffer.from('x')),
      other.request(Buffer.from('y')),
    ]);
    expect((await Promise.all(answers)).map(String)).toEqual(['other:x', 'one:y']);
  });

  it('flushes what is asked in one event together, and each end answers a read with one flush', async () => {
    let flushes = 0;
    const counter = {
      flush: (ctx: Context) => {
        flushes += 1;
        ctx.flush();
      },
    };
    const ends = new TwoEnds({}, { handle: (body) => body }, { beforeCaller: [counter] });
    const all = ends.pair.clock.run(() =>
      Array.from({ length: 64 }, () => ends.caller.request(Buffer.from('x'))),
    );
    await Promise.all(all);
    expect(flushes).toBe(1);
  });

  it('waits for the connection, and sends then; without one, nothing was sent', async () => {
    const network = new MemoryNetwork();
    const frames = () => lengthPrefixed({ maxFrameLength: 1000 });
    await using _server = await new ServerBootstrap()
      .childHandler(({ pipeline }) =>
        pipeline.addLast(...frames(), new ExchangeHandler({ format, handle: (body) => body })),
      )
      .bind({ network, name: 'echo' });
    const outcomes = ['echo', 'nobody'].map(async (name) => {
      const exchange = new ExchangeHandler({ format });
      let call: Watched | undefined;
      let wasActive: boolean | undefined;
      const asksEarly = {
        channelRegistered(ctx: Context) {
          wasActive = ctx.channel.isActive;
          exchange.notify(Buffer.from('early')).onSettled(() => {});
          call = watch(exchange.request(Buffer.from('early')));
          ctx.fireChannelRegistered();
        },
      };
      await new Bootstrap()
        .handler(({ pipeline }) => pipeline.addLast(...frames(), exchange, asksEarly))
        .connect({ network, name })
        .catch(() => {});
      await expect.poll(() => call?.outcome).not.toBe('pending');
      return [wasActive, call?.outcome];
    });
    expect(await Promise.all(outcomes)).toEqual([
      [false, 'early'],
      [false, 'REQUEST_LOST sent false'],
    ]);
  });

  it('cannot be used before it is in a pipeline', async () => {
    const exchange = new ExchangeHandler({ format });
    expect(await outcomeOf(exchange.request(Buffer.alloc(0)))).toBe('PIPELINE_STATE');
    expect(() => exchange.notify(Buffer.alloc(0))).toThrow(/not in the pipeline/);
  });

  it('gives up after its time, cancels at the peer, and drops the late answer', async () => {
    const ends = new TwoEnds({ timeoutMs: 1000 });
    const call = ends.ask('a');
    await ends.advance(999);
    expect(call.outcome).toBe('pending');
    expect(ends.desk.signal('a').aborted).toBe(false);
    await ends.advance(1);
    expect(call.outcome).toBe('TIMEOUT_REQUEST sent true');
    expect(ends.desk.signal('a').aborted).toBe(true);
    expect(ends.caller.counts).toMatchObject({ inFlight: 0, lateAnswers: 1, unknownAnswers: 0 });
    await ends.answer('a');
    expect(ends.caller.counts).toMatchObject({ lateAnswers: 1, unknownAnswers: 0 });
    expect(ends.pair.clock.pendingTimers).toBe(0);
  });

  it('takes a time of its own for a call, and none', async () => {
    const ends = new TwoEnds({ timeoutMs: 1000 });
    const [short, endless] = [
      ends.ask('a', { timeoutMs: 10 }),
      ends.ask('b', { timeoutMs: false }),
    ];
    expect(ends.desk.scopes.get('b')?.timeLeftMs).toBe(Number.POSITIVE_INFINITY);
    await ends.advance(1_000_000);
    expect([short.outcome, endless.outcome]).toEqual(['TIMEOUT_REQUEST sent true', 'pending']);
    expect(await outcomeOf(ends.caller.request(Buffer.alloc(0), { timeoutMs: -1 }))).toMatch(
      /OPTION_INVALID/,
    );
    expect(await outcomeOf(ends.caller.request(Buffer.alloc(0), { timeout: 1 } as never))).toMatch(
      /OPTION_INVALID/,
    );
  });

  it('an abort rejects at once with its reason, and aborts at the peer', async () => {
    const ends = new TwoEnds();
    const aborter = new AbortController();
    const call = ends.ask('a', { signal: aborter.signal });
    const reason = new Error('enough');
    ends.pair.clock.run(() => aborter.abort(reason));
    await ends.settle();
    expect([call.outcome, call.error?.cause]).toEqual(['OPERATION_ABORTED sent true', reason]);
    expect(ends.desk.signal('a').aborted).toBe(true);
    expect(ends.answerer.counts).toMatchObject({ unanswered: 0, running: 1 });
    const late = ends.ask('b', { signal: aborter.signal });
    await ends.settle();
    expect([late.outcome, ends.desk.begun]).toEqual(['OPERATION_ABORTED sent false', ['a']]);
  });

  it('takes its listener off the signal when the call is over', async () => {
    const ends = new TwoEnds();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        listeners += 1;
        addEventListener.apply(signal, args);
      },
      removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
        listeners -= 1;
        removeEventListener.apply(signal, args);
      },
    });
    ends.ask('a', { signal });
    ends.ask('b', { signal, timeoutMs: 10 });
    expect(listeners).toBe(1);
    await ends.answer('a');
    await ends.advance(10);
    expect(listeners).toBe(0);
  });

  it('queues calls above maxInFlight, sends them in order, and refuses those above maxQueued', async () => {
    const ends = new TwoEnds({ maxInFlight: 1, maxQueued: 2 });
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => ends.ask(text));
    await ends.settle();
    expect(ends.desk.begun).toEqual(['a']);
    expect(d?.outcome).toBe('REJECTED_QUEUE sent false');
    await ends.answer('a');
    await ends.answer('b');
    await ends.answer('c');
    expect([a, b, c].map((call) => call?.outcome)).toEqual(['re:a', 're:b', 're:c']);
  });

  it('a call in the queue that is given up is never sent', async () => {
    const ends = new TwoEnds({ maxInFlight: 1 });
    const aborter = new AbortController();
    ends.ask('a', { timeoutMs: 500 });
    const late = ends.ask('late', { timeoutMs: 100 });
    const aborted = ends.ask('aborted', { signal: aborter.signal });
    ends.pair.clock.run(() => aborter.abort());
    await ends.advance(1000);
    expect([late.outcome, aborted.outcome]).toEqual([
      'TIMEOUT_REQUEST sent false',
      'OPERATION_ABORTED sent false',
    ]);
    expect(ends.desk.begun).toEqual(['a']);
    expect(ends.caller.counts.queued).toBe(0);
  });

  it('calls wait while the channel is not writable, and notifications keep their place behind them', async () => {
    const ends = new TwoEnds({}, { concurrency: 1 }, { capacityBytes: 1000 });
    const big = Buffer.alloc(80_000, 'x');
    ends.askBytes(big);
    ends.askBytes(big);
    const small = ends.ask('small');
    const notice = ends.notify('notice');
    await ends.settle();
    expect(ends.pair.client.isWritable).toBe(false);
    expect(ends.caller.counts).toMatchObject({ queued: 2, inFlight: 2 });
    await ends.answer(String(big));
    await ends.answer(String(big));
    await ends.answer('small');
    expect([small.outcome, notice.outcome]).toEqual(['re:small', 'sent']);
    expect(ends.desk.begun.slice(2)).toEqual(['small', 'notice']);
  });

  it('a body that cannot be encoded fails its call alone', async () => {
    const ends = new TwoEnds();
    const wrong = ends.askBytes('text' as never);
    const long = ends.askBytes(Buffer.alloc(200_000));
    const right = ends.ask('a');
    await ends.answer('a');
    expect([wrong.outcome, long.outcome, right.outcome]).toEqual([
      'MESSAGE_NOT_ENCODABLE',
      'MESSAGE_TOO_LONG',
      're:a',
    ]);
    expect(ends.caller.counts.inFlight).toBe(0);
    expect(ends.pair.client.isOpen).toBe(true);
  });

  it('a write that fails later fails the calls that it carried, and no others', async () => {
    let fail!: (error: Error) => void;
    const failing = {
      write: (ctx: Context, message: unknown) =>
        String(toBuffer(message as Uint8Array)).includes('doomed')
          ? new Promise<void>((_, reject) => {
              fail = reject;
            })
          : ctx.write(message),
    };
    const ends = new TwoEnds({}, {}, { beforeCaller: [failing] });
    const [doomed, other] = [ends.ask('doomed'), ends.ask('other')];
    fail(new Error('no'));
    await ends.settle();
    expect([doomed.outcome, other.outcome]).toEqual(['no', 'pending']);
    await ends.answer('other');
    expect(other.outcome).toBe('re:other');
  });
});

describe('ExchangeHandler, when the connection ends', () => {
  it('every call fails with REQUEST_LOST; sent is false only for what was not given to the transport', async () => {
    const ends = new TwoEnds({ maxInFlight: 3 }, {}, { capacityBytes: 100 });
    const arrived = ends.ask('arrived');
    ends.pair.server.autoRead = false;
    const partly = ends.ask('x'.repeat(500));
    const behind = ends.ask('behind');
    const queued = ends.ask('queued');
    ends.pair.client.abort();
    await ends.settle();
    const outcomes = [arrived, partly, behind, queued].map(({ outcome }) => outcome);
    expect(outcomes).toEqual([
      'REQUEST_LOST sent true',
      'REQUEST_LOST sent true',
      'REQUEST_LOST sent false',
      'REQUEST_LOST sent false',
    ]);
    expect(ends.desk.begun).toEqual(['arrived']);
    expect(arrived.error?.message).toBe(
      'the channel closed (local): the peer may have executed the request',
    );
    const late = ends.ask('late');
    await ends.settle();
    expect(late.outcome).toBe('REQUEST_LOST sent false');
    expect(ends.caller.counts).toMatchObject({ inFlight: 0, queued: 0 });
    // The server, which reads nothing, looks for the reset.
    ends.pair.clock.advance(1000);
    expect(ends.pair.server.isOpen).toBe(false);
    expect(ends.pair.clock.pendingTimers).toBe(0);
  });

  it('aborts what the peer asked, and drops its answers', async () => {
    const ends = new TwoEnds();
    ends.ask('a');
    ends.pair.client.close();
    await ends.settle();
    expect(ends.desk.signal('a').aborted).toBe(true);
    await ends.answer('a');
    expect(ends.answerer.counts).toMatchObject({ unanswered: 0, running: 0 });
    expect(ends.logged).toEqual([]);
  });

  it('a call after end() is not sent, one before it is lost with the channel', async () => {
    const ends = new TwoEnds();
    const before = ends.ask('before');
    ends.pair.client.end();
    const after = ends.ask('after');
    await ends.settle();
    expect(after.outcome).toBe('REQUEST_LOST sent false');
    await ends.advance(5000);
    expect(before.outcome).toBe('REQUEST_LOST sent true');
  });

  it('the removal of the handler loses calls and releases reads', async () => {
    const ends = new TwoEnds({}, { concurrency: 1 });
    const call = ends.ask('a');
    expect(ends.pair.server.readHolds).toEqual(['ExchangeHandler']);
    ends.pair.clock.run(() => ends.pair.client.pipeline.remove(ends.caller));
    ends.pair.clock.run(() => ends.pair.server.pipeline.remove(ends.answerer));
    await ends.settle();
    expect(call.outcome).toBe('REQUEST_LOST sent true');
    expect(ends.pair.server.readHolds).toEqual([]);
    expect(ends.desk.signal('a').aborted).toBe(true);
  });

  it('notifications that wait fail, too', async () => {
    const ends = new TwoEnds({ maxInFlight: 1, maxQueued: 2 });
    for (const text of ['a', 'b']) ends.ask(text);
    const [waiting, refused] = [ends.notify('waiting'), ends.notify('refused')];
    ends.pair.client.close();
    const late = ends.notify('late');
    await ends.settle();
    expect([waiting.outcome, refused.outcome, late.outcome]).toEqual([
      'REQUEST_LOST sent false',
      'REJECTED_QUEUE sent false',
      'CHANNEL_CLOSED',
    ]);
  });
});

describe('ExchangeHandler, answering', () => {
  it('gives the remaining time, and aborts when it is over, also without a cancel', async () => {
    const { desk, channel, taken } = answering();
    channel.writeInbound(toBuffer(format.request(5, Buffer.from('a'), 200)));
    channel.advance(150);
    expect(desk.scopes.get('a')?.timeLeftMs).toBe(50);
    channel.advance(50);
    expect(desk.signal('a').aborted).toBe(true);
    expect(desk.scopes.get('a')?.timeLeftMs).toBe(0);
    expect(taken()).toEqual(['03 00000005 0002 the time of the request is over']);
    desk.answer('a');
    await turn();
    channel.runPendingTasks();
    expect(taken()).toEqual([]);
  });

  it('answers a cancelled request at once, and ignores a cancel of nothing', async () => {
    const { desk, channel, taken } = answering();
    channel.writeInbound(toBuffer(format.request(5, Buffer.from('a'), 200)));
    channel.writeInbound(
      toBuffer(format.cancel!(6)!),
      toBuffer(format.cancel!(5)!),
      toBuffer(format.cancel!(5)!),
    );
    expect(taken()).toEqual(['03 00000005 0005 the request was cancelled']);
    desk.fail('a', new Error('aborted'));
    await turn();
    channel.runPendingTasks();
    expect(taken()).toEqual([]);
  });

  it('answers a failure without its text, and logs it; a refusal with its code and text', async () => {
    const ends = new TwoEnds();
    const [a, b] = [ends.ask('a'), ends.ask('b')];
    ends.desk.fail('a', new Error('the password is hunter2'));
    ends.desk.fail('b', refusal(1024, 'no such room'));
    await ends.settle();
    expect([a.outcome, a.error?.details]).toEqual([
      'REQUEST_REFUSED',
      { code: 1, text: 'the request failed' },
    ]);
    expect(b.error?.details).toEqual({ code: 1024, text: 'no such room' });
    expect(b.error?.message).toBe('the peer answered with the error 1024: no such room');
    expect(ends.logged).toHaveLength(1);
    expect(ends.logged[0]).toMatch(
      /^warn .* failed a request: the password is hunter2; further ones are logged at level debug$/,
    );
  });

  it('what a function throws at once is answered as well, and so is an answer that cannot be encoded', async () => {
    const ends = new TwoEnds(
      {},
      {
        handle: (body) => {
          if (String(body) === 'throws') throw refusal(2000, 'at once');
          if (String(body) === 'wrong code') throw refusal(-1, 'no such code');
          return String(body) === 'text' ? ('text' as never) : Buffer.alloc(200_000);
        },
      },
    );
    const calls = ['throws', 'text', 'long', 'wrong code'].map((text) => ends.ask(text));
    await ends.settle();
    expect(calls.map(({ error }) => error?.details?.['code'])).toEqual([2000, 1, 1, 1]);
    expect(ends.pair.server.isOpen).toBe(true);
  });

  it('refuses a generator as an answer, and says in the log what to do', async () => {
    const ends = new TwoEnds(
      {},
      {
        handle: async function* () {
          yield Buffer.from('a');
        } as never,
      },
    );
    const call = ends.ask('x');
    await ends.settle();
    expect([call.outcome, call.error?.details]).toEqual([
      'REQUEST_REFUSED',
      { code: 1, text: 'the request failed' },
    ]);
    expect(ends.logged).toEqual([
      expect.stringMatching(/a call has one answer: collect the values/),
    ]);
  });

  it('survives abort listeners that throw or reject, by a cancel and by the end of the peer', async () => {
    const ends = new TwoEnds();
    const aborter = new AbortController();
    void ends.ask('cancelled', { signal: aborter.signal });
    void ends.ask('ended');
    for (const name of ['cancelled', 'ended']) {
      ends.desk.signal(name).addEventListener('abort', () => {
        throw new Error(`thrown: ${name}`);
      });
      ends.desk.signal(name).addEventListener('abort', async () => {
        throw new Error(`rejected: ${name}`);
      });
    }
    ends.pair.clock.run(() => aborter.abort());
    await ends.settle();
    ends.pair.client.end();
    await ends.advance(10_000);
    for (const text of [
      'thrown: cancelled',
      'rejected: cancelled',
      'thrown: ended',
      'rejected: ended',
    ])
      expect(ends.logged.filter((line) => line.includes(text))).toHaveLength(1);
  });

  it('passes an error of the peer on as it is, when a function throws it', async () => {
    const ends = new TwoEnds();
    const call = ends.ask('a');
    const behind = new TwoEnds();
    const nested = behind.ask('n');
    behind.desk.fail('n', refusal(4711, 'deep'));
    await behind.settle();
    ends.desk.fail('a', nested.error!);
    await ends.settle();
    expect(call.error?.details).toEqual({ code: 4711, text: 'deep' });
  });

  it('without a function it answers that it knows none, and drops notifications', async () => {
    const ends = new TwoEnds({}, { handle: undefined as never });
    const call = ends.ask('a');
    ends.notify('n');
    await ends.settle();
    expect(call.error?.details?.['code']).toBe(4);
  });

  it('gives notifications to the function, whose answer is dropped, and whose failure is logged', async () => {
    const ends = new TwoEnds();
    expect(ends.notify('n').outcome).toBe('pending');
    expect(ends.desk.scopes.get('n')?.wantsAnswer).toBe(false);
    ends.notify('f');
    ends.desk.fail('f', refusal(1024, 'nobody is told'));
    await ends.answer('n');
    expect(ends.logged).toHaveLength(1);
    expect(ends.logged[0]).toMatch(/failed a notification: nobody is told/);
    expect(ends.caller.counts.unknownAnswers).toBe(0);
  });

  it('holds reads while concurrency functions run, those of cancelled requests too', async () => {
    const ends = new TwoEnds({}, { concurrency: 2 });
    for (const text of ['a', 'b', 'c', 'd']) ends.ask(text, { timeoutMs: 100 });
    expect(ends.desk.begun).toEqual(['a', 'b']);
    expect(ends.pair.server.readHolds).toEqual(['ExchangeHandler']);
    await ends.advance(100);
    // All four have been cancelled, but the functions go on.
    expect(ends.desk.begun).toEqual(['a', 'b']);
    expect(ends.answerer.counts).toMatchObject({ running: 2, unanswered: 0 });
    await ends.answer('a');
    expect(ends.desk.begun).toEqual(['a', 'b', 'c']);
  });

  it('a call that comes although reads are held waits, keeps its deadline, and is refused beyond maxQueued', async () => {
    const { desk, channel, taken } = answering({ concurrency: 1, maxQueued: 2 });
    const ask = (id: number, timeLeftMs: number) =>
      toBuffer(format.request(id, Buffer.from(`${id}`), timeLeftMs));
    // Without a decoder before it, nothing stops within one read.
    channel.writeInbound(ask(1, 1000), ask(2, 100), ask(3, 1000), ask(4, 1000));
    expect([desk.begun, taken()]).toEqual([['1'], ['03 00000004 0003 too many requests wait']]);
    channel.advance(100);
    expect(taken()).toEqual(['03 00000002 0002 the time of the request is over']);
    desk.answer('1');
    await turn();
    channel.runPendingTasks();
    expect([desk.begun, taken()]).toEqual([['1', '3'], ['02 00000001 re:1']]);
  });

  it('a DrainEvent waits for calls of both ends', async () => {
    for (const isServer of [true, false]) {
      const ends = new TwoEnds();
      const end = isServer ? ends.pair.server : ends.pair.client;
      const call = ends.ask('a');
      const drain = new DrainEvent(10_000);
      ends.pair.clock.run(() => end.pipeline.fireUserEventTriggered(drain));
      drain.passed(end);
      expect([drain.holds, end.isEnding]).toEqual([['calls'], false]);
      await ends.answer('a');
      expect([drain.holds, end.isEnding, call.outcome]).toEqual([[], true, 're:a']);
    }
  });

  it('a DrainEvent waits for calls that came while another handler held the drain', async () => {
    for (const isServer of [true, false]) {
      // A format without a go away takes calls until the end.
      const { goAway: _, ...format } = binaryExchange();
      const ends = new TwoEnds({}, { format });
      const end = isServer ? ends.pair.server : ends.pair.client;
      const drain = new DrainEvent(10_000);
      const frame = drain.hold('begun frame');
      ends.pair.clock.run(() => end.pipeline.fireUserEventTriggered(drain));
      drain.passed(end);
      const call = ends.ask('a');
      ends.pair.clock.run(() => frame.release());
      expect([drain.holds, end.isEnding]).toEqual([['calls'], false]);
      await ends.answer('a');
      expect([drain.holds, end.isEnding, call.outcome]).toEqual([[], true, 're:a']);
    }
  });

  it('a DrainEvent does not wait for an idle exchange, nor for a cancelled function', async () => {
    const ends = new TwoEnds();
    ends.ask('a', { timeoutMs: 10 });
    const drain = new DrainEvent(10_000);
    ends.pair.clock.run(() => ends.pair.server.pipeline.fireUserEventTriggered(drain));
    expect(drain.holds).toEqual(['calls']);
    await ends.advance(10);
    expect(drain.holds).toEqual([]);
    const idle = new DrainEvent(10_000);
    ends.pair.clock.run(() => ends.pair.client.pipeline.fireUserEventTriggered(idle));
    expect(idle.holds).toEqual([]);
  });
});

describe('ExchangeHandler, bad input', () => {
  it.each([
    [
      'a frame of no kind',
      [Buffer.from('0c0000000001', 'hex')],
      /unknown kind 12 .*0c 00 00 00 00 01/,
    ],
    [
      'an id that is in use',
      [
        toBuffer(format.request(1, Buffer.from('a'), 10)),
        toBuffer(format.request(1, Buffer.from('b'), 10)),
      ],
      /the id 1 of a request is in use .*01 00 00 00 00 01/,
    ],
  ])(
    '%s is MESSAGE_INVALID with its bytes, and ends the channel as bad-input',
    async (_, frames, text) => {
      const { channel, errors, exchange } = answering();
      const call = watch(channel.run(() => exchange.request(Buffer.from('x'))));
      for (const frame of frames) channel.writeInbound(frame);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ code: 'HR_ERR_MESSAGE_INVALID' });
      expect(errors[0]?.message).toMatch(text);
      await turn();
      expect(call.outcome).toBe('REQUEST_LOST sent true');
      expect(channel.isEnding).toBe(true);
      channel.advance(5000);
      expect(channel.closeInfo?.reason).toBe('bad-input');
    },
  );

  it('nothing is read after it', () => {
    const { channel, errors, desk } = answering();
    channel.writeInbound(
      Buffer.alloc(6),
      Buffer.alloc(6),
      toBuffer(format.notification!(Buffer.from('n'))!),
    );
    expect([errors.length, desk.begun]).toEqual([1, []]);
  });

  it('counts answers to what was never asked, and drops them', () => {
    const { channel, errors, exchange } = answering();
    channel.writeInbound(
      toBuffer(format.response!(99, undefined)!),
      toBuffer(format.error!(98, 1, '')!),
    );
    expect(errors).toEqual([]);
    expect(exchange.counts).toMatchObject({ unknownAnswers: 2, lateAnswers: 0 });
  });
});

describe('ExchangeHandler with jsonRpcExchange', () => {
  it('asks with method and params, and gets results and errors with data', async () => {
    const rpc = jsonRpcExchange();
    const before = () =>
      [...contentLengthPrefixed({ maxFrameLength: 1000 }), new JsonCodec()] as const;
    const client = new ExchangeHandler({ format: rpc });
    const server = new ExchangeHandler({
      format: rpc,
      handle: ({ method, params }) => {
        if (method === 'add') return (params as number[]).reduce((a, b) => a + b);
        throw refusal(-32_601, `no ${method}`, { known: ['add'] });
      },
    });
    const pair = connectedPair({
      client: ({ pipeline }) => pipeline.addLast(...before(), client),
      server: ({ pipeline }) => pipeline.addLast(...before(), server),
    });
    const [sum, none] = pair.clock.run(() => [
      watch(client.request({ method: 'add', params: [1, 2] })),
      watch(client.request({ method: 'sub' })),
    ]);
    await turn();
    expect([sum?.outcome, none?.error?.details, none?.error?.cause]).toEqual([
      '3',
      { code: -32_601, text: 'no sub' },
      { known: ['add'] },
    ]);
    pair.client.writeAndFlush([]);
    expect(client.counts).toMatchObject({ unknownAnswers: 1 });
    expect(pair.server.isOpen).toBe(true);
  });
});

describe('ExchangeHandler, options', () => {
  it.each([
    {},
    { format: 'binary' },
    { format, handle: 1 },
    { format, timeoutMs: 0 },
    { format, maxInFlight: 0 },
    { format, maxQueued: -1 },
    { format, concurrency: 0.5 },
    { format, maxInflight: 1 },
  ])('refuses %j', (options) => {
    expect(() => new ExchangeHandler(options as never)).toThrow(OptionError);
  });

  it('makes another one with the same options, and counts nothing before it has a channel', () => {
    const exchange = new ExchangeHandler({ format, concurrency: 1 }).fresh();
    expect(exchange).toBeInstanceOf(ExchangeHandler);
    expect(exchange.counts).toEqual({
      inFlight: 0,
      queued: 0,
      unanswered: 0,
      running: 0,
      lateAnswers: 0,
      unknownAnswers: 0,
    });
  });
});

async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  const watched = watch(promise);
  await turn();
  return watched.outcome;
}

/** One end without a codec: frames go in and come out as texts. */
function answering(options: Partial<ExchangeOptions<never>> = {}) {
  const desk = new Desk();
  const errors: Error[] = [];
  const exchange = new ExchangeHandler({ format, handle: desk.handle, ...(options as object) });
  const channel = new EmbeddedChannel(exchange, {
    exceptionCaught: (_ctx: Context, error: Error) => void errors.push(error),
  });
  const taken = (): string[] => {
    const all: string[] = [];
    for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
      all.push(shown(one as Buffer));
    }
    return all;
  };
  return { desk, errors, exchange, channel, taken };
}

/** Kind, id, code and text of a frame. */
function shown(frame: Buffer): string {
  const kind = frame.toString('hex', 0, 1);
  const id = frame.toString('hex', 2, 6);
  const code = kind === '03' ? ` ${frame.toString('hex', 6, 8)}` : '';
  return `${kind} ${id}${code} ${frame.toString('utf8', kind === '03' ? 8 : 6)}`;
}

describe('ExchangeHandler, with a format that fails', () => {
  class BrokenFormat implements Handler {
    readonly caught: string[] = [];
    readonly channel: EmbeddedChannel;
    readonly exchange: ExchangeHandler<JsonRpcExchange>;

    constructor(broken: Partial<ExchangeFormat<JsonRpcExchange>>) {
      this.exchange = new ExchangeHandler({
        format: { ...jsonRpcExchange(), ...broken },
        handle: () => Promise.reject(new Error('no answer')),
      });
      this.channel = EmbeddedChannel.with({ logger: silentLogger }, this.exchange, this);
    }

    exceptionCaught(_ctx: Context, error: Error): void {
      this.caught.push(error.message);
    }
  }

  it('fires the error when no answer of any kind can be written', async () => {
    const broken = new BrokenFormat({
      error() {
        throw new Error('no errors in this protocol');
      },
    });
    broken.channel.writeInbound({ jsonrpc: '2.0', id: 1, method: 'm' });
    await turn();
    expect(broken.caught).toEqual(['no errors in this protocol']);
  });

  it('fires the error when a call that is given up cannot be cancelled', async () => {
    const broken = new BrokenFormat({
      cancel() {
        throw new Error('no cancels in this protocol');
      },
    });
    const aborter = new AbortController();
    const late = broken.exchange.request({ method: 'm' }, { timeoutMs: 100 });
    const aborted = broken.exchange.request({ method: 'm' }, { signal: aborter.signal });
    broken.channel.advance(100);
    aborter.abort();
    expect(broken.caught).toEqual(['no cancels in this protocol', 'no cancels in this protocol']);
    await expect(late).rejects.toMatchObject({ code: 'HR_ERR_TIMEOUT_REQUEST' });
    await expect(aborted).rejects.toMatchObject({ code: 'HR_ERR_OPERATION_ABORTED' });
  });
});
