// Echo load: node echo-load.mjs '{"port", "pid", "connections", "depth", "bytes", "seconds", "protocol"}'
// Keeps `depth` messages in flight on every connection and prints what the server spent on those it echoed.
import { cpuSeconds } from './cpu-time.mjs';
import { messagesOn, open } from './protocols.mjs';

const { port, pid, connections, depth, bytes, seconds, warmup, protocol } = JSON.parse(
  process.argv[2],
);
let echoed = 0;

function start(socket) {
  const send = messagesOn(socket, protocol, bytes, (count) => {
    echoed += count;
    send(count);
  });
  send(depth);
}

const sockets = await Promise.all(Array.from({ length: connections }, () => open(protocol, port)));
for (const socket of sockets) start(socket);
setTimeout(() => {
  const [before, cpuBefore, from] = [echoed, cpuSeconds(pid), performance.now()];
  setTimeout(() => {
    const messages = echoed - before;
    const cpu = cpuSeconds(pid) - cpuBefore;
    console.log(JSON.stringify({ messages, cpu, seconds: (performance.now() - from) / 1000 }));
    process.exit(0);
  }, seconds * 1000);
}, warmup * 1000);
