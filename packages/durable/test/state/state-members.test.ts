import { ChannelError, handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import type { LogPosition } from '@headrace/store';
import { expect, it } from 'vitest';
import { StateMembers } from '../../src/state/state-members.ts';
import { StateView } from '../../src/state/state-view.ts';

/** A state of `keys` keys, whose clock moves 1 ms each time it is read, and its members. */
function stateOf(keys: number) {
  const clock = new VirtualClock({ stepMs: 1 });
  let view = new StateView<number>('e', 10);
  let looks = 0;
  const set = (offset: number, key: string, message = offset): void => {
    const kept = { value: offset, version: offset };
    const position = { epoch: view.epoch, offset };
    view.set({ key, position, kept, rowVersion: undefined, message });
  };
  const restart = (epoch: string): void => {
    view = new StateView<number>(epoch, 10);
  };
  for (let i = 1; i <= keys; i++) set(i, `k${i}`);
  const members = new StateMembers<number>({
    clock,
    group: 'room',
    view: () => view,
    formatted: ({ type }) => type,
    caughtUp: () => {
      looks += 1;
      return Promise.resolve();
    },
    went: () => {},
    isStale: () => false,
    notRead: () => new ChannelError('CHANNEL_CLOSED', 'late'),
    left: () => undefined,
  });
  const member = (asked?: LogPosition) => {
    const written: unknown[] = [];
    const channel = new EmbeddedChannel(
      handler<{ writes: unknown }>({
        write: (ctx, message) => {
          written.push(message);
          return ctx.write(message);
        },
      }),
    );
    void members.join(channel, asked, false).catch(() => {});
    return { channel, written };
  };
  return { clock, members, set, restart, member, looks: () => looks };
}

it('gives a large state in slices, so that other work has its turn', () => {
  const { clock, member } = stateOf(10_000);
  const one = member();
  const two = member();
  const lengths: number[] = [];
  const look = (): void => {
    lengths.push(one.written.length);
    if (two.written.at(-1) !== 'ready' && lengths.length < 1000) clock.nextTurn(look);
  };
  clock.nextTurn(look);
  clock.runTasks();
  const slices = lengths.map((length, i) => length - (lengths[i - 1] ?? 0));
  expect(Math.max(...slices)).toBeLessThan(1000);
  const changes = Array.from({ length: 10_000 }, (_, i) => i + 1);
  expect(one.written).toEqual(['begin', ...changes, 'ready']);
  expect(two.written).toEqual(['begin', ...changes, 'ready']);
});

it('gives a change to its members while another member gets a large state', () => {
  const { clock, set, members, member } = stateOf(1);
  const here = member();
  clock.runTasks();
  for (let i = 2; i <= 5000; i++) set(i, `k${i}`);
  const joining = member();
  clock.nextTurn(() => {
    expect(joining.written.length).toBeLessThan(4000);
    set(5001, 'k1');
    members.changed();
  });
  clock.runTasks();
  expect(here.written.slice(-2)).toEqual([5000, 5001]);
  expect(joining.written.slice(-2)).toEqual([5001, 'ready']);
  expect(joining.written.length).toBe(5002);
});

it('gives each of many members a change that comes while it has the one before for only some of them', () => {
  const { clock, set, members, member } = stateOf(1);
  const all = Array.from({ length: 400 }, () => member());
  clock.runTasks();
  set(2, 'k1');
  members.changed();
  const look = (): void => {
    const reached = all.filter(({ written }) => written.at(-1) === 2).length;
    if (reached === 0) {
      clock.nextTurn(look);
      return;
    }
    expect(reached).toBeLessThan(all.length);
    set(3, 'k2');
    members.changed();
  };
  clock.nextTurn(look);
  clock.runTasks();
  for (const { written } of all) expect(written.slice(-3)).toEqual(['ready', 2, 3]);
});

it('gives the members that come later in a round nothing of a state that another one has replaced in it', () => {
  const { clock, set, restart, members, member } = stateOf(1);
  const all = Array.from({ length: 400 }, () => member());
  const look = (): void => {
    const reached = all.filter(({ written }) => written.at(-1) === 'ready').length;
    if (reached === 0) {
      clock.nextTurn(look);
      return;
    }
    expect(reached).toBeLessThan(all.length);
    restart('f');
    set(1, 'k1', -1);
    members.changed();
  };
  clock.nextTurn(look);
  clock.runTasks();
  for (const { written } of all) expect(written.slice(-3)).toEqual(['begin', -1, 'ready']);
});

it('writes nothing to a member whose output has ended, as when its server is drained', () => {
  const { clock, set, members, member } = stateOf(1);
  const stays = member();
  const [leaves, joins] = [member(), member()];
  joins.channel.end();
  clock.runTasks();
  leaves.channel.end();
  set(2, 'k1');
  members.changed();
  clock.runTasks();
  expect(stays.written).toEqual(['begin', 1, 'ready', 2]);
  expect([leaves.written, joins.written]).toEqual([['begin', 1, 'ready'], []]);
});

it('reads the store once for a member that is ahead, however often the state changes meanwhile', async () => {
  const { clock, set, members, member, looks } = stateOf(1);
  const ahead = member({ epoch: 'e', offset: 100 });
  for (let i = 2; i < 20; i++) {
    set(i, 'k1');
    members.changed();
    clock.runTasks();
  }
  expect([looks(), ahead.written]).toEqual([1, []]);
  await Promise.resolve();
  clock.runTasks();
  expect(ahead.written).toEqual(['begin', 19, 'ready']);
});
