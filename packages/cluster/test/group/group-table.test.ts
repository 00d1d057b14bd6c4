import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GroupTable } from '../../src/group/group-table.ts';

interface Group {
  readonly name: string;
}

async function collected(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await turn();
    (globalThis as { gc?: () => void }).gc!();
  }
}

it('keeps a group in use, and one at rest only while somebody refers to it', async () => {
  const table = new GroupTable<Group>();
  const held = { name: 'held' };
  table.keep(held, false);
  table.keep({ name: 'used' }, true);
  for (let i = 0; i < 100; i++) {
    const group = { name: `${i}` };
    table.keep(group, true);
    table.keep(group, false);
  }
  await collected();
  expect(table.get('held')).toBe(held);
  expect([...table.used.keys()]).toEqual(['used']);
  expect([table.get('used')?.name, table.get('7')]).toEqual(['used', undefined]);
  // The engine can still hold the last one.
  const names = table.all().map(({ name }) => name);
  expect(names.filter((name) => name !== '99')).toEqual(['used', 'held']);
});

it('forgets the names of groups that are gone', async () => {
  const table = new GroupTable<Group>();
  const held = { name: 'held' };
  table.keep(held, false);
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 100; i++) table.keep({ name: `${round} ${i}` }, false);
    await collected();
  }
  expect(table['atRest'].size).toBeLessThanOrEqual(300);
  expect(table.get('held')).toBe(held);
});

it('gives a name to the group that was kept last', () => {
  const table = new GroupTable<Group>();
  const [one, two] = [{ name: 'room' }, { name: 'room' }];
  table.keep(one, false);
  table.keep(two, true);
  expect([table.get('room') === two, table.all().length]).toEqual([true, 1]);
});
