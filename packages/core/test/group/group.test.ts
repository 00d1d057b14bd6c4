import { expect, it } from 'vitest';
import { ChannelGroup, type Group, type GroupOutcome } from '../../src/index.ts';
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
