import { Buffer } from 'node:buffer';
import { durableGroup } from '@headrace/durable';
import { logOf } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { Nodes, sent } from '../../../cluster/test/nodes.ts';
import type { DurableOutcome } from '../../src/log/durable-outcome.ts';

const KEY = 'a secret of 16 bytes and more';

/** A durable group with a member, and a program without a key that reads and writes its log. */
async function attacked() {
  const nodes = new Nodes();
  const cluster = await nodes.join({ keys: [KEY] });
  const stranger = await nodes.join();
  const room = durableGroup<string>(cluster, 'room');
  durableGroup<string>(stranger, 'room');
  const channel = nodes.channel();
  room.add(channel);
  await nodes.pass(3000);
  const { bus, subjects } = stranger.parts.wire;
  const log = logOf(bus)!;
  const stream = subjects.stream('room');
  const store = (id: string, bytes: Buffer) => log.append(stream, id, bytes);
  await log.open(stream, { messages: 1000, ageMs: 1e9 });
  return { nodes, cluster, room, channel, log, stream, store };
}

/** What became of a write. */
function told({ isSettled, isBegun, isSuccess }: DurableOutcome): string {
  return isSettled && isBegun ? `${isSuccess}` : 'open';
}

describe('the id of a stored message', () => {
  it('is under its seal: under another one it is not a message', async () => {
    const { nodes, cluster, room, channel, log, stream, store } = await attacked();
    room.writeAndFlush('one');
    await nodes.pass(100);
    expect(sent(channel)).toEqual(['one']);
    const { entries } = await log.read(stream, 0, 10);
    await store('another', entries[0]!.bytes);
    await nodes.pass(100);
    room.writeAndFlush('two', { id: 'mine' });
    await nodes.pass(100);
    expect(sent(channel)).toEqual(['two']);
    expect(cluster.counters.ignored).toEqual({ forged: 2, unsealed: expect.any(Number) });
  });

  it('cannot be foreseen if it is made up', async () => {
    const { nodes, room, channel, store, cluster } = await attacked();
    const counted = Array.from({ length: 20 }, (_, at) => `${cluster.nodeId}-${at}`);
    const ids = counted.flatMap((id) => [id, `${id}-`]);
    await Promise.all(ids.map((id) => store(id, Buffer.from('junk'))));
    await nodes.pass(100);
    const outcome = room.writeAndFlush('the order of the day');
    await nodes.pass(100);
    expect([told(outcome), sent(channel)]).toEqual(['true', ['the order of the day']]);
  });

  it.each([0, 100])('fails its write if a stranger took it %d ms before', async (ms) => {
    const { nodes, room, store } = await attacked();
    void store('mine', Buffer.from('junk'));
    if (ms > 0) {
      await nodes.pass(ms);
      // Another message makes the node look what the log has.
      room.writeAndFlush('other');
      await nodes.pass(ms);
    }
    const before = room.counters.published;
    const outcome = room.writeAndFlush('hello', { id: 'mine' });
    const again = room.writeAndFlush('hello', { id: 'mine' });
    const failed = outcome.stored.catch((thrown: Error) => thrown.message);
    await nodes.pass(8000);
    expect([told(outcome), told(again), room.backlog]).toEqual(['false', 'false', 0]);
    expect(await failed).toMatch(
      /the id "mine" belongs to an entry that is not a message of this cluster/,
    );
    const { published } = room.counters;
    expect([published.sent - before.sent, published.dropped - before.dropped]).toEqual([0, 1]);
  });

  it('is there before as a rule because the same message was written again', async () => {
    const { nodes, room, channel } = await attacked();
    const outcomes = [room.writeAndFlush('hello', { id: 'mine' })];
    await nodes.pass(100);
    outcomes.push(room.writeAndFlush('hello', { id: 'mine' }));
    await nodes.pass(8000);
    expect([outcomes.map(told), sent(channel)]).toEqual([['true', 'true'], ['hello']]);
  });
});
