// A load in rounds, each ordered by its parent: node counted-load.mjs '{"work", "port", "protocol", "connections", …}'
// Nothing is sent before all that the last message caused has come, and the server stands still meanwhile: how messages
// meet in its reads depends neither on its speed nor on ours.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { messagesOn, open } from './protocols.mjs';

const { work, port, pid, connections, depth = 1, bytes, protocol } = JSON.parse(process.argv[2]);
const all = (make, count = connections) => Promise.all(Array.from({ length: count }, make));

/** Each makes its connections and returns what does one round on all of them. */
const WORKS = {
  /** Each connection sends `depth` messages at once and waits for their replies. */
  async echo() {
    const members = await all(member);
    return () => {
      const replies = members.map(({ received }) => received(depth));
      whileItStands(() => {
        for (const { send } of members) send(depth);
      });
      return Promise.all(replies);
    };
  },
  /** The last connection sends, all receive: as it is accepted after the others, all are members by then. */
  async broadcast() {
    const members = await all(member, connections - 1);
    const last = await member();
    members.push(last);
    return () => {
      last.send(1);
      return Promise.all(members.map(({ received }) => received(1)));
    };
  },
  /** As many connections come and go. */
  async accept() {
    return async () => {
      const sockets = await all(() => open(protocol, port));
      await Promise.all(sockets.map(gone));
    };
  },
  /** As many connections come, take all that is sent to them, and end. */
  async take() {
    return async () => {
      const sockets = await all(() => open(protocol, port));
      await Promise.all(sockets.map(taken));
    };
  },
  /** As many peers send one datagram, are answered, and stay. */
  async peers() {
    return () =>
      all(async () => {
        const { send, received } = await member();
        const reply = received(1);
        send(1);
        return reply;
      });
  },
  /** As many connections come and stay; one more comes and goes, which is accepted after them. */
  async idle() {
    return async () => {
      await all(() => open(protocol, port));
      await gone(await open(protocol, port));
    };
  },
};

async function member() {
  const socket = await open(protocol, port);
  let [missing, done] = [0, () => {}];
  const send = messagesOn(socket, protocol, bytes, (count) => {
    missing -= count;
    if (missing === 0) done();
  });
  const received = (count) => {
    missing += count;
    return new Promise((resolve) => {
      done = resolve;
    });
  };
  return { send, received };
}

/** The server finds all that is sent at once, however long that takes. */
function whileItStands(send) {
  process.kill(pid, 'SIGSTOP');
  while (!/\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  send();
  process.kill(pid, 'SIGCONT');
}

/** The server has sent all, and ended. */
function taken(socket) {
  let received = 0;
  socket.removeAllListeners('close').on('data', (chunk) => {
    received += chunk.length;
  });
  return once(socket, 'close').then(() => {
    if (received !== bytes) fail(new Error(`${received} bytes came, and not ${bytes}`));
  });
}

/** The server has closed it, too. */
function gone(socket) {
  socket.removeAllListeners('close').end().resume();
  return once(socket, 'close');
}

const round = await WORKS[work]();
process.on('message', async ({ rounds }) => {
  for (let i = 0; i < rounds; i += 1) await round();
  process.send({ done: rounds });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
