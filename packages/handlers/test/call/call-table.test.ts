import type { Context } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallTableOptions } from '../../src/call/call-table.ts';
import { Call, CallLine, CallOutput, CallTable } from '../../src/call/index.ts';

/** A connection of the table. Its writes are texts; `capture` keeps them from the transport. */
function lineOf(table: CallTable, maxInFlight = 100, lastId = 0, maxId?: number) {
  let ctx!: Context;
  let onWrite = (): void => {};
  let afterWrite = (_ctx: Context): void => {};
  const channel = new EmbeddedChannel({
    handlerAdded(added: Context) {
      ctx = added;
    },
    channelInactive: () => line.lose('closed'),
  });
  channel.pipeline.addFirst({
    write(context: Context, message: unknown) {
      onWrite();
      const future = context.write(message);
      afterWrite(context);
      return future;
    },
  });
  const line: CallLine = new CallLine(table, new CallOutput(ctx), {
    wire: { messageOf: ({ id, body }) => `${id}:${body}`, cancelOf: ({ id }) => `cancel ${id}` },
    maxInFlight,
    lastId,
    ...(maxId !== undefined && { maxId }),
    changed: () => {},
  });
  table.add(line);
  const written = (): unknown[] => {
    channel.runPendingTasks();
    const all: unknown[] = [];
    for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound())
      all.push(one);
    return all;
  };
  return {
    channel,
    line,
    written,
    set onWrite(listener: () => void) {
      onWrite = listener;
    },
    set afterWrite(listener: (ctx: Context) => void) {
      afterWrite = listener;
    },
  };
}

const clock = () => new EmbeddedChannel().clock;
const tableOf = (options: Partial<CallTableOptions> = {}, time = clock()) =>
  new CallTable(time, { maxQueued: 10, ...options });

/** A call that notes how it ended. */
function callOf(name: string, timeoutMs = Number.POSITIVE_INFINITY, expectsAnswer = true) {
  const outcomes: string[] = [];
  const call = new Call(
    name,
    timeoutMs,
    (answer) => outcomes.push(`${answer}`),
    (error) => {
      const { code, details } = error as Error & { code?: string; details?: { sent?: boolean } };
      outcomes.push(`${code?.replace('HR_ERR_', '') ?? error.message} sent ${details?.sent}`);
    },
    expectsAnswer,
  );
  return Object.assign(call, { outcomes });
}

