import { setImmediate as turn } from 'node:timers/promises';
import { memoryBus } from '@headrace/bus';
import { type StateGroup, stateGroup } from '@headrace/durable';
import { type StateLog, statesOf } from '@headrace/store';
import { expect, it, vi } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { words } from '../help/state-words.ts';

async function collected(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await turn();
    (globalThis as { gc?: () => void }).gc!();
  }
}

it('keeps a group only while it is used, or the application refers to it', async () => {
  const nodes = new VirtualNodes();
  const cluster = await nodes.join();
  const gone: WeakRef<StateGroup>[] = [];
  for (let i = 0; i < 20; i++) {
    const group = stateGroup(cluster, `room-${i}`);
    const { channel } = await nodes.member();
    void group.join(channel);
    void group.set('k', 1);
    await nodes.pass(50);
    void group.delete('k');
    await nodes.pass(50);
    channel.close();
    gone.push(new WeakRef(group));
  }
  const used = new WeakRef(stateGroup(cluster, 'used', { listens: 'always' }));
  const heard = new WeakRef(stateGroup(cluster, 'heard').on('stale', () => {}));
  const listener = (): void => {};
  const unheard = new WeakRef(stateGroup(cluster, 'unheard').on('stale', listener));
  unheard.deref()!.off('stale', listener);
  const held = stateGroup(cluster, 'held');
  await nodes.pass(3000);
  await collected();
  expect(gone.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1);
  expect(unheard.deref()).toBe(undefined);
  expect([used.deref() !== undefined, heard.deref() !== undefined]).toEqual([true, true]);
  expect(stateGroup(cluster, 'held')).toBe(held);
  // Other options are no conflict when nobody has the group any more.
  stateGroup(cluster, 'room-3', { maxKeys: 3 });
});

it('goes on with a state whose store was released', async () => {
  const nodes = new VirtualNodes();
  const bus = memoryBus({ hub: nodes.hub });
  const group = stateGroup<number>(await nodes.join({ bus }), 'room');
  const release = vi.spyOn(statesOf(bus)! as Required<StateLog>, 'release');
  void group.set('k', 1);
  await nodes.pass(5000);
  expect(release.mock.calls).toEqual([[expect.stringContaining('room')]]);
  const { channel, got } = await nodes.member();
  void group.join(channel);
  await nodes.pass(5000);
  void group.set('k', 2);
  await nodes.pass(5000);
  expect(words(got)).toEqual(['begin', 'k=1@1', 'ready@1', 'k=2@2']);
  expect(release.mock.calls.length).toBe(1);
  channel.close();
  await nodes.pass(5000);
  expect(release.mock.calls.length).toBe(2);
  const value = group.get('k');
  await nodes.pass(50);
  expect((await value)?.value).toBe(2);
});

it('does not release a store under a group that was asked for again before', async () => {
  const nodes = new VirtualNodes();
  const bus = memoryBus({ hub: nodes.hub });
  const cluster = await nodes.join({ bus });
  const release = vi.spyOn(statesOf(bus)! as Required<StateLog>, 'release');
  const write = () => void stateGroup(cluster, 'room').set('k', 1);
  write();
  await nodes.pass(50);
  await collected();
  const { channel } = await nodes.member();
  void stateGroup(cluster, 'room').join(channel);
  await nodes.pass(5000);
  expect(release.mock.calls).toEqual([]);
});

it('does not release a store while a node writes again and again', async () => {
  const nodes = new VirtualNodes();
  const bus = memoryBus({ hub: nodes.hub });
  const group = stateGroup<number>(await nodes.join({ bus }), 'room');
  const release = vi.spyOn(statesOf(bus)! as Required<StateLog>, 'release');
  for (let i = 0; i < 20; i++) {
    void group.set('k', i);
    await nodes.pass(500);
  }
  expect(release.mock.calls).toEqual([]);
});

it('does not release a store that is used again in time', async () => {
  const nodes = new VirtualNodes();
  const bus = memoryBus({ hub: nodes.hub });
  const group = stateGroup<number>(await nodes.join({ bus }), 'room');
  const release = vi.spyOn(statesOf(bus)! as Required<StateLog>, 'release');
  void group.set('k', 1);
  await nodes.pass(50);
  const { channel } = await nodes.member();
  void group.join(channel);
  await nodes.pass(5000);
  expect(release.mock.calls).toEqual([]);
});
