// Echo load: node echo-load.mjs '{"port", "pid", "connections", "depth", "bytes", "seconds", "protocol"}'
// Keeps `depth` messages in flight on every connection and prints what the server spent on those it echoed.
import { cpuSeconds } from './cpu-time.mjs';
import { messagesOn, open } from './protocols.mjs';

const settings = JSON.parse(process.argv[2]);
const { port, pid, connections, depth, bytes, warmup, protocol } = settings;
let echoed = 0;

/** Of the messages that were sent at once, until the last of them was echoed, in milliseconds. */
let roundTrips = [];

function start(socket) {
  const sent = [{ left: depth, at: performance.now() }];
  const send = messagesOn(socket, protocol, bytes, (count) => {
    echoed += count;
    const now = performance.now();
    for (let left = count; left > 0; ) {
      const taken = Math.min(left, sent[0].left);
      left -= taken;
      sent[0].left -= taken;
      if (sent[0].left === 0) roundTrips.push(now - sent.shift().at);
    }
    sent.push({ left: count, at: now });
    send(count);
  });
  send(depth);
}

function percentile(values, share) {
  return values.sort((a, b) => a - b)[Math.floor(values.length * share)];
}

const sockets = await Promise.all(Array.from({ length: connections }, () => open(protocol, port)));
for (const socket of sockets) start(socket);
setTimeout(() => {
  const [before, cpuBefore, from] = [echoed, cpuSeconds(pid), performance.now()];
  roundTrips = [];
  setTimeout(() => {
    const messages = echoed - before;
    const cpu = cpuSeconds(pid) - cpuBefore;
    const seconds = (performance.now() - from) / 1000;
    console.log(JSON.stringify({ messages, cpu, seconds, p99: percentile(roundTrips, 0.99) }));
    process.exit(0);
  }, settings.seconds * 1000);
}, warmup * 1000);