describe('CallTable', () => {
  it('sends up to maxInFlight calls, queues up to maxQueued, refuses the rest', () => {
    const table = tableOf({ maxQueued: 1 });
    const { line, written } = lineOf(table, 2);
    const calls = ['a', 'b', 'c', 'd'].map((name) => callOf(name));
    for (const call of calls) table.submit(call);
    expect([written(), line.load, table.queued]).toEqual([['1:a', '2:b'], 2, 1]);
    expect(calls.map(({ outcomes }) => outcomes)).toEqual([
      [],
      [],
      [],
      ['REJECTED_QUEUE sent false'],
    ]);
  });

  it('lets no call overtake a queued one, and a notice pass a full line', () => {
    const table = tableOf();
    const { line, written } = lineOf(table, 1);
    const notice = (name: string) => callOf(name, Number.POSITIVE_INFINITY, false);
    for (const call of [callOf('a'), notice('x'), callOf('b'), notice('y')]) table.submit(call);
    expect(written()).toEqual(['1:a', 'undefined:x']);
    table.completed(line.answered(1)!, 'done');
    expect(written()).toEqual(['2:b', 'undefined:y']);
  });

  it('passes several answers to one call, each of them in its own time', () => {
    const time = clock();
    const table = tableOf({}, time);
    const { line } = lineOf(table);
    const call = Object.assign(callOf('a', 100), { gapMs: 95 });
    table.submit(call);
    for (const value of ['v1', 'v2']) {
      time.advance(90);
      table.answered(line.answered(1, false)!, value);
    }
    expect([call.outcomes, line.load]).toEqual([['v1', 'v2'], 1]);
    time.advance(95);
    expect([call.outcomes.at(-1), line.load]).toEqual(['TIMEOUT_REQUEST sent true', 0]);
  });

  it('cancels at the peer what was sent, and only that', () => {
    const time = clock();
    const table = tableOf({}, time);
    const { written } = lineOf(table, 2);
    const [late, dropped, queued] = [callOf('late', 10), callOf('dropped'), callOf('queued', 9)];
    const aborter = new AbortController();
    const aborted = callOf('aborted');
    for (const call of [late, dropped, queued]) table.submit(call);
    table.submit(aborted, aborter.signal);
    written();
    time.advance(10);
    expect(written()).toEqual(['cancel 1', '3:aborted']);
    aborter.abort();
    table.drop(dropped);
    expect(written()).toEqual(['cancel 3', 'cancel 2']);
    expect([late, dropped, queued, aborted].map(({ outcomes }) => outcomes.join())).toEqual([
      'TIMEOUT_REQUEST sent true',
      '',
      'TIMEOUT_REQUEST sent false',
      'OPERATION_ABORTED sent true',
    ]);
  });

  it('gives a call to the line with the fewest, and none to a paused one', () => {
    const table = tableOf();
    const lines = [lineOf(table), lineOf(table), lineOf(table)];
    lines[1]!.line.isPaused = true;
    for (const name of 'abcd') table.submit(callOf(name));
    expect(lines.map(({ line }) => line.load)).toEqual([2, 0, 2]);
  });

  it('sends again, first and in order, what cannot have left with a lost line', () => {
    const table = tableOf({ resends: true });
    const first = lineOf(table);
    const calls = ['a', 'b', 'c'].map((name) => callOf(name));
    table.submit(calls[0]!);
    first.written();
    table.submit(calls[1]!);
    table.submit(callOf('x', Number.POSITIVE_INFINITY, false));
    first.line.isPaused = true;
    table.submit(calls[2]!);
    first.channel.abort();
    table.remove(first.line);
    expect([calls[0]!.outcomes, table.queued]).toEqual([['REQUEST_LOST sent true'], 3]);
    const second = lineOf(table);
    expect(second.written()).toEqual(['2:b', 'undefined:x', '1:c']);
  });

  it('sends in order, and at once, when a line is lost within a write of what waited', () => {
    const table = tableOf({ resends: true });
    const [first, second] = [lineOf(table), lineOf(table)];
    for (const { line } of [first, second]) line.isPaused = true;
    for (const name of ['1', '2', '3']) table.submit(callOf(name));
    first.onWrite = () => {
      second.line.isPaused = false;
      first.channel.abort();
    };
    first.line.isPaused = false;
    table.sendQueued();
    expect([second.written(), table.queued]).toEqual([
      ['1:1', '1:2', '2:3'].map((_, i) => `${i + 1}:${i + 1}`),
      0,
    ]);
  });

  it('sends nothing again that left within the write that lost the line', () => {
    const table = tableOf({ resends: true });
    const [first, second] = [lineOf(table), lineOf(table)];
    second.line.isPaused = true;
    first.afterWrite = (ctx) => {
      ctx.flush();
      first.channel.abort();
    };
    const call = callOf('a');
    table.submit(call);
    second.line.isPaused = false;
    table.sendQueued();
    expect([call.outcomes, second.written()]).toEqual([['REQUEST_LOST sent true'], []]);
  });

  it('fails without resends what was lost, and says whether it was sent', () => {
    const table = tableOf();
    const { channel, written } = lineOf(table);
    const [sent, unsent] = [callOf('a'), callOf('b')];
    table.submit(sent);
    written();
    table.submit(unsent);
    channel.abort();
    expect([sent.outcomes, unsent.outcomes]).toEqual([
      ['REQUEST_LOST sent true'],
      ['REQUEST_LOST sent false'],
    ]);
  });

  it('names the last loss in the error of a call that found no connection', () => {
    const time = clock();
    const table = tableOf({}, time);
    const errors: Error[] = [];
    const submit = () =>
      table.submit(
        new Call(
          'a',
          10,
          () => {},
          (error) => errors.push(error),
        ),
      );
    submit();
    time.advance(10);
    table.failedToConnect(new Error('TLS refused: certificate has expired'));
    submit();
    time.advance(10);
    expect(errors.map(({ message }) => message)).toEqual([
      'no connection for the request within 10 ms',
      'no connection for the request within 10 ms: TLS refused: certificate has expired',
    ]);
    expect(errors[1]?.cause).toBe(table.lastLoss);
    lineOf(table);
    expect(table.lastLoss).toBeUndefined();
  });

  it('keeps the process alive no longer than a call is open', () => {
    const time = clock();
    const table = tableOf({ keepsProcess: true }, time);
    const call = callOf('a', 1000);
    table.submit(call);
    expect(time.pendingTimers).toBe(1);
    table.drop(call);
    expect(time.pendingTimers).toBe(0);
  });

  it('agrees with a model: each call is settled once, in flight or queued or neither', () => {
    const step = fc.oneof(
      fc.constant({ do: 'call' } as const),
      fc.constant({ do: 'notice' } as const),
      fc.record({ do: fc.constant('answer' as const), which: fc.nat(20) }),
      fc.record({ do: fc.constant('drop' as const), which: fc.nat(20) }),
      fc.constant({ do: 'lose' } as const),
    );
    const steps = fc.array(step, { maxLength: 100 });
    const max = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(steps, max, fc.nat(4), fc.boolean(), (all, inFlight, maxQueued, resends) => {
        const table = tableOf({ maxQueued, resends });
        let current = lineOf(table, inFlight);
        const calls: ReturnType<typeof callOf>[] = [];
        const sent: number[] = [];
        const note = () => {
          for (const text of current.written().map(String)) {
            if (!text.startsWith('cancel')) sent.push(Number(text.split(':')[1]));
          }
        };
        for (const one of all) {
          const open = calls.filter((call) => call.isOpen && call.expectsAnswer);
          const chosen = 'which' in one ? open[one.which] : undefined;
          if (one.do === 'call' || one.do === 'notice') {
            const call = callOf(`${calls.length}`, Number.POSITIVE_INFINITY, one.do === 'call');
            calls.push(call);
            table.submit(call);
          } else if (one.do === 'answer' && chosen?.carrier !== undefined) {
            expect(current.line.answered(chosen.id)).toBe(chosen);
            table.completed(chosen, 'done');
          } else if (one.do === 'drop' && chosen !== undefined) table.drop(chosen);
          else if (one.do === 'lose') {
            note();
            current.channel.abort();
            table.remove(current.line);
            current = lineOf(table, inFlight);
          }
          note();
          const stillOpen = calls.filter(({ isOpen }) => isOpen);
          expect(current.line.load).toBeLessThanOrEqual(inFlight);
          expect(table.queued).toBeLessThanOrEqual(maxQueued);
          expect(current.line.load + table.queued).toBe(stillOpen.length);
          for (const { outcomes, isOpen } of calls)
            expect(outcomes.length > 0 && isOpen).toBe(false);
          for (const { outcomes } of calls) expect(outcomes.length).toBeLessThanOrEqual(1);
        }
        expect(sent).toEqual([...sent].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});

describe('CallLine', () => {
  it('counts late answers and unknown ones', () => {
    const table = tableOf();
    const { line } = lineOf(table);
    const call = callOf('a');
    table.submit(call);
    table.drop(call);
    for (const id of [1, 1, 2, 0, -1, 1.5, '1', Number.NaN, null]) line.answered(id);
    expect([line.late, line.unknown]).toEqual([2, 7]);
  });

  it('begins ids again after the last one, and leaves out those in flight', () => {
    const table = tableOf();
    const { line, written } = lineOf(table, 10, 0xffff_fffe);
    for (const name of 'abc') table.submit(callOf(name));
    // As if four thousand million calls had come and gone since.
    Object.assign(line, { lastId: 0xffff_fffe });
    table.submit(callOf('d'));
    expect(written()).toEqual(['4294967295:a', '1:b', '2:c', '3:d']);
    line.answered(0xffff_fff0);
    expect([line.late, line.unknown]).toEqual([1, 0]);
  });

  it('gives ids of the bits that the protocol has, and lets further calls wait for one', () => {
    const table = tableOf({ maxQueued: 3 });
    const { line, written } = lineOf(table, 1000, 254, 0xff);
    const calls = Array.from({ length: 256 }, (_, index) => callOf(`c${index}`));
    for (const call of calls) table.submit(call);
    expect(written().slice(0, 2)).toEqual(['255:c0', '1:c1']);
    expect([line.load, table.queued]).toEqual([255, 1]);
    table.completed(line.answered(7)!, 'done');
    expect([written(), line.load]).toEqual([['7:c255'], 255]);
    line.answered(0x100);
    expect(line.unknown).toBe(1);
  });

  it('fails a call whose message cannot be made, and goes on', () => {
    const table = tableOf();
    const { line, written } = lineOf(table);
    const bad = callOf('bad');
    bad.body = {
      toString() {
        throw new Error('no text');
      },
    };
    table.submit(bad);
    table.submit(callOf('good'));
    expect([bad.outcomes, written(), line.load]).toEqual([
      ['no text sent undefined'],
      ['2:good'],
      1,
    ]);
  });
});
