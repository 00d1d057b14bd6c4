// Each function of GatewayWorker's class Gateway, as its manual says what it does, by ours: the table of the guide.
import { describe, expect, it } from 'vitest';
import { sent } from '../../../cluster/test/nodes.ts';
import { world } from './remote-world.ts';

type World = Awaited<ReturnType<typeof world>>;

/** Two connections, one at each gateway: `ann` and `bob`, of the uids 1 and 2, both in the group `room`. */
async function populated(): Promise<World> {
  const there = await world();
  const [ann, bob] = there.ids as [string, string];
  const { of, given } = there;
  await given(of.bind({ connection: ann }, '1'));
  await given(of.bind({ connection: bob }, '2'));
  for (const connection of [ann, bob]) await given(of.join({ connection }, 'room'));
  await given(of.setSession({ connection: ann }, { name: 'ann' }));
  return there;
}

const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();

const ROWS: readonly (readonly [name: string, run: (there: World) => Promise<void>])[] = [
  [
    'sendToAll',
    async ({ of, given, channels, ids }) => {
      expect(await given(of.send({ all: true }, 'hi'))).toBe(2);
      expect(await given(of.send({ all: true }, 'not bob', [ids[1]!]))).toBe(1);
      expect(channels.map(sent)).toEqual([['hi', 'not bob'], ['hi']]);
    },
  ],
  [
    'sendToClient',
    async ({ of, given, channels, ids }) => {
      expect(await given(of.send({ connection: ids[1]! }, 'hi'))).toBe(1);
      expect(channels.map(sent)).toEqual([[], ['hi']]);
    },
  ],
  [
    'closeClient, destroyClient',
    async ({ of, given, channels, ids }) => {
      expect(await given(of.close({ connection: ids[0]! }, 'bye'))).toBe(1);
      expect(await given(of.close({ connection: ids[1]! }))).toBe(1);
      expect(channels.map(sent)).toEqual([['bye'], []]);
      expect(await given(of.count({ all: true }))).toBe(0);
    },
  ],
  [
    'isOnline',
    async ({ of, given, ids }) => {
      const connection = ids[0]!;
      expect(await given(of.count({ connection }))).toBe(1);
      await given(of.close({ connection }));
      expect(await given(of.count({ connection }))).toBe(0);
    },
  ],
  [
    'bindUid, unbindUid, isUidOnline',
    async ({ of, given, ids }) => {
      expect(await given(of.count({ user: '1' }))).toBe(1);
      await given(of.bind({ connection: ids[1]! }, '1'));
      expect(await given(of.count({ user: '1' }))).toBe(2);
      for (const connection of ids) await given(of.unbind({ connection }, '1'));
      expect(await given(of.count({ user: '1' }))).toBe(0);
    },
  ],
  [
    'getClientIdByUid, getUidByClientId',
    async ({ of, given, ids }) => {
      expect((await given(of.list({ user: '1' }))).map(({ id }) => id)).toEqual([ids[0]]);
      expect((await given(of.list({ connection: ids[1]! })))[0]?.users).toEqual(['2']);
    },
  ],
  [
    'sendToUid',
    async ({ of, given, channels, ids }) => {
      await given(of.bind({ connection: ids[0]! }, '2'));
      expect(await given(of.send({ user: '2' }, 'hi'))).toBe(2);
      expect(channels.map(sent)).toEqual([['hi'], ['hi']]);
    },
  ],
  [
    'joinGroup, leaveGroup, ungroup',
    async ({ of, given, ids }) => {
      await given(of.join({ connection: ids[0]! }, 'other'));
      expect(await given(of.count({ group: 'other' }))).toBe(1);
      await given(of.leave({ connection: ids[0]! }, 'other'));
      expect(await given(of.count({ group: 'other' }))).toBe(0);
      expect(await given(of.leave({ group: 'room' }, 'room'))).toBe(2);
      expect(await given(of.count({ group: 'room' }))).toBe(0);
    },
  ],
  [
    'sendToGroup',
    async ({ of, given, channels, ids }) => {
      expect(await given(of.send({ group: 'room' }, 'hi', [ids[0]!]))).toBe(1);
      expect(channels.map(sent)).toEqual([[], ['hi']]);
    },
  ],
  [
    'getClientIdCountByGroup, getAllClientIdCount, getUidCountByGroup, getAllUidCount',
    async ({ of, given, ids }) => {
      expect(await given(of.count({ group: 'room' }))).toBe(2);
      expect(await given(of.count({ all: true }))).toBe(2);
      await given(of.bind({ connection: ids[1]! }, '1'));
      const room = await given(of.list({ group: 'room' }));
      expect(unique(room.flatMap(({ users }) => users))).toHaveLength(2);
    },
  ],
  [
    'getClientIdListByGroup, getAllClientIdList, getUidListByGroup, getAllUidList, getAllGroupIdList',
    async ({ of, given, ids }) => {
      const all = await given(of.list({ all: true }));
      const room = await given(of.list({ group: 'room' }));
      expect(unique(room.map(({ id }) => id))).toEqual([...ids].sort());
      expect(unique(all.map(({ id }) => id))).toEqual([...ids].sort());
      expect(unique(room.flatMap(({ users }) => users))).toEqual(['1', '2']);
      expect(unique(all.flatMap(({ groups }) => groups))).toEqual(['room']);
    },
  ],
  [
    'getClientSessionsByGroup, getAllClientSessions',
    async ({ of, given }) => {
      const room = await given(of.list({ group: 'room' }));
      expect(room.map(({ session }) => session)).toContainEqual({ name: 'ann' });
    },
  ],
  [
    'getSession, setSession, updateSession',
    async ({ of, given, ids }) => {
      const connection = ids[0]!;
      await given(of.updateSession({ connection }, { age: 7 }));
      expect((await given(of.list({ connection })))[0]?.session).toEqual({ name: 'ann', age: 7 });
      await given(of.setSession({ connection }, { age: 8 }));
      expect((await given(of.list({ connection })))[0]?.session).toEqual({ age: 8 });
    },
  ],
];

describe('functions of GatewayWorker, from a worker', () => {
  it.each(ROWS)('%s', async (_name, run) => run(await populated()));
});
