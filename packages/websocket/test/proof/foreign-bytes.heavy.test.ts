// Gigabytes over many connections at once, on each of the ways on which memory is used again. No connection gets a byte of another
// one, and what a handler keeps does not change. FOREIGN_GB sets how many are sent, 2 by default.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  type Handler,
  ServerBootstrap,
} from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { EchoHandler, ForwardHandler } from '@headrace/handlers';
import { generate } from 'selfsigned';
import { expect, it } from 'vitest';
import { HttpEndpoint } from '../../src/index.ts';

const GIGABYTES = Number(process.env['FOREIGN_GB'] || 2);
const CONNECTIONS = 6;
/** More than the kernel's buffers take, so that output waits in the server. */
const MAX_IN_FLIGHT = 24 << 20;
const LONGEST = 1 << 20;

/** Keeps some of what it reads, and a copy of it. */
class Keeping implements Handler {
  readonly kept: (readonly [Buffer, Buffer])[] = [];
  private count = 0;

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 97 === 0 && this.kept.length < 300)
      this.kept.push([bytes, Buffer.from(bytes)]);
    ctx.fireChannelRead(bytes);
  }
}

/** Adds a handler that keeps, and removes it, so that bursts are lent and kept in turn. */
class ComingAndGoing implements Handler {
  static {
    rememberMethods(ComingAndGoing);
  }

  private guest = new Keeping();
  private count = 0;

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 62 === 0) ctx.pipeline.remove(this.guest);
    else if (this.count % 31 === 0) {
      this.guest = new Keeping();
      ctx.pipeline.addAfter(ctx.name, this.guest);
    }
    ctx.fireChannelRead(bytes);
  }
}

const framing = (): Handler[] => [
  new LengthFieldFrameDecoder({
    maxFrameLength: LONGEST + 4,
    lengthFieldLength: 4,
    initialBytesToStrip: 4,
  }) as Handler,
  new LengthFieldPrepender({ lengthFieldLength: 4 }) as Handler,
];

type Pipeline = (channel: Channel) => readonly Handler[];

interface Way {
  readonly pipeline: Pipeline;
  readonly protocol?: 'text' | 'binary';
  readonly isSecure?: boolean;
  readonly isSlow?: boolean;
}

const WAYS: Readonly<Record<string, Way>> = {
  'frames that nobody keeps': { pipeline: () => [...framing(), new EchoHandler()] },
  'frames of which some are kept': {
    pipeline: () => [...framing(), new Keeping(), new EchoHandler()],
  },
  'handlers that come and go': {
    pipeline: () => [...framing(), new ComingAndGoing(), new EchoHandler()],
  },
  'peers that read slowly': { pipeline: () => [...framing(), new EchoHandler()], isSlow: true },
  texts: { pipeline: () => [...framing(), new StringCodec() as Handler, new EchoHandler()] },
  TLS: { pipeline: () => [...framing(), new EchoHandler()], isSecure: true },
  'WebSocket texts': { pipeline: webSocket, protocol: 'text' },
  'WebSocket bytes': { pipeline: webSocket, protocol: 'binary' },
};

function webSocket(): Handler[] {
  const endpoint = new HttpEndpoint({
    maxMessageBytes: LONGEST,
    webSocket: (channel) => channel.pipeline.addLast(new EchoHandler()),
  });
  return [endpoint.handler() as Handler];
}

/** What a connection sends again and again, and what it gets for it. */
interface Script {
  readonly requests: Buffer;
  readonly replies: Buffer;
}

function scriptOf(connection: number, protocol: Way['protocol']): Script {
  const bodies = Array.from({ length: 60 }, (_, i) => {
    const size = i % 20 === 0 ? LONGEST / (1 + (i % 3)) : [40, 900, 7000, 30_000][i % 4]!;
    return Buffer.alloc(Math.floor(size), `${connection}:${i};`);
  });
  const framed = (body: Buffer, isMasked: boolean): Buffer => {
    if (protocol !== undefined) return webSocketFrame(body, protocol, isMasked);
    const header = Buffer.alloc(4);
    header.writeUInt32BE(body.length);
    return Buffer.concat([header, body]);
  };
  return {
    requests: Buffer.concat(bodies.map((body) => framed(body, true))),
    replies: Buffer.concat(bodies.map((body) => framed(body, false))),
  };
}

