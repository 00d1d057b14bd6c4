// Strangers that want the server to hold much for little, run as a process by strangers-process.ts.
// Arguments: the port, how many, and what they do. Each message from the parent is answered with how many are open.
import net from 'node:net';

const [port, count, kind] = process.argv.slice(2);
const REQUEST = 'GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n';
const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: chat.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
const FRAGMENTS = 16_000;

/** A masked frame of one byte that is not the last of its message. @param {number} opcode */
const fragment = (opcode) => Buffer.from([opcode, 0x81, 0, 0, 0, 0, 0x78]);

/** @type {Record<string, { head: string | Buffer, tail?: Buffer, reads?: boolean }>} */
const KINDS = {
  // 64 KiB of requests, and no answer is read.
  unread: { head: REQUEST.repeat(Math.ceil((64 * 1024) / REQUEST.length)) },
  // A request with a body, and then nothing more.
  body: { head: `${REQUEST.slice(0, -2)}Content-Length: 1\r\n\r\nx`, reads: true },
  // A request, and half of the next one.
  half: { head: `${REQUEST}${REQUEST.slice(0, 20)}`, reads: true },
  // A message that comes in very many parts and never ends.
  fragments: {
    head: UPGRADE,
    tail: Buffer.concat([
      fragment(0x01),
      ...Array.from({ length: FRAGMENTS - 1 }, () => fragment(0x00)),
    ]),
    reads: true,
  },
};
const { head, tail, reads = false } = KINDS[String(kind)] ?? { head: '' };
let open = 0;

/** @returns {Promise<net.Socket>} */
function connect() {
  const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
  socket.on('error', () => {});
  socket.on('close', () => {
    open -= 1;
  });
  if (reads) socket.resume();
  else socket.pause();
  return new Promise((resolve) => {
    socket.on('connect', () => {
      open += 1;
      resolve(socket);
    });
  });
}

/** @param {net.Socket} socket @returns {Promise<void>} */
function begin(socket) {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    if (tail === undefined) socket.write(head, () => resolve());
    else {
      socket.write(head);
      socket.once('data', () => socket.write(tail, () => resolve()));
    }
  });
}

const sockets = await Promise.all(Array.from({ length: Number(count) }, connect));
// All at once: what one has sent is not served before the others are there.
await Promise.all(sockets.map(begin));
process.on('message', () => process.send?.({ open }));
process.send?.('ready');
