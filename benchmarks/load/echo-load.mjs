// Echo load: node echo-load.mjs '{"port", "pid", "connections", "depth", "bytes", "seconds", "protocol"}'
// Keeps `depth` messages in flight on every connection and prints what the server spent on those it echoed.
import net from 'node:net';
import tls from 'node:tls';
import { cpuSeconds } from './cpu-time.mjs';

const { port, pid, connections, depth, bytes, seconds, warmup, protocol } = JSON.parse(
  process.argv[2],
);
const body = Buffer.alloc(bytes, 'x');
const isWebSocket = protocol === 'ws';
const isLasting = protocol === 'lasting';
const plain = lengthFrame(body);
const request = isWebSocket ? webSocketFrame(body, true) : plain;
const reply = isWebSocket ? webSocketFrame(body, false) : plain;
const requests = Buffer.concat(Array.from({ length: depth }, () => request));
let echoed = 0;

function lengthFrame(payload) {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(payload.length);
  return Buffer.concat([header, payload]);
}

/** A binary message of one frame; a mask of zeros does not change the payload. */
function webSocketFrame(payload, isMasked) {
  const mask = isMasked ? 0x80 : 0;
  const header =
    payload.length < 126
      ? Buffer.from([0x82, mask | payload.length])
      : Buffer.from([0x82, mask | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([header, Buffer.alloc(isMasked ? 4 : 0), payload]);
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n';

/** OPEN: version 2, a window of 60 s, a credit of 1 MiB. */
const OPEN = lengthFrame(Buffer.from('01020000ea6000100000', 'hex'));
const ACK_EVERY = 64;

async function open() {
  const options = { port, host: '127.0.0.1', noDelay: true };
  const isSecure = protocol === 'tls';
  const socket = isSecure
    ? tls.connect({ ...options, rejectUnauthorized: false })
    : net.connect(options);
  await new Promise((resolve, reject) => {
    socket.once(isSecure ? 'secureConnect' : 'connect', resolve);
    socket.once('error', reject);
  });
  if (isWebSocket) {
    socket.write(UPGRADE);
    await new Promise((resolve) => socket.once('data', resolve));
  }
  if (isLasting) {
    socket.write(OPEN);
    await new Promise((resolve) => socket.once('data', resolve));
  }
  return socket;
}

/** As a client sends a flush: short messages together in frames of at most 1024 bytes. */
function lastingRequests(count) {
  const most = Math.max(1, Math.floor(1023 / (bytes + 2)));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes);
  const frames = [];
  for (let left = count; left > 0; left -= most) {
    const together = Math.min(left, most);
    const many = [Buffer.of(10), ...Array(together).fill([length, body]).flat()];
    frames.push(lengthFrame(Buffer.concat(together === 1 ? [Buffer.of(6), body] : many)));
  }
  return Buffer.concat(frames);
}

/** Among the messages that come back are acknowledgements, and ours go among those that are sent. */
function startLasting(socket) {
  let rest = Buffer.alloc(0);
  let [received, acknowledged] = [0, 0];
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed a connection')));
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let [at, whole] = [0, 0];
    while (at + 4 <= bytes.length) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      if (bytes[at + 4] === 6) whole += 1;
      else if (bytes[at + 4] === 10) whole += (end - at - 5) / (body.length + 2);
      else if (bytes[at + 4] !== 7) fail(new Error('a wrong reply'));
      at = end;
    }
    rest = bytes.subarray(at);
    echoed += whole;
    received += whole;
    if (received - acknowledged >= ACK_EVERY) {
      acknowledged = received;
      const ack = Buffer.alloc(7, 7);
      ack.writeUIntBE(received, 1, 6);
      socket.write(Buffer.concat([lastingRequests(whole), lengthFrame(ack)]));
    } else if (whole > 0) socket.write(lastingRequests(whole));
  });
  socket.write(lastingRequests(depth));
}

function start(socket) {
  let received = 0;
  let isChecked = false;
  let first = Buffer.alloc(0);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed a connection')));
  socket.on('data', (chunk) => {
    if (!isChecked) {
      first = Buffer.concat([first, chunk]);
      if (first.length >= reply.length) {
        if (!first.subarray(0, reply.length).equals(reply)) fail(new Error('a wrong reply'));
        isChecked = true;
      }
    }
    received += chunk.length;
    const whole = Math.floor(received / reply.length);
    received -= whole * reply.length;
    echoed += whole;
    if (whole > 0) socket.write(requests.subarray(0, whole * request.length));
  });
  socket.write(requests);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

const sockets = await Promise.all(Array.from({ length: connections }, open));
for (const socket of sockets) (isLasting ? startLasting : start)(socket);
setTimeout(() => {
  const [before, cpuBefore, from] = [echoed, cpuSeconds(pid), performance.now()];
  setTimeout(() => {
    const messages = echoed - before;
    const cpu = cpuSeconds(pid) - cpuBefore;
    console.log(JSON.stringify({ messages, cpu, seconds: (performance.now() - from) / 1000 }));
    process.exit(0);
  }, seconds * 1000);
}, warmup * 1000);
