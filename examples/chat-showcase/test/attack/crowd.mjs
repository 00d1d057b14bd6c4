// Members that only listen, and peers that send as fast as they can, run as a process by crowd-process.ts.
// Arguments: the port, how many listen, how many flood, and with what. The flood begins and ends on the parent's word.
import net from 'node:net';

const [port, listeners, flooders, kind] = process.argv.slice(2);
const BURST_BYTES = 64 * 1024;

/** @type {Record<string, string>} */
const UNITS = {
  lines: 'x\n',
  refused: 'AUTH:\n',
  requests: 'GET /nowhere HTTP/1.1\r\nHost: chat.example\r\n\r\n',
};
const unit = UNITS[String(kind)] ?? '';
const burst = Buffer.from(unit.repeat(Math.ceil(BURST_BYTES / unit.length)));

let isFlooding = false;
let sentBytes = 0;

/** @param {string} greeting @returns {Promise<net.Socket>} */
function join(greeting) {
  const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.on('connect', () => {
      if (greeting === '') resolve(socket);
      else socket.write(greeting);
    });
    socket.on('data', () => resolve(socket));
  });
}

/** @param {net.Socket} socket */
function flood(socket) {
  while (isFlooding && socket.writable) {
    sentBytes += burst.length;
    if (!socket.write(burst)) {
      socket.once('drain', () => flood(socket));
      return;
    }
  }
}

for (let i = 0; i < Number(listeners); i++) await join(`AUTH:listener-${i}\n`);
/** @type {net.Socket[]} */
const sockets = [];
for (let i = 0; i < Number(flooders); i++) {
  sockets.push(await join(kind === 'lines' ? `AUTH:flooder-${i}\n` : ''));
}

process.on('message', (word) => {
  isFlooding = word === 'flood';
  if (isFlooding) for (const socket of sockets) flood(socket);
  else process.send?.({ sentBytes });
});
process.send?.('ready');
