import { Cluster } from '@headrace/cluster';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';

describe('GroupHistory.newest', () => {
  it('gives the last messages in order, and where they end, also in a room without members', async () => {
    await using cluster = await Cluster.join({ app: 'newest' });
    const room = durableGroup<string>(cluster, 'room', { messages: 5, recent: 5 });
    const before = await room.history.newest(3);
    expect(before).toEqual({ entries: [], position: { epoch: before.position.epoch, offset: 0 } });
    for (let i = 1; i <= 4; i++) await room.write(`text ${i}`);
    const some = await room.history.newest(3);
    expect(some.entries.map(({ message }) => message)).toEqual(['text 2', 'text 3', 'text 4']);
    expect(some.position).toEqual({ epoch: before.position.epoch, offset: 4 });
    expect((await room.history.newest(50)).entries).toHaveLength(4);
    for (let i = 5; i <= 9; i++) await room.write(`text ${i}`);
    expect((await room.history.newest(50)).entries.at(-1)?.message).toBe('text 9');
    expect((await room.history.newest(1)).entries.map(({ message }) => message)).toEqual([
      'text 9',
    ]);
  });
});
