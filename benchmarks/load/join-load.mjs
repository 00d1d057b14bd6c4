// Joins: node join-load.mjs '{"port", "pid", "protocol", "joins", "warmupJoins"}'
// Connections come, twenty at a time, read until the end of the state, and go. Prints what the process `pid` spent on them all, and
// the bytes of the last one after the handshake.
import net from 'node:net';
import { cpuTimes } from './cpu-time.mjs';
import { fail, UPGRADE, webSocketFrame } from './protocols.mjs';

const { port, pid, protocol, joins, warmupJoins } = JSON.parse(process.argv[2]);
const AT_ONCE = 20;
/** For each protocol: what is sent, and the answer after which the next step comes. The last answer is the state. */
const PROTOCOLS = {
  ws: [
    [UPGRADE, '\r\n\r\n'],
    [undefined, '"type":"ready"'],
  ],
  'socket.io': [
    [UPGRADE.replace('/ws', '/socket.io/?EIO=4&transport=websocket'), '0{'],
    [webSocketFrame(Buffer.from('40'), { isMasked: true }), '"entries"'],
  ],
};
const steps = PROTOCOLS[protocol];
let bytes = 0;

function join() {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', fail);
    let step = 0;
    let all = '';
    const next = () => {
      if (steps[step][0] !== undefined) socket.write(steps[step][0]);
    };
    socket.once('connect', next);
    socket.on('data', (chunk) => {
      all += chunk.toString('latin1');
      while (step < steps.length && all.includes(steps[step][1])) {
        const headers = all.indexOf('\r\n\r\n');
        bytes = all.length - headers - 4;
        step += 1;
        if (step < steps.length) next();
      }
      if (step < steps.length) return;
      socket.removeListener('error', fail);
      socket.on('error', () => {});
      socket.destroy();
      resolve();
    });
  });
}

async function run(count) {
  for (let i = 0; i < count; i += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, join));
}

await run(warmupJoins);
const before = cpuTimes(pid);
await run(joins);
const after = cpuTimes(pid);
const user = after.user - before.user;
console.log(
  JSON.stringify({ messages: joins, cpu: user + after.system - before.system, user, bytes }),
);
process.exit(0);
