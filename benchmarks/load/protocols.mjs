// What the loads speak: connections of each protocol, what is sent on them, and how replies are counted.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n';

/** OPEN: version 3, a window of 60 s, a credit of 1 MiB, no limit of frames. */
export const OPEN = lengthFrame(Buffer.from('01030000ea6000100000ffffffff', 'hex'));
/** What a client of Socket.IO sends until it is in the main namespace, each with the text of its answer. */
export const SOCKET_IO_STEPS = [
  [UPGRADE.replace('/ws', '/socket.io/?EIO=4&transport=websocket'), '0{'],
  [webSocketFrame(Buffer.from('40'), { isMasked: true }), '40{'],
];
/** What is sent at first, each with the text of its answer; without a text, any answer is one. */
const GREETINGS = {
  ws: [[UPGRADE, '']],
  'ws-text': [[UPGRADE, '']],
  lasting: [[OPEN, '']],
  'socket.io': SOCKET_IO_STEPS,
};
const ACK_EVERY = 64;

export function lengthFrame(payload) {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(payload.length);
  return Buffer.concat([header, payload]);
}

/** A message of one frame, text unless it is binary; a mask of zeros does not change the payload. */
export function webSocketFrame(payload, { isMasked = false, isBinary = false }) {
  const first = isBinary ? 0x82 : 0x81;
  const mask = isMasked ? 0x80 : 0;
  const header =
    payload.length < 126
      ? Buffer.from([first, mask | payload.length])
      : Buffer.from([first, mask | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([header, Buffer.alloc(isMasked ? 4 : 0), payload]);
}

/** An open connection to a server that speaks `protocol`; for datagrams a socket that has it as its peer. */
export async function open(protocol, port) {
  if (protocol === 'datagrams') return datagramsTo(port);
  const options = { port, host: '127.0.0.1', noDelay: true };
  const isSecure = protocol === 'tls';
  const socket = isSecure
    ? tls.connect({ ...options, rejectUnauthorized: false })
    : net.connect(options);
  await new Promise((resolve, reject) => {
    socket.once(isSecure ? 'secureConnect' : 'connect', resolve);
    socket.once('error', reject);
  });
  await greet(socket, GREETINGS[protocol] ?? []);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed a connection')));
  return socket;
}

/** Sends the text of each step and waits for its answer. */
export async function greet(socket, steps) {
  for (const [text, answer] of steps) {
    socket.write(text);
    await new Promise((resolve) => {
      let all = '';
      socket.on('data', function hear(chunk) {
        all += chunk.toString('latin1');
        if (!all.includes(answer)) return;
        socket.off('data', hear);
        resolve();
      });
    });
  }
}

async function datagramsTo(port) {
  const socket = dgram.createSocket('udp4').on('error', fail);
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

export function fail(error) {
  console.error(error.message);
  process.exit(1);
}

/**
 * Messages of `bytes` bytes on an open connection: `send(count)` sends so many at once, and `onReplies(count)` is
 * called for each read with the messages that it completed.
 */
export function messagesOn(socket, protocol, bytes, onReplies) {
  const body = Buffer.alloc(bytes, 'x');
  if (protocol === 'datagrams') return datagrams(socket, body, onReplies);
  return protocol === 'lasting'
    ? lastingMessages(socket, body, onReplies)
    : frames(socket, protocol, body, onReplies);
}

/** None is lost as long as the kernel has room for a whole round. */
function datagrams(socket, body, onReplies) {
  socket.on('message', () => onReplies(1));
  return (count) => {
    for (let i = 0; i < count; i += 1) socket.send(body);
  };
}

/** What is sent for a message with this body, and what comes back. */
function exchangeOf(protocol, body) {
  if (protocol === 'ws' || protocol === 'ws-text') {
    const isBinary = protocol === 'ws';
    const request = webSocketFrame(body, { isMasked: true, isBinary });
    return { request, reply: webSocketFrame(body, { isBinary }) };
  }
  if (protocol === 'socket.io') {
    // The server does not compare the numbers of events.
    const event = Buffer.from(`420["echo","${body}"]`);
    const answer = Buffer.from(`430["${body}"]`);
    return {
      request: webSocketFrame(event, { isMasked: true }),
      reply: webSocketFrame(answer, {}),
    };
  }
  const frame = lengthFrame(body);
  return { request: frame, reply: frame };
}

function frames(socket, protocol, body, onReplies) {
  const { request, reply } = exchangeOf(protocol, body);
  let requests = request;
  let received = 0;
  let first = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    if (first !== undefined) {
      first = Buffer.concat([first, chunk]);
      if (first.length >= reply.length) {
        if (!first.subarray(0, reply.length).equals(reply)) fail(new Error('a wrong reply'));
        first = undefined;
      }
    }
    received += chunk.length;
    const whole = Math.floor(received / reply.length);
    received -= whole * reply.length;
    if (whole > 0) onReplies(whole);
  });
  return (count) => {
    if (requests.length < count * request.length) requests = repeated(request, count);
    socket.write(requests.subarray(0, count * request.length));
  };
}

function repeated(bytes, count) {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

/** Among the messages that come back are acknowledgements, and ours go among those that are sent. */
function lastingMessages(socket, body, onReplies) {
  let rest = Buffer.alloc(0);
  let [received, acknowledged] = [0, 0];
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
    received += whole;
    if (whole > 0) onReplies(whole);
  });
  return (count) => {
    const requests = lastingRequests(body, count);
    if (received - acknowledged < ACK_EVERY) return socket.write(requests);
    acknowledged = received;
    const ack = Buffer.alloc(7, 7);
    ack.writeUIntBE(received, 1, 6);
    return socket.write(Buffer.concat([requests, lengthFrame(ack)]));
  };
}

/** As a client sends a flush: short messages together in frames of at most 1024 bytes. */
function lastingRequests(body, count) {
  const most = Math.max(1, Math.floor(1023 / (body.length + 2)));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  const frames = [];
  for (let left = count; left > 0; left -= most) {
    const together = Math.min(left, most);
    const many = [Buffer.of(10), ...Array(together).fill([length, body]).flat()];
    frames.push(lengthFrame(Buffer.concat(together === 1 ? [Buffer.of(6), body] : many)));
  }
  return Buffer.concat(frames);
}
