import { type Channel, ChannelMatchers } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  binaryExchange,
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
  type RequestAllOptions,
  requestAll,
} from '../../src/index.ts';
import { Members, told } from './members.ts';

const PING = { method: 'ping' };
type Options = RequestAllOptions<JsonRpcExchange>;

function ask(members: Members, options: Options = {}, of: Iterable<never> | undefined = undefined) {
  const answers = requestAll<JsonRpcExchange>(of ?? members.group, PING, options);
  const got: string[] = [];
  const end = (async () => {
    for await (const one of answers) got.push(told(one));
    got.push('end');
  })();
  return { answers, got, end };
}

describe('requestAll', () => {
  it('gives the answers as they come, and ends with the last one', async () => {
    const members = new Members(3);
    const { got, answers } = ask(members);
    await members.answer(2);
    expect(got).toEqual(['m2 re:m2']);
    await members.answer(0);
    expect(answers.counts).toEqual({ members: 3, answered: 2, failed: 0, waiting: 1 });
    await members.refuse(1);
    expect(got).toEqual(['m2 re:m2', 'm0 re:m0', 'm1 REQUEST_REFUSED', 'end']);
    // That of the calls, which all channels share, is left until it is due.
    await members.pass(10_000);
    expect(members.clock.pendingTimers).toBe(0);
  });

  it('ends at the deadline, with its error for each that is missing', async () => {
    const members = new Members(3);
    const { got } = ask(members, { timeoutMs: 500 });
    await members.answer(1);
    await members.pass(499);
    expect(got).toEqual(['m1 re:m1']);
    await members.pass(1);
    expect(got.slice(1)).toEqual([
      'm0 TIMEOUT_REQUEST sent true',
      'm2 TIMEOUT_REQUEST sent true',
      'end',
    ]);
  });

  it('has one timer for all, and tells each peer the time that is left', async () => {
    const members = new Members(100);
    requestAll<JsonRpcExchange>(members.group, PING, { timeoutMs: 500 });
    expect(members.clock.pendingTimers).toBe(1);
    await members.turn();
    expect(members.channels[7]!.readOutbound()).toMatchObject({ method: 'ping', id: 1 });
  });

  it('asks a large group by turns, and those that are left at the deadline are not asked', async () => {
    const members = new Members(1200);
    const asked = (): number =>
      members.channels.filter(({ pipeline }) => pipeline.get(ExchangeHandler)!.counts.inFlight > 0)
        .length;
    const answers = requestAll<JsonRpcExchange>(members.group, PING, { timeoutMs: 50 });
    expect(asked()).toBe(512);
    members.clock.runTasks();
    await members.turn();
    expect(asked()).toBe(1200);
    await members.pass(50);
    expect(answers.counts).toEqual({ members: 1200, answered: 0, failed: 1200, waiting: 0 });
  });

  it('asks behind the broadcasts that wait, and not at all if that takes too long', async () => {
    const members = new Members(2);
    let begin = (): void => {};
    const group = Object.assign([...members.group], {
      onceDrained: (listener: () => void) => {
        begin = listener;
      },
    });
    const asked: string[] = [];
    const handlerOf = ({ id, pipeline }: Channel) => {
      asked.push(id);
      return pipeline.get(ExchangeHandler<JsonRpcExchange>);
    };
    const { got } = ask(members, { timeoutMs: 100, handlerOf }, group as never);
    expect(await members.got(0)).toEqual([]);
    await members.pass(100);
    expect(got).toEqual(['m0 TIMEOUT_REQUEST sent false', 'm1 TIMEOUT_REQUEST sent false', 'end']);
    begin();
    await members.turn();
    expect(asked).toEqual([]);
  });

  it('gives the reason of a member that closes', async () => {
    const members = new Members(2);
    const { got } = ask(members);
    await members.turn();
    members.channels[0]!.abort();
    await members.answer(1);
    expect(got).toEqual(['m0 REQUEST_LOST sent true', 'm1 re:m1', 'end']);
  });

  it('gives the reason of a member that leaves the group, and cancels its request', async () => {
    const members = new Members(2);
    const { got } = ask(members);
    await members.got(0);
    members.group.remove(members.channels[0]!);
    expect(await members.got(0)).toEqual(['$/cancelRequest']);
    expect(got).toEqual(['m0 REQUEST_LOST sent true']);
    await members.answer(1);
    expect(got).toEqual(['m0 REQUEST_LOST sent true', 'm1 re:m1', 'end']);
    expect(members.group.listenerCount('channelLeft')).toBe(0);
  });

  it('gives an error that says what to do for a member that answers no calls', async () => {
    const members = new Members(0);
    members.add('plain');
    const { answers } = ask(members);
    await members.turn();
    expect(answers.counts.failed).toBe(1);
    const [one] = (await requestAll(members.group, Buffer.alloc(0)).all()).answers;
    expect(told(one!)).toBe('plain PIPELINE_UNKNOWN_NAME');
    expect(one?.error?.message).toContain(
      'has no ExchangeHandler to answer calls: put one into its pipeline',
    );
  });

  it('gives what the function for the handler throws as the error of the member', async () => {
    const members = new Members(1);
    const handlerOf = (): never => {
      throw new Error('mine');
    };
    const { answers } = await requestAll(members.group, Buffer.alloc(0), { handlerOf }).all();
    expect(answers[0]?.error?.message).toBe('mine');
  });

  it('takes the handler that a function chooses, members that match, and each channel once', async () => {
    const members = new Members(2);
    const second = new ExchangeHandler({ format: jsonRpcExchange() });
    members.channels[0]!.pipeline.addFirst(second);
    const [first] = members.channels;
    const all = [first, first, members.channels[1]] as never;
    const matcher = ChannelMatchers.is(first!);
    const { answers } = ask(members, { matcher, handlerOf: () => second }, all);
    expect(answers.counts.members).toBe(1);
    expect(second.counts.inFlight).toBe(1);
  });

  it('cancels the rest at their peers when the loop is left', async () => {
    const members = new Members(3);
    const answers = requestAll<JsonRpcExchange>(members.group, PING);
    const first = (async () => {
      for await (const one of answers) return told(one);
      return 'none';
    })();
    await members.got(0);
    await members.answer(1);
    expect(await first).toBe('m1 re:m1');
    expect(await members.got(0)).toEqual(['$/cancelRequest']);
    expect(await members.got(2)).toEqual(['ping', '$/cancelRequest']);
    expect((await answers.all()).answers).toEqual([]);
    await members.pass(10_000);
    expect(members.clock.pendingTimers).toBe(0);
    expect(members.group.listenerCount('channelLeft')).toBe(0);
  });

  it('ends by its signal, with its error for each that is missing', async () => {
    const members = new Members(2);
    const controller = new AbortController();
    const { got } = ask(members, { signal: controller.signal });
    await members.answer(0);
    controller.abort();
    await members.turn();
    expect(got).toEqual(['m0 re:m0', 'm1 OPERATION_ABORTED sent true', 'end']);
    expect(await members.got(1)).toEqual(['ping', '$/cancelRequest']);
  });

  it('asks no member if the signal has aborted', async () => {
    const members = new Members(1);
    const { got } = ask(members, { signal: AbortSignal.abort() });
    expect(await members.got(0)).toEqual([]);
    expect(got).toEqual(['m0 OPERATION_ABORTED sent false', 'end']);
  });

  it('keeps at most one unread answer for each member, and all() gives the rest', async () => {
    const members = new Members(3);
    const answers = requestAll<JsonRpcExchange>(members.group, PING);
    await members.answer(0);
    await members.refuse(1);
    members.channels[2]!.abort();
    const { answered, failed, codes, answers: list } = await answers.all();
    expect([answered, failed]).toEqual([1, 2]);
    expect(Object.fromEntries(codes)).toEqual({
      HR_ERR_REQUEST_REFUSED: 1,
      HR_ERR_REQUEST_LOST: 1,
    });
    expect(list.map(told)).toEqual(['m0 re:m0', 'm1 REQUEST_REFUSED', 'm2 REQUEST_LOST sent true']);
  });

  it('keeps no memory of the read that an answer came with', async () => {
    const clock = new VirtualClock();
    const exchange = new ExchangeHandler({ format: binaryExchange() });
    const channel = EmbeddedChannel.with({ clock }, exchange);
    const answers = requestAll([channel], Buffer.alloc(0));
    channel.runPendingTasks();
    const read = Buffer.alloc(65_536);
    read.set([2, 0, 0, 0, 0, 1, 7]);
    channel.writeInbound(read.subarray(0, 7));
    const { answers: list } = await answers.all();
    expect(list[0]?.answer).toEqual(Buffer.of(7));
    expect(list[0]?.answer?.buffer.byteLength).toBe(1);
  });

  it('ends at once without members', async () => {
    const members = new Members(0);
    const { end, got } = ask(members);
    await end;
    expect(got).toEqual(['end']);
    expect(members.clock.pendingTimers).toBe(0);
  });
});
