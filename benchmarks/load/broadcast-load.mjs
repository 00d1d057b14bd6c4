// Broadcast load: node broadcast-load.mjs '{"port", "pid", "connections", "bytes", "seconds", "everyMs"}'
// One connection sends a frame now and then, all receive it; prints what the server spent on each delivery.
import net from 'node:net';
import { cpuSeconds } from './cpu-time.mjs';

const { port, pid, connections, bytes, seconds, warmup, everyMs } = JSON.parse(process.argv[2]);
const frame = Buffer.alloc(4 + bytes, 'x');
frame.writeUInt32BE(bytes);
let received = 0;
let sent = 0;

async function open(at) {
  // Ports of one address do not suffice for very many connections.
  const localAddress = `127.0.0.${1 + Math.floor(at / 10_000)}`;
  const readBuffer = { buffer: shared, callback: (count) => take(count) };
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    localAddress,
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
  const some = Array.from({ length: Math.min(200, connections - at) }, (_, i) => open(at + i));
  sockets.push(...(await Promise.all(some)));
}

function send() {
  sockets[0].write(frame);
  sent += 1;
}

async function drained() {
  const deadline = performance.now() + 5000;
  while (received < sent * frame.length * connections) {
    if (performance.now() > deadline)
      fail(new Error(`${received} bytes of ${sent} broadcasts came`));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function run(forSeconds) {
  const end = performance.now() + forSeconds * 1000;
  while (performance.now() < end) {
    send();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  await drained();
}

await run(warmup);
const [before, cpuBefore, from] = [received, cpuSeconds(pid), performance.now()];
await run(seconds);
const messages = (received - before) / frame.length;
const cpu = cpuSeconds(pid) - cpuBefore;
console.log(JSON.stringify({ messages, cpu, seconds: (performance.now() - from) / 1000 }));
process.exit(0);
