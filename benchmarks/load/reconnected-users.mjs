// Users after nats-server was killed: node reconnected-users.mjs '{"url", "users"}', with IPC.
// One node has the users, another one knows and reaches them, both in this process. Sends { bound: true } when the other
// one knows them all, and answers the next message, with which the server is killed and started again, with
// { reached, known }: seconds from the loss until a message that was sent after it arrives, and until the other node
// knows again where all users are.

import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { nullChannel } from '../micro/null-channel.mjs';

const { url, users } = JSON.parse(process.argv[2]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const MESSAGE = Buffer.from('x');
const idOf = (i) => `user-${i}`;
const logger = { log() {} };
const join = () =>
  Cluster.join({ app: 'bench', bus: natsBus({ servers: url }), joinTimeoutMs: 10_000, logger });
const [home, other] = [await join(), await join()];
let arrived = 0;
const counting = {
  sharable: true,
  write(ctx, message) {
    arrived += 1;
    return ctx.write(message);
  },
};

/** One of a thousand: all of them came in the same messages. */
async function isKnown() {
  try {
    for (let i = 0; i < users; i += 1000) {
      if (!(await other.users.isOnline(idOf(i)))) return false;
    }
    return await other.users.isOnline(idOf(users - 1));
  } catch {
    return false; // The bus is down.
  }
}

for (let i = 0; i < users; i += 1) {
  home.users.bind(idOf(i), nullChannel(counting));
  if (i % 1000 === 0) await pause(0);
}
while (!(await isKnown())) await pause(100);
const lost = new Promise((resolve) => home.once('down', resolve));
process.once('message', () => void measure());
process.on('disconnect', () => process.exit());
process.send({ bound: true });

async function measure() {
  await lost;
  const at = performance.now();
  const seconds = () => (performance.now() - at) / 1000;
  let reached;
  const sending = setInterval(() => {
    if (arrived > 0) reached ??= seconds();
    else other.users.send(idOf(Math.floor(Math.random() * users)), MESSAGE);
  }, 10);
  while (!(await isKnown()) || reached === undefined) await pause(10);
  clearInterval(sending);
  process.send({ reached, known: seconds() });
}
