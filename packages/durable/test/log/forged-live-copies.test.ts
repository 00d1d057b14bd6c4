import { Buffer } from 'node:buffer';
import { memoryBus } from '@headrace/bus';
import { durableGroup } from '@headrace/durable';
import { type LogEntry, logOf } from '@headrace/store';
import { expect, it } from 'vitest';
import { Nodes, sent } from '../../../cluster/test/nodes.ts';

const KEY = 'a secret of 16 bytes and more';

/** A node with keys whose log hands out what the test invents. */
async function follower() {
  const nodes = new Nodes();
  const bus = memoryBus({ hub: nodes.hub });
  const log = logOf(bus)!;
  const follow = log.follow.bind(log);
  let live: (entry: LogEntry) => void = () => {};
  let reads = 0;
  log.follow = (stream, listener) => {
    live = listener;
    return follow(stream, listener);
  };
  const read = log.read.bind(log);
  log.read = (...of) => {
    reads += 1;
    return read(...of);
  };
  const cluster = await nodes.join({ bus, keys: [KEY] });
  const room = durableGroup<string>(cluster, 'room');
  const channel = nodes.channel();
  room.add(channel);
  await nodes.pass(3000);
  room.writeAndFlush('one');
  await nodes.pass(100);
  expect(sent(channel)).toEqual(['one']);
  const forge = (offset: number, previous: number, bytes: Buffer) => {
    const { epoch } = room.history.position!;
    live({ position: { epoch, offset }, previous, id: 'x', bytes });
  };
  return { nodes, cluster, room, channel, forge, readCount: () => reads };
}

it('a live copy without a seal says nothing about the place of the log', async () => {
  const { nodes, cluster, room, channel, forge, readCount } = await follower();
  const reads = readCount();
  for (const previous of [0, 1, 5]) forge(4e15, previous, Buffer.from('junk'));
  await nodes.pass(100);
  expect([room.history.position?.offset, readCount() - reads]).toEqual([1, 0]);
  room.writeAndFlush('two');
  await nodes.pass(100);
  expect(sent(channel)).toEqual(['two']);
  expect(cluster.counters.ignored).toEqual({ foreign: 3 });
});
