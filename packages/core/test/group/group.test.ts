import { expect, it } from 'vitest';
import { callSafely } from '../../src/call/call-safely.ts';
import {
  ChannelGroup,
  type ChannelGroupError,
  type Group,
  type GroupOutcome,
} from '../../src/index.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

it('a ChannelGroup is a Group, and everything that is known of it works through the interface', async () => {
  const group: Group<string> = new ChannelGroup<string>('members');
  const [a, b] = [new EmbeddedChannel(), new EmbeddedChannel()];
  expect([group.add(a), group.add(b), group.add(a)]).toEqual([true, true, false]);
  expect([group.name, group.size, group.has(a), [...group]]).toEqual(['members', 2, true, [a, b]]);
  const outcome: GroupOutcome = group.write('x', (channel) => channel === a);
  expect([outcome.size, outcome.isBegun, outcome.isSettled]).toEqual([1, true, false]);
  group.flush();
  await outcome;
  expect([outcome.isSuccess, a.readOutbound(), b.readOutbound()]).toEqual([true, 'x', undefined]);
  let drained = 0;
  group.onceDrained(() => {
    drained += 1;
  });
  expect([group.backlog, drained]).toEqual([0, 1]);
  expect([group.remove(a), group.remove(a)]).toEqual([true, false]);
  await group.close('shutdown');
  expect([b.closeInfo?.reason, a.isOpen, group.size]).toEqual(['shutdown', true, 0]);
});

it('the outcome of a group takes what the future of a channel takes', async () => {
  const group = new ChannelGroup<string>('members');
  const member = new EmbeddedChannel();
  group.add(member);
  const seen: unknown[] = [];
  const outcome: GroupOutcome = group.writeAndFlush('x');
  outcome.onSettled((error) => seen.push(error));
  expect(seen).toEqual([]);
  await outcome.finally(() => seen.push('finally'));
  expect(seen).toEqual([undefined, 'finally']);

  const failed = group.write('y');
  failed.onSettled((error) => seen.push((error as ChannelGroupError).code));
  await member.close();
  expect(await failed.catch(() => 'caught')).toBe('caught');
  expect(seen.at(-1)).toBe('HR_ERR_GROUP_WRITE_FAILED');
});

it('the failed outcome of a group that a listener returns is reported', async () => {
  const group = new ChannelGroup<string>('members');
  const member = new EmbeddedChannel();
  group.add(member);
  const outcome = group.write('x');
  const reported: string[] = [];
  callSafely(
    () => outcome,
    undefined,
    (error) => reported.push((error as ChannelGroupError).code),
  );
  await member.close();
  await outcome.catch(() => {});
  expect(reported).toEqual(['HR_ERR_GROUP_WRITE_FAILED']);
});