/** A mask of zeros does not change the payload. */
function webSocketFrame(body: Buffer, protocol: 'text' | 'binary', isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const first = protocol === 'text' ? 0x81 : 0x82;
  const { length } = body;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = mask | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, Buffer.alloc(isMasked ? 4 : 0), body]);
}

const UPGRADE = [
  ...['GET /ws HTTP/1.1', 'Host: test', 'Upgrade: websocket', 'Connection: Upgrade'],
  ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', '\r\n'],
].join('\r\n');

/** Sends at least so many bytes, and compares each byte of the replies. */
async function talk(port: number, connection: number, way: Way, bytes: number): Promise<void> {
  const { requests, replies } = scriptOf(connection, way.protocol);
  const options = { port, host: '127.0.0.1' };
  const socket = way.isSecure
    ? tls.connect({ ...options, rejectUnauthorized: false })
    : net.connect(options);
  await once(socket, way.isSecure ? 'secureConnect' : 'connect');
  if (way.protocol !== undefined) {
    socket.write(UPGRADE);
    await once(socket, 'data');
  }
  const rounds = Math.ceil(bytes / requests.length);
  const all = rounds * replies.length;
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    const send = (): void => {
      while (sent < rounds * requests.length && sent - received < MAX_IN_FLIGHT) {
        const at = sent % requests.length;
        const piece = requests.subarray(at, at + 50_000);
        sent += piece.length;
        socket.write(piece);
      }
    };
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.on('data', (chunk: Buffer) => {
      for (let from = 0; from < chunk.length; ) {
        const at = received % replies.length;
        const size = Math.min(chunk.length - from, replies.length - at);
        if (chunk.compare(replies, at, at + size, from, from + size) !== 0) {
          reject(new Error(`connection ${connection} got other bytes near ${received}`));
          return;
        }
        from += size;
        received += size;
      }
      if (received === all) resolve();
      else send();
      if (way.isSlow === true && connection % 2 === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      }
    });
    send();
  }).finally(() => socket.removeAllListeners('close').destroy());
}

async function listen(way: Way, keeping: Keeping[]) {
  const made = await generate(undefined, { keyType: 'ec', algorithm: 'sha256' });
  const secure = way.isSecure === true && { tls: { cert: made.cert, key: made.private } };
  return await new ServerBootstrap()
    .childHandler((channel: Channel) => {
      const handlers = way.pipeline(channel);
      keeping.push(...handlers.filter((one) => one instanceof Keeping));
      (channel.pipeline as { addLast(...all: readonly Handler[]): unknown }).addLast(...handlers);
    })
    .bind({ host: '127.0.0.1', port: 0, ...secure });
}

const bytesOf = (ways: number): number => (GIGABYTES * 2 ** 30) / ways / CONNECTIONS;
const ALL = Object.keys(WAYS).length + 1;

it.each(Object.entries(WAYS))('%s', { timeout: 900_000 }, async (_name, way) => {
  const keeping: Keeping[] = [];
  const server = await listen(way, keeping);
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => talk(server.port, i, way, bytesOf(ALL))),
  );
  for (const { kept } of keeping)
    expect(kept.every(([view, copy]) => view.equals(copy))).toBe(true);
  await server.close();
});

it('relays', { timeout: 900_000 }, async () => {
  const way = WAYS['frames that nobody keeps']!;
  const target = await listen(way, []);
  const to = { host: '127.0.0.1', port: target.port };
  const relay = await new ServerBootstrap()
    .childHandler((channel) =>
      channel.pipeline.addLast(
        new ForwardHandler({
          connect: ({ install }) => new Bootstrap().handler(install).connect(to),
        }),
      ),
    )
    .bind({ host: '127.0.0.1', port: 0 });
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => talk(relay.port, i, way, bytesOf(ALL))),
  );
  await relay.close();
  await target.close();
});
