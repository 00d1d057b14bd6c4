// A node of a cluster: node storm-node.mjs '{"url", "place"}', with IPC. It answers one order at a time:
// - { come: { users, everyMs } }: a user signs in and joins a room each so many milliseconds, each in a turn of its own
// - { idle: { times, everyMs } }: the same pace without work
// - { known: users }: waits until this node knows so many members of the room
// - { say: { messages, everyMs, together } }: writes messages of 100 bytes to a room, so many in a turn
// - { heard: messages }: waits until the one member that this node has in this room got so many
// - { figures: true }: the CPU time so far, in microseconds, and what it put on the bus about presence

import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { nullChannel } from '../micro/null-channel.mjs';

const { url, place } = JSON.parse(process.argv[2]);
const MESSAGE = Buffer.alloc(100, 'x');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise((resolve) => setImmediate(resolve));
const bus = natsBus({ servers: url });
let published = 0;
const publish = bus.publish.bind(bus);
bus.publish = (subject, bytes) => {
  if (subject.endsWith('.p')) published += 1;
  return publish(subject, bytes);
};
const cluster = await Cluster.join({ app: 'bench', bus, joinTimeoutMs: 10_000 });
const lobby = cluster.group('lobby');
const room = cluster.group('room');
let heard = 0;
room.add(
  nullChannel({
    write(ctx, message) {
      heard += 1;
      return ctx.write(message);
    },
  }),
);
let users = 0;

/** Does it so often, each time alone: what is late is not made up for. */
async function paced(count, everyMs, act) {
  for (let i = 0; i < count; i += 1) {
    await (everyMs > 0 ? pause(everyMs) : turn());
    act();
  }
}

const ORDERS = {
  come: ({ users: count, everyMs }) =>
    paced(count, everyMs, () => {
      const channel = nullChannel();
      users += 1;
      cluster.users.bind(`user-${place}-${String(users).padStart(6, '0')}`, channel);
      lobby.add(channel);
    }),
  idle: ({ times, everyMs }) => paced(times, everyMs, () => {}),
  known: async (count) => {
    while (lobby.total < count) await pause(10);
  },
  say: ({ messages, everyMs, together }) =>
    paced(messages / together, everyMs, () => {
      for (let i = 0; i < together; i += 1) room.writeAndFlush(MESSAGE);
    }),
  heard: async (count) => {
    while (heard < count) await pause(10);
  },
  figures: () => {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system, published, heard };
  },
};

process.on('message', async (order) => {
  const [[name, value]] = Object.entries(order);
  process.send((await ORDERS[name](value)) ?? { done: true });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
