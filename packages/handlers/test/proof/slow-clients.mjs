// Thousands of clients that send one byte a second, run as a process by slow-loris.figures.heavy.test.ts.
import net from 'node:net';

const [port, count, text] = process.argv.slice(2);
const AT_A_TIME = 250;
const SLICES = 20;
const sockets = [];
let closed = 0;

function connect(index) {
  return new Promise((resolve) => {
    const localAddress = `127.0.0.${2 + (index % 100)}`;
    const socket = net.connect({ host: '127.0.0.1', port: Number(port), localAddress });
    let sent = 0;
    socket.sendNext = () => {
      if (!socket.writable) return;
      socket.write(text[sent % text.length]);
      sent += 1;
    };
    socket.on('connect', resolve).on('error', resolve).resume();
    socket.on('close', () => {
      closed += 1;
      if (closed === Number(count)) process.send('all closed');
    });
    sockets.push(socket);
  });
}

let slice = 0;
setInterval(() => {
  for (let i = slice; i < sockets.length; i += SLICES) sockets[i].sendNext();
  slice = (slice + 1) % SLICES;
}, 1000 / SLICES);

while (sockets.length < Number(count)) {
  const some = Math.min(AT_A_TIME, Number(count) - sockets.length);
  const first = sockets.length;
  await Promise.all(Array.from({ length: some }, (_, i) => connect(first + i)));
}
process.send('all open');
