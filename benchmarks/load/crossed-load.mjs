// Two nodes of a cluster in this process, on one hub: node crossed-load.mjs '{"members"}', forked.
// For each message { rounds } it sends that many messages on one node, and each goes to the members of both.

import { MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { LengthFieldPrepender } from '@headrace/codec';
import { nullChannel } from '../micro/null-channel.mjs';

const { members } = JSON.parse(process.argv[2]);
const MESSAGE = Buffer.alloc(100, 'x');
const hub = new MemoryHub();
let written = 0;

/** A handler next to the transport: what comes here would go to the kernel. */
class Counting {
  sharable = true;

  write(ctx, message) {
    written += 1;
    return ctx.write(message);
  }
}

async function node() {
  const cluster = await Cluster.join({ app: 'bench', bus: memoryBus({ hub }) });
  const group = cluster.group('members');
  for (let i = 0; i < members; i += 1) {
    group.add(nullChannel(new Counting(), new LengthFieldPrepender({ lengthFieldLength: 4 })));
  }
  return group;
}

const [group] = await Promise.all([node(), node()]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function round() {
  const end = written + 2 * members;
  group.writeAndFlush(MESSAGE);
  while (written < end) await turn();
}

// Until each node has heard of the other's members, messages do not cross.
for (let before = -1; written - before < 2 * members; await turn()) {
  before = written;
  group.writeAndFlush(MESSAGE);
  await turn();
}
process.on('message', async ({ rounds }) => {
  if (rounds === undefined) return;
  for (let i = 0; i < rounds; i += 1) await round();
  process.send({ done: rounds });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
