// One end of messages to users on another node: node user-message.mjs headrace|nats|nats-alone sends|receives nats://…, forked.
// `nats` is the bare client, whose callback writes to the same channel; `nats-alone` only counts.
// The receiver gets { expect: n } and answers { armed: true }, then { cpu } when so many came; the sender gets
// { send: n } and answers { sent: true }, then { report: true } and answers { cpu }. CPU in microseconds per message.

import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { LengthFieldPrepender } from '@headrace/codec';
import { connect } from '@nats-io/transport-node';
import { nullChannel } from '../micro/null-channel.mjs';

const USERS = 1000;
const MESSAGE = Buffer.alloc(100, 'x');
/** Written in one turn of the event loop. */
const PER_TURN = 16;
const ids = Array.from({ length: USERS }, (_, i) => `user-${i}`);
const [peer, role, url] = process.argv.slice(2);
let received = () => {};

/** A handler next to the transport: what comes here would go to the kernel. */
class Counting {
  sharable = true;

  write(ctx, message) {
    received();
    return ctx.write(message);
  }
}

/** Each returns a function that sends one message to a user. */
const PEERS = {
  async headrace() {
    const bus = natsBus({ servers: url });
    const { users } = await Cluster.join({ app: 'bench', bus, joinTimeoutMs: 10_000 });
    if (role === 'receives') {
      for (const id of ids) users.bind(id, memberChannel());
      await bus.settled();
    }
    return (id) => users.send(id, MESSAGE);
  },
  nats: () => bareClient(() => memberChannel()),
  'nats-alone': () => bareClient(() => ({ writeAndFlush: () => received() })),
};

function memberChannel() {
  return nullChannel(new Counting(), new LengthFieldPrepender({ lengthFieldLength: 4 }));
}

async function bareClient(member) {
  const client = await connect({ servers: url });
  if (role === 'receives') {
    for (const id of ids) {
      const channel = member();
      const callback = (_error, { data }) => {
        const { buffer, byteOffset, byteLength } = data;
        channel.writeAndFlush(Buffer.from(buffer, byteOffset, byteLength));
      };
      client.subscribe(`bench.${id}`, { callback });
    }
    await client.flush();
  }
  return (id) => client.publish(`bench.${id}`, MESSAGE);
}

const send = await PEERS[peer]();
let before;

function report(messages) {
  const { user, system } = process.cpuUsage(before);
  process.send({ cpu: (user + system) / messages });
}

function expectMessages(messages) {
  let left = messages;
  received = () => {
    left -= 1;
    if (left === 0) report(messages);
  };
  before = process.cpuUsage();
  process.send({ armed: true });
}

async function sendMessages(messages) {
  before = process.cpuUsage();
  for (let i = 0; i < messages; i += 1) {
    send(ids[i % USERS]);
    if (i % PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  process.send({ sent: true });
}

let count = 0;
process.on('message', (order) => {
  if ('expect' in order) expectMessages(order.expect);
  else if ('send' in order) {
    count = order.send;
    void sendMessages(count);
  } else report(count);
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
