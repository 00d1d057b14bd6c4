// Broadcast load on two nodes: node cluster-load.mjs '{"port", "from", "pid", "protocol", "connections", …}'
// As many connections to each; one of those to `from` sends a message now and then, all receive it. Prints what the
// node at `port`, whose process `pid` is, spent on each delivery: what it delivered came over the bus.
import net from 'node:net';
import { cpuTimes } from './cpu-time.mjs';

const { port, from, pid, protocol, connections, bytes, seconds, warmup, everyMs } = JSON.parse(
  process.argv[2],
);
const text = 'x'.repeat(bytes);

/** For each protocol: the steps until it is open, what is sent, and how many bytes come for it. */
const PROTOCOLS = {
  frames() {
    const frame = Buffer.alloc(4 + bytes, 'x');
    frame.writeUInt32BE(bytes);
    return { steps: [], sent: frame, length: frame.length };
  },
  ws() {
    return { steps: [[upgrade('/ws'), '\r\n\r\n']], sent: masked(text), length: lengthOf(text) };
  },
  'socket.io'() {
    const event = `42["m","${text}"]`;
    const steps = [
      [upgrade('/socket.io/?EIO=4&transport=websocket'), '0{'],
      [masked('40'), '40{'],
    ];
    return { steps, sent: masked(event), length: lengthOf(event) };
  },
};

function upgrade(path) {
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  return `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
}

/** A text message of a WebSocket's client; its mask is zeros. */
function masked(message) {
  const body = Buffer.from(message);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

/** Of a text message of a WebSocket's server. */
function lengthOf(message) {
  if (message.length > 125) throw new Error('the load knows short messages only');
  return 2 + message.length;
}

const { steps, sent: frame, length } = PROTOCOLS[protocol]();
const shared = Buffer.alloc(64 * 1024);
const received = { here: 0, there: 0 };
let sent = 0;

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

async function open(side) {
  let heard = (count) => {
    received[side] += count;
  };
  const count = heard;
  const callback = (bytesRead) => {
    heard(bytesRead);
    return true;
  };
  const socket = net.connect({
    port: side === 'here' ? port : from,
    host: '127.0.0.1',
    noDelay: true,
    onread: { buffer: shared, callback },
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('a node closed a connection')));
  await new Promise((resolve) => socket.once('connect', resolve));
  for (const [request, answer] of steps) {
    socket.write(request);
    await new Promise((resolve) => {
      let all = '';
      heard = (bytesRead) => {
        all += shared.toString('latin1', 0, bytesRead);
        if (all.includes(answer)) resolve();
      };
    });
  }
  heard = count;
  return socket;
}

async function openAll(side) {
  const sockets = [];
  for (let at = 0; at < connections; at += 100) {
    const some = Array.from({ length: Math.min(100, connections - at) }, () => open(side));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

await openAll('here');
const [sender] = await openAll('there');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function send() {
  sender.write(frame);
  sent += 1;
}

function isComplete() {
  const all = sent * length * connections;
  return received.here === all && received.there === all;
}

/** The next message goes when all have the one before: a slow node gets less to do, not a backlog. */
async function run(forSeconds) {
  const end = performance.now() + forSeconds * 1000;
  while (performance.now() < end) {
    const deadline = performance.now() + 30_000;
    send();
    await pause(everyMs);
    while (!isComplete()) {
      if (performance.now() > deadline)
        fail(new Error(`${received.here} and ${received.there} bytes of ${sent} messages came`));
      await pause(1);
    }
  }
}

/** Until all are members on both nodes, and the nodes have heard of each other, not all are reached. */
async function gathered() {
  const deadline = performance.now() + 30_000;
  for (;;) {
    sent = 0;
    received.here = 0;
    received.there = 0;
    send();
    await pause(500);
    if (isComplete()) break;
    if (performance.now() > deadline) fail(new Error('not all connections became members'));
    await pause(500);
  }
}

await gathered();
await run(warmup);
const [before, cpuBefore, at] = [received.here, cpuTimes(pid), performance.now()];
await run(seconds);
const messages = (received.here - before) / length;
const cpuAfter = cpuTimes(pid);
const user = cpuAfter.user - cpuBefore.user;
const cpu = user + cpuAfter.system - cpuBefore.system;
console.log(JSON.stringify({ messages, cpu, user, seconds: (performance.now() - at) / 1000 }));
process.exit(0);
