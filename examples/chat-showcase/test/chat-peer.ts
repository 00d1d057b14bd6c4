// Peers of the chat as tests need them: raw bytes on a socket, in one of three framings.
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';

export type Framing = 'frames' | 'lines' | 'websocket';
export const FRAMINGS: readonly Framing[] = ['frames', 'lines', 'websocket'];

/** For what hangs only. */
const LIMIT_MS = 30_000;

/** One connection that says and hears texts. */
export interface ChatPeer {
  /** All that it was told and nobody has asked for yet. */
  readonly inbox: string[];
  send(text: string): void;
  /** Bytes past the framing; the WebSocket's own framing for a WebSocket. */
  sendRaw(bytes: Uint8Array): void;
  /** The next text, or an error after some seconds. */
  next(limitMs?: number): Promise<string>;
  /** Resolves when the server has closed it, with what came until then. */
  ended(): Promise<string[]>;
  readonly isEnded: boolean;
  /** Stops reading. */
  pause(): void;
  destroy(): void;
  reset(): void;
}

abstract class BasePeer implements ChatPeer {
  readonly inbox: string[] = [];
  isEnded = false;
  private waiting: (() => void)[] = [];

  abstract send(text: string): void;
  abstract sendRaw(bytes: Uint8Array): void;
  abstract pause(): void;
  abstract destroy(): void;
  abstract reset(): void;

  async next(limitMs: number = LIMIT_MS): Promise<string> {
    await this.until(() => this.inbox.length > 0 || this.isEnded, 'text', limitMs);
    const text = this.inbox.shift();
    if (text === undefined) throw new Error('the connection ended, but a text was expected');
    return text;
  }

  async ended(): Promise<string[]> {
    await this.until(() => this.isEnded, 'end', LIMIT_MS);
    return this.inbox.splice(0);
  }

  protected told(text: string): void {
    this.inbox.push(text);
    this.wake();
  }

  protected gone(): void {
    this.isEnded = true;
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async until(holds: () => boolean, what: string, limitMs: number): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${what} within ${limitMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

class SocketPeer extends BasePeer {
  private readonly socket: Socket;
  private readonly framing: 'frames' | 'lines';
  private rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, framing: 'frames' | 'lines') {
    super();
    this.socket = socket;
    this.framing = framing;
    socket.on('data', (bytes) => this.received(bytes));
    socket.on('error', () => {});
    socket.on('close', () => this.gone());
  }

  send(text: string): void {
    this.socket.write(encode(this.framing, text));
  }

  sendRaw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  private received(bytes: Buffer): void {
    let rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    for (;;) {
      const header = this.framing === 'frames' ? 4 : 0;
      const end = this.framing === 'frames' ? frameEnd(rest) : rest.indexOf('\n');
      if (end < 0 || end > rest.length) break;
      this.told(rest.toString('utf8', header, end));
      rest = rest.subarray(this.framing === 'frames' ? end : end + 1);
    }
    this.rest = rest;
  }
}

function frameEnd(bytes: Buffer): number {
  return bytes.length < 4 ? -1 : 4 + bytes.readUInt32BE(0);
}

class WebSocketPeer extends BasePeer {
  readonly ws: WebSocket;

  constructor(ws: WebSocket) {
    super();
    this.ws = ws;
    ws.on('message', (data, isBinary) => this.told(isBinary ? `binary ${data}` : String(data)));
    ws.on('error', () => {});
    ws.on('close', () => this.gone());
  }

  send(text: string): void {
    this.ws.send(text);
  }

  sendRaw(bytes: Uint8Array): void {
    this.ws.send(bytes, { binary: false });
  }

  pause(): void {
    this.ws.pause();
  }

  destroy(): void {
    this.ws.terminate();
  }

  reset(): void {
    (this.ws as unknown as { _socket: Socket })._socket.resetAndDestroy();
  }
}

/** One text as the bytes that a peer sends. */
export function encode(framing: 'frames' | 'lines', text: string): Buffer {
  if (framing === 'lines') return Buffer.from(`${text}\n`);
  const body = Buffer.from(text);
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, 4);
  return frame;
}

/** Connects, and says nothing yet. */
export async function connectPeer(port: number, framing: Framing): Promise<ChatPeer> {
  if (framing === 'websocket') {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false });
    const peer = new WebSocketPeer(ws);
    await new Promise((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
    });
    return peer;
  }
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const peer = new SocketPeer(socket, framing);
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return peer;
}

/** Connects and signs in; the `AUTH_OK` is taken. */
export async function joinAs(port: number, framing: Framing, id: string): Promise<ChatPeer> {
  const peer = await connectPeer(port, framing);
  peer.send(`AUTH:${id}`);
  const answer = await peer.next();
  if (answer !== 'AUTH_OK') throw new Error(`${id} heard ${answer}`);
  return peer;
}
