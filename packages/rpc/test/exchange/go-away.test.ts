import { DrainEvent } from '@headrace/core';
import { Call, CallLine, CallOutput, CallTable } from '@headrace/handlers/call';
import { describe, expect, it } from 'vitest';
import { binaryExchange, jsonRpcExchange } from '../../src/index.ts';
import { readings } from './readings.ts';
import { TwoEnds, watch } from './two-ends.ts';

const bytes = (text: string) => Buffer.from(text);

/** Ends the answerer in order. What the caller has written before is still on its way. */
function drain(ends: TwoEnds, event = new DrainEvent(10_000)): void {
  ends.pair.server.pipeline.fireUserEventTriggered(event);
}

describe('an answerer whose connection ends in order', () => {
  it('answers what it has taken, and later calls fail as not sent', async () => {
    const ends = new TwoEnds();
    const taken = ends.ask('taken');
    let late!: ReturnType<typeof watch>;
    ends.pair.clock.run(() => {
      drain(ends);
      late = watch(ends.caller.request(bytes('late')));
    });
    await ends.settle();
    expect([taken.outcome, late.outcome]).toEqual(['pending', 'REQUEST_LOST sent false']);
    const later = ends.ask('later');
    await ends.settle();
    expect(later.outcome).toBe('REQUEST_LOST sent false');
    expect(later.error!.message).toContain('has not taken the request');
    expect(ends.caller.isReady).toBe(false);
    await ends.answer('taken');
    expect(taken.outcome).toBe('re:taken');
    expect(ends.desk.begun).toEqual(['taken']);
    await ends.advance(3000);
    expect(ends.pair.client.closeInfo?.reason).toBe('peer');
  });

  it('that has taken none fails all calls as not sent, also streams', async () => {
    const ends = new TwoEnds();
    const [call, items] = ends.pair.clock.run(() => {
      drain(ends);
      const stream = ends.caller.stream(bytes('stream'));
      return [watch(ends.caller.request(bytes('call'))), watch(stream.next())] as const;
    });
    await ends.settle();
    const lost = 'REQUEST_LOST sent false';
    expect([call.outcome, items.outcome]).toEqual([lost, lost]);
    expect(ends.desk.begun).toEqual([]);
  });

  it('refuses the later requests of a caller that does not know of it', async () => {
    const { goAway: _, ...format } = binaryExchange();
    const known = new TwoEnds();
    const busy = known.ask('busy');
    drain(known);
    await known.settle();
    const frame = Buffer.from([0, 0, 0, 10, 1, 0, 0, 0, 0, 99, 0, 0, 0, 0]);
    known.pair.clock.run(() => known.pair.client.pipeline.firstContext()!.writeAndFlush(frame));
    await known.settle();
    expect(known.caller.counts.unknownAnswers).toBe(1);
    expect(known.desk.begun).toEqual(['busy']);
    expect(busy.outcome).toBe('pending');
    // A format without the message takes requests until the end.
    const old = new TwoEnds({}, { format });
    old.ask('busy');
    drain(old);
    old.ask('later');
    expect(old.desk.begun).toEqual(['busy', 'later']);
  });

  it('that moves to another process takes calls on', async () => {
    const ends = new TwoEnds();
    drain(ends, new DrainEvent(10_000, () => {}));
    ends.ask('moves along');
    await ends.settle();
    expect(ends.desk.begun).toEqual(['moves along']);
  });

  it('waits for no call that came while another handler held the drain', async () => {
    const ends = new TwoEnds();
    const event = new DrainEvent(10_000);
    const frame = event.hold('begun frame');
    ends.pair.clock.run(() => drain(ends, event));
    const call = ends.ask('a');
    await ends.settle();
    ends.pair.clock.run(() => frame.release());
    expect([event.holds, ends.pair.server.isEnding]).toEqual([[], true]);
    expect(call.outcome).toBe('REQUEST_LOST sent false');
  });

  it('says so once, to a caller that believes the first', async () => {
    const ends = new TwoEnds();
    const taken = ends.ask('taken');
    drain(ends);
    drain(ends);
    await ends.settle();
    const second = Buffer.from([0, 0, 0, 6, 11, 0, 0, 0, 0, 0]);
    ends.pair.clock.run(() => ends.pair.server.pipeline.firstContext()!.writeAndFlush(second));
    await ends.settle();
    expect(taken.outcome).toBe('pending');
  });
});

it('the formats say which request was the last', () => {
  const [binary, json] = [binaryExchange(), jsonRpcExchange()];
  const frame = Buffer.alloc(6);
  const message = binary.goAway!(258) as unknown as { writeTo(to: Buffer, at: number): void };
  message.writeTo(frame, 0);
  expect([...frame]).toEqual([11, 0, 0, 0, 1, 2]);
  expect(readings(binary, frame)).toEqual(['goAway 258']);
  expect(readings(json, json.goAway!(7))).toEqual(['goAway 7']);
  for (const bad of [Buffer.of(11, 1, 0, 0, 0, 1), Buffer.of(11, 0, 0, 0, 0, 1, 0)])
    expect(() => readings(binary, bad)).toThrow(/a go away with more than a number/);
  for (const params of [undefined, {}, { lastId: -1 }, { lastId: '7' }]) {
    const odd = { jsonrpc: '2.0', method: '$/goAway', params };
    expect(readings(json, odd)).toEqual(['reply $/goAway without a lastId']);
  }
});

it('numbers that start again are after those before', () => {
  const ends = new TwoEnds();
  const { ctx } = (ends.caller as unknown as { ends: { output: CallOutput } }).ends.output;
  const table = new CallTable(ctx.clock, { maxQueued: 9 });
  const output = new CallOutput(ctx);
  const wire = { messageOf: () => Buffer.of(0), cancelOf: () => undefined };
  const line = new CallLine(table, output, {
    wire,
    maxInFlight: 9,
    lastId: 0xffff_fffd,
    changed: () => {},
  });
  table.add(line);
  const lost: number[] = [];
  ends.pair.clock.run(() => {
    for (let i = 0; i < 5; i++)
      table.submit(
        new Call(
          '',
          1000,
          () => {},
          () => lost.push(i),
        ),
      );
    line.leave(0xffff_ffff, 'it leaves');
  });
  expect(lost).toEqual([2, 3, 4]);
});
