// Load of datagrams: node datagram-load.mjs '{"port", "pid", "connections", "depth", "bytes", "seconds", "warmup"}'
// Each socket keeps `depth` datagrams in flight; those that are lost are sent again when nothing has come for a while.
import dgram from 'node:dgram';
import { cpuSeconds } from './cpu-time.mjs';

const { port, pid, connections, depth, bytes, seconds, warmup } = JSON.parse(process.argv[2]);
const QUIET_MS = 50;
const datagram = Buffer.alloc(bytes, 'x');
let echoed = 0;

function start() {
  const socket = dgram.createSocket('udp4');
  let seen = 0;
  let looked = 0;
  const send = (count) => {
    for (let i = 0; i < count; i++) socket.send(datagram);
  };
  socket.on('message', () => {
    echoed += 1;
    seen += 1;
    send(1);
  });
  socket.connect(port, '127.0.0.1', () => send(depth));
  setInterval(() => {
    if (seen === looked) send(depth);
    looked = seen;
  }, QUIET_MS);
}

for (let i = 0; i < connections; i++) start();
setTimeout(() => {
  const [before, cpuBefore, from] = [echoed, cpuSeconds(pid), performance.now()];
  setTimeout(() => {
    const messages = echoed - before;
    const cpu = cpuSeconds(pid) - cpuBefore;
    console.log(JSON.stringify({ messages, cpu, seconds: (performance.now() - from) / 1000 }));
    process.exit(0);
  }, seconds * 1000);
}, warmup * 1000);
