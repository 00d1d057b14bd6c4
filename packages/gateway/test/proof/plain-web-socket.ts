import { randomBytes } from 'node:crypto';
import net from 'node:net';

const [TEXT, CLOSE] = [0x81, 0x88];

/** A WebSocket by hand: it sends short texts, masked, and reads short texts and a close. */
export class PlainWebSocket {
  readonly heard: string[] = [];
  /** Whether the server has sent a close frame. */
  wasClosed = false;
  hasEnded = false;
  private readonly socket: net.Socket;
  private rest: Buffer = Buffer.alloc(0);

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('error', () => {});
    socket.on('end', () => {
      this.hasEnded = true;
    });
  }

  static async connect(port: number): Promise<PlainWebSocket> {
    const socket = net.connect(port, '127.0.0.1');
    const key = randomBytes(16).toString('base64');
    const head = ['GET /ws HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade'];
    head.push('Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`);
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const answer = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve).once('error', reject);
    });
    const end = answer.indexOf('\r\n\r\n');
    if (end < 0 || !answer.toString('latin1').startsWith('HTTP/1.1 101 ')) {
      throw new Error(answer.toString('latin1'));
    }
    const opened = new PlainWebSocket(socket);
    opened.read(answer.subarray(end + 4));
    return opened;
  }

  /** Sends all texts with one write. */
  send(texts: readonly string[]): void {
    this.socket.write(Buffer.concat(texts.map((text) => frame(TEXT, Buffer.from(text)))));
  }

  close(): void {
    this.socket.write(frame(CLOSE, Buffer.from([1000 >> 8, 1000 & 255])));
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 2 && this.rest.length >= 2 + this.rest[1]!) {
      const [first, length] = [this.rest[0], this.rest[1]!];
      const body = this.rest.subarray(2, 2 + length);
      this.rest = this.rest.subarray(2 + length);
      if (first === TEXT) this.heard.push(body.toString());
      else if (first === CLOSE) this.wasClosed = true;
      else throw new Error(`a frame that begins with ${first}`);
    }
  }
}

function frame(first: number, body: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = body.map((byte, i) => byte ^ mask[i % 4]!);
  return Buffer.concat([Buffer.from([first, 0x80 | body.length]), mask, masked]);
}
