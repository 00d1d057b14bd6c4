// Broadcast load: node broadcast-load.mjs '{"port", "from", "pid", "protocol", "connections", "bytes", …}'
// One connection sends a message now and then, all receive it. With `from`, the port of another node, there are as many
// connections to that one, and the message comes from there. Prints what the process `pid`, at `port`, spent on each
// delivery, and what each of its connections takes in memory after them.
import net from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { cpuTimes, residentBytes } from './cpu-time.mjs';
import { webSocketFrame } from './protocols.mjs';

const { port, from, pid, protocol, connections, bytes, seconds, warmup, everyMs } = JSON.parse(
  process.argv[2],
);
const sides = from === undefined ? ['here'] : ['here', 'there'];
/** Text that compresses as such messages do, about to a third. */
const text = Array.from({ length: bytes }, (_, i) => ((i * 7919) % 10_007).toString(36))
  .join(',')
  .slice(0, bytes);

const masked = (message) => webSocketFrame(Buffer.from(message), { isMasked: true });
const lengthOf = (message) => webSocketFrame(Buffer.from(message), {}).length;

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
  'ws-deflate'() {
    const offer = 'Sec-WebSocket-Extensions: permessage-deflate\r\n';
    const flushed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    const length = lengthOf(flushed.subarray(0, -4));
    return { steps: [[upgrade('/ws', offer), '\r\n\r\n']], sent: masked(text), length };
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

function upgrade(path, more = '') {
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  return `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${more}\r\n`;
}

const { steps, sent: message, length } = PROTOCOLS[protocol]();
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
  socket.on('close', () => fail(new Error('the server closed a connection')));
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

const memoryBefore = residentBytes(pid);
let sender;
for (const side of sides) [sender] = await openAll(side);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function send() {
  sender.write(message);
  sent += 1;
}

function isComplete() {
  const all = sent * length * connections;
  return sides.every((side) => received[side] === all);
}

/** The next message goes when all have the one before: a slow server gets less to do, not a backlog. */
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

/** Some servers answer before they know a connection, and nodes must hear of each other: not all are reached at first. */
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
const memory = residentBytes(pid) - memoryBefore;
const result = { messages, cpu, user, memory, seconds: (performance.now() - at) / 1000 };
console.log(JSON.stringify(result));
process.exit(0);
