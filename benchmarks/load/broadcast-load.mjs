// Broadcast load: node broadcast-load.mjs '{"port", "pid", "connections", "bytes", "seconds", "everyMs"}'
// One connection sends a frame now and then, all receive it; prints what the server spent on each delivery.
import net from 'node:net';
import { cpuTimes } from './cpu-time.mjs';

const { port, pid, connections, bytes, seconds, warmup, everyMs } = JSON.parse(process.argv[2]);
const frame = Buffer.alloc(4 + bytes, 'x');
frame.writeUInt32BE(bytes);
let received = 0;
let sent = 0;

async function open() {
  const readBuffer = { buffer: shared, callback: (count) => take(count) };
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: readBuffer,
  });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed a connection')));
  return socket;
}

const shared = Buffer.alloc(64 * 1024);

function take(count) {
  received += count;
  return true;
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

const sockets = [];
for (let at = 0; at < connections; at += 200) {
  const some = Array.from({ length: Math.min(200, connections - at) }, open);
  sockets.push(...(await Promise.all(some)));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function send() {
  sockets[0].write(frame);
  sent += 1;
}

/** The next frame goes when all have the one before: a slow server gets less to do, not a backlog. */
async function run(forSeconds) {
  const end = performance.now() + forSeconds * 1000;
  while (performance.now() < end) {
    const deadline = performance.now() + 30_000;
    send();
    await pause(everyMs);
    while (received < sent * frame.length * connections) {
      if (performance.now() > deadline)
        fail(new Error(`${received} bytes of ${sent} broadcasts came`));
      await pause(2);
    }
  }
}

/** Some servers answer a connect before they know the connection: until all are members, not all are reached. */
async function gathered() {
  const deadline = performance.now() + 30_000;
  while (received !== frame.length * connections) {
    if (performance.now() > deadline) fail(new Error('not all connections became members'));
    await pause(500);
    received = 0;
    send();
    await pause(500);
  }
  received = 0;
  sent = 0;
}

await gathered();
await run(warmup);
const [before, cpuBefore, from] = [received, cpuTimes(pid), performance.now()];
await run(seconds);
const messages = (received - before) / frame.length;
const cpuAfter = cpuTimes(pid);
const user = cpuAfter.user - cpuBefore.user;
const cpu = user + cpuAfter.system - cpuBefore.system;
console.log(JSON.stringify({ messages, cpu, user, seconds: (performance.now() - from) / 1000 }));
process.exit(0);
