// Idle load: node idle-load.mjs '{"port", "pid", "connections"}'
// Opens many connections that send nothing; prints what each cost the server in CPU and, when all is quiet, in memory.
import net from 'node:net';
import { cpuSeconds, residentBytes } from './cpu-time.mjs';
import { greet, lengthFrame, OPEN, SOCKET_IO_STEPS, UPGRADE } from './protocols.mjs';

const { port, pid, connections, protocol, signsIn } = JSON.parse(process.argv[2]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The server's full collection; it runs with gc-on-signal.mjs. */
async function collect() {
  process.kill(pid, 'SIGUSR2');
  await pause(700);
}

// The system's own choice of a port: choosing local addresses here would cost it a search for each.
function open() {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', fail);
  if (protocol === 'lasting') {
    // OPEN, then the sign-in as DATA.
    socket.write(Buffer.concat([OPEN, lengthFrame(Buffer.from('\x06mar'))]));
    return new Promise((resolve) => socket.once('data', resolve));
  }
  if (protocol === 'ws') {
    socket.write(UPGRADE);
    return new Promise((resolve) => socket.once('data', resolve));
  }
  if (protocol === 'socket.io') return greet(socket, SOCKET_IO_STEPS);
  if (signsIn) socket.write(Buffer.from('000000036d6172', 'hex'));
  return new Promise((resolve) => socket.once('connect', resolve));
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

async function quiet() {
  let cpu = cpuSeconds(pid);
  for (let calm = 0; calm < 3; ) {
    await pause(100);
    const now = cpuSeconds(pid);
    calm = now - cpu < 0.005 ? calm + 1 : 0;
    cpu = now;
  }
}

await open();
await collect();
const [memoryBefore, cpuBefore] = [residentBytes(pid), cpuSeconds(pid)];
for (let at = 1; at <= connections; at += 100) {
  await Promise.all(Array.from({ length: Math.min(100, connections + 1 - at) }, open));
}
await quiet();
const cpu = cpuSeconds(pid) - cpuBefore;
const raw = residentBytes(pid) - memoryBefore;
await collect();
const memory = residentBytes(pid) - memoryBefore;
console.log(JSON.stringify({ messages: connections, cpu, memory, raw }));
process.exit(0);
