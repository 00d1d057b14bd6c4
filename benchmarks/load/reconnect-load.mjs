// A storm of reconnects: node reconnect-load.mjs '{"port", "pid", "protocol", "connections"}'
// All connections are cut at once, and open again. Prints what the server spent until all are back and it is quiet.
import net from 'node:net';
import { cpuTimes } from './cpu-time.mjs';
import { fail, greet, SOCKET_IO_STEPS, UPGRADE } from './protocols.mjs';

const { port, pid, protocol, connections } = JSON.parse(process.argv[2]);
const STEPS = { 'socket.io': SOCKET_IO_STEPS, ws: [[UPGRADE, '\r\n\r\n']] };
/** Connections that are being opened; the server's backlog is longer. */
const AT_ONCE = 500;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function open() {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', fail);
  await new Promise((resolve) => socket.once('connect', resolve));
  await greet(socket, STEPS[protocol]);
  return socket;
}

async function openAll() {
  const sockets = [];
  const openSome = async () => {
    for (let left = connections / AT_ONCE; left > 0; left -= 1) sockets.push(await open());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openSome));
  return sockets;
}

const total = ({ user, system }) => user + system;

async function quiet() {
  let cpu = total(cpuTimes(pid));
  for (let calm = 0; calm < 3; ) {
    await pause(100);
    const now = total(cpuTimes(pid));
    calm = now - cpu < 0.005 ? calm + 1 : 0;
    cpu = now;
  }
}

const sockets = await openAll();
await quiet();
const [before, at] = [cpuTimes(pid), performance.now()];
for (const socket of sockets) socket.resetAndDestroy();
const back = await openAll();
const seconds = (performance.now() - at) / 1000;
await quiet();
const after = cpuTimes(pid);
const user = after.user - before.user;
const cpu = user + after.system - before.system;
console.log(JSON.stringify({ messages: back.length, cpu, user, seconds }));
process.exit(0);
