// Takes what a server sends until it ends: node file-load.mjs '{"port", "pid", "connections", "protocol"}'
// A message is a MiB.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { cpuTimes } from './cpu-time.mjs';

const { port, pid, connections, protocol } = JSON.parse(process.argv[2]);
const [before, from] = [cpuTimes(pid), performance.now()];
let received = 0;
const buffer = Buffer.allocUnsafe(256 * 1024);
const onread = {
  buffer,
  callback(count) {
    received += count;
    return true;
  },
};

async function take() {
  const options = { port, host: '127.0.0.1' };
  const socket =
    protocol === 'tls'
      ? tls.connect({ ...options, rejectUnauthorized: false })
      : net.connect({ ...options, onread });
  if (protocol === 'tls') {
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
  }
  await once(socket, 'close');
}

await Promise.all(Array.from({ length: connections }, take));
const after = cpuTimes(pid);
const [user, system] = [after.user - before.user, after.system - before.system];
const seconds = (performance.now() - from) / 1000;
console.log(JSON.stringify({ messages: received / 2 ** 20, cpu: user + system, user, seconds }));
process.exit(0);
