// Clients that reset their connections at random moments, run as processes by resets.heavy.test.ts.
import net from 'node:net';

const [port, count, seed] = process.argv.slice(2).map(Number);
const AT_A_TIME = 300;
let state = seed;

/** From 0 to 1, the same for the same seed. */
function random() {
  state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
  return state / 2 ** 32;
}

function live(index) {
  return new Promise((resolve) => {
    const localAddress = `127.0.${seed}.${1 + (index % 250)}`;
    const socket = net.connect({ host: '127.0.0.1', port, localAddress });
    const kind = random();
    const reset = () => socket.resetAndDestroy();
    socket.on('error', () => {}).on('close', resolve);
    if (kind < 0.1) {
      // Before or just when the server accepts it.
      setTimeout(reset, random() * 3);
      return;
    }
    socket.on('connect', () => {
      if (kind < 0.2) reset();
      else socket.write(`AUTH:${index}-${seed}\n`);
    });
    socket.once('data', () => {
      if (kind < 0.4) socket.write(`${'x'.repeat(4000)}\nthe beginning of a line`);
      // One that reads nothing more: the server is in the middle of writing to it.
      if (kind < 0.7) socket.pause();
      else socket.resume();
      if (kind > 0.95) socket.write(`${'y'.repeat(60)}\n`.repeat(50));
      setTimeout(reset, random() * 150);
    });
  });
}

let next = 0;
await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    while (next < count) await live(next++);
  }),
);
