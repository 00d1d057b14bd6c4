// Clients that send whatever bytes a test wants, over either transport.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';

const PATH = '/socket.io/?EIO=4';
const MAX_POST = 1_000_000;
/** Time after which a server that takes nothing has stopped its client. */
const PATIENCE_MS = 3000;
const SEPARATOR = '\x1e';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A connection for HTTP requests, one after the other. */
export class RawConnection {
  readonly socket: net.Socket;
  private input = '';
  private wake: () => void = () => {};
  isOver = false;

  constructor(port: number, sockets: Set<net.Socket>) {
    this.socket = net.connect({ host: '127.0.0.1', port });
    sockets.add(this.socket);
    this.socket.setEncoding('latin1').on('error', () => {});
    this.socket.on('data', (text: string) => {
      this.input += text;
      this.wake();
    });
    this.socket.on('close', () => {
      this.isOver = true;
      this.wake();
    });
  }

  write(head: string, body: string | Buffer = ''): void {
    this.socket.write(head);
    if (body.length > 0) this.socket.write(body);
  }

  async request(method: string, query: string, body?: string): Promise<Answer> {
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    this.write(`${method} ${PATH}${query} HTTP/1.1\r\nHost: a\r\n${length}\r\n`, body);
    return await this.answer();
  }

  /** Resolves with the next answer; its status is 0 if the connection has ended. */
  async answer(): Promise<Answer> {
    for (;;) {
      const end = this.input.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(this.input)?.[1] ?? 0);
      if (end >= 0 && this.input.length >= end + 4 + length) {
        const status = Number(this.input.slice(9, 12));
        const body = this.input.slice(end + 4, end + 4 + length);
        this.input = this.input.slice(end + 4 + length);
        return { status, body };
      }
      if (this.isOver) return { status: 0, body: '' };
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** A client of either transport. */
export interface Peer {
  readonly sid: string;
  /**
   * Sends packets of Engine.IO. Bytes are attachments. Resolves when the server has taken them, or the connection has ended, or when the
   * server takes nothing for a while.
   */
  send(packets: readonly (string | Buffer)[]): Promise<void>;
  /** Reads what the server sends, and answers its pings. */
  reads(): void;
}

/** Opens connections to one server, and ends them. */
export class Peers {
  readonly port: number;
  readonly sockets: Set<net.Socket> = new Set();

  constructor(port: number) {
    this.port = port;
  }

  connection(): RawConnection {
    return new RawConnection(this.port, this.sockets);
  }

  async open(transport: string, isReading = true): Promise<Peer> {
    const peer = await (transport === 'polling' ? this.openPolling() : this.openWebSocket(''));
    await peer.send(['40']);
    if (isReading) peer.reads();
    return peer;
  }

  async many(count: number, transport: string, isReading = true): Promise<Peer[]> {
    const all: Peer[] = [];
    for (let i = 0; i < count; i++) all.push(await this.open(transport, isReading));
    return all;
  }

  async openPolling(): Promise<PollingPeer> {
    const polls = this.connection();
    const { body } = await polls.request('GET', '&transport=polling');
    return new PollingPeer(JSON.parse(body.slice(1)).sid, polls, this.connection());
  }

  async openWebSocket(query: string): Promise<WebSocketPeer> {
    const { socket } = this.connection();
    socket.write(
      `GET ${PATH}&transport=websocket${query} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    return new WebSocketPeer(socket);
  }

  end(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }
}

export class PollingPeer implements Peer {
  readonly sid: string;
  readonly polls: RawConnection;
  readonly posts: RawConnection;

  constructor(sid: string, polls: RawConnection, posts: RawConnection) {
    this.sid = sid;
    this.polls = polls;
    this.posts = posts;
  }

  get query(): string {
    return `&transport=polling&sid=${this.sid}`;
  }

  /** As many packets in a request as fit. */
  async send(packets: readonly (string | Buffer)[]): Promise<void> {
    let body = '';
    for (const packet of packets) {
      const text = typeof packet === 'string' ? packet : `b${packet.toString('base64')}`;
      if (body !== '' && body.length + text.length >= MAX_POST) {
        if (!(await this.post(body))) return;
        body = '';
      }
      body += body === '' ? text : SEPARATOR + text;
    }
    await this.post(body);
  }

  /** Resolves with false if the POST is not confirmed. */
  private async post(body: string): Promise<boolean> {
    const answer = this.posts.request('POST', this.query, body);
    const isTaken = await Promise.race([
      answer,
      setTimeout(PATIENCE_MS, undefined, { ref: false }),
    ]);
    return isTaken?.status === 200;
  }

  reads(): void {
    void (async () => {
      for (;;) {
        const { status, body } = await this.polls.request('GET', this.query);
        if (status !== 200) return;
        if (body.split(SEPARATOR).includes('2')) await this.posts.request('POST', this.query, '3');
      }
    })();
  }
}

export class WebSocketPeer implements Peer {
  readonly sid = '';
  readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.pause();
  }

  async send(packets: readonly (string | Buffer)[]): Promise<void> {
    const frames: Buffer[] = [];
    for (const packet of packets) frames.push(frameOf(packet));
    const isTaken = this.socket.write(Buffer.concat(frames));
    if (isTaken || this.socket.destroyed) return;
    const rest = [once(this.socket, 'drain'), once(this.socket, 'close')];
    await Promise.race([...rest, setTimeout(PATIENCE_MS, undefined, { ref: false })]);
  }

  /** Discards what comes. */
  reads(): void {
    this.socket.resume();
  }
}

/** A frame whose mask changes nothing. @param length - the length that it announces */
export function frameOf(packet: string | Buffer, length?: number): Buffer {
  const payload = Buffer.from(packet as string);
  const size = length ?? payload.length;
  const head = Buffer.alloc(size < 126 ? 6 : size < 65_536 ? 8 : 14);
  head[0] = typeof packet === 'string' ? 0x81 : 0x82;
  if (size < 126) head[1] = 0x80 | size;
  else if (size < 65_536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(size, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat([head, payload]);
}
