// However the network cuts the bytes, the chat hears the same.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SocketClock } from '../../../packages/core/test/fixture/socket-clock.ts';
import { encode } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

const TEXTS = ['AUTH:ann', 'grüße 👋', 'ping', 'bye: now'];
const ANSWERS = ['AUTH_OK', 'ECHO:grüße 👋', 'PONG', 'ECHO:bye: now'];

let running: RunningChat;

beforeAll(async () => {
  // Time stands still: however long a conversation takes, none of its deadlines comes.
  running = await RunningChat.start({}, new SocketClock());
});

afterAll(() => running.stop());

/** A client's text message, masked as it must be. */
function webSocketText(text: string): Buffer {
  const body = Buffer.from(text);
  const mask = [1, 2, 3, 4];
  return Buffer.from([
    0x81,
    0x80 | body.length,
    ...mask,
    ...body.map((byte, i) => byte ^ mask[i % 4]!),
  ]);
}

const handshake = [
  'GET /ws HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

const unmasked = (text: string): Buffer => {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, body.length]), body]);
};

const sessions = {
  frames: [
    Buffer.concat(TEXTS.map((text) => encode('frames', text))),
    Buffer.concat(ANSWERS.map((text) => encode('frames', text))),
  ],
  lines: [
    Buffer.concat(TEXTS.map((text) => Buffer.from(`${text}\r\n`))),
    Buffer.concat(ANSWERS.map((text) => encode('lines', text))),
  ],
  websocket: [
    Buffer.concat([Buffer.from(handshake), ...TEXTS.map(webSocketText)]),
    Buffer.concat(ANSWERS.map(unmasked)),
  ],
} as const;

/** Sends the pieces one after the other, each once the one before has been read, and resolves with the answer. */
function converse(pieces: readonly Buffer[], expected: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = connect({ port: running.port, host: '127.0.0.1', noDelay: true }, () =>
      sendFrom(0),
    );
    const sendFrom = (at: number): void => {
      if (at === pieces.length) return;
      // Two turns of the loop that both ends share: the piece is out, and the server has it.
      socket.write(pieces[at]!, () => setImmediate(() => setImmediate(() => sendFrom(at + 1))));
    };
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length < expected.length || !answer.subarray(-expected.length).equals(expected))
        return;
      socket.destroy();
      resolve('as expected');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(`ended with ${JSON.stringify(answer.toString('latin1'))}`));
  });
}

describe.each(['frames', 'lines', 'websocket'] as const)('a session by %s', (framing) => {
  const [sent, expected] = sessions[framing];

  it('is the same when it is cut at any byte', async () => {
    for (let cut = 1; cut < sent.length; cut++) {
      const result = await converse([sent.subarray(0, cut), sent.subarray(cut)], expected);
      expect(result, `cut at ${cut} of ${sent.length}`).toBe('as expected');
    }
  });

  it('is the same when every byte comes alone, and when all come at once', async () => {
    const bytes = Array.from(sent, (byte) => Buffer.from([byte]));
    expect(await converse(bytes, expected)).toBe('as expected');
    expect(await converse([sent], expected)).toBe('as expected');
  });
});
