import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import { type Channel, type Context, type Handler, ServerBootstrap } from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { EchoHandler } from '@headrace/handlers';
import { generate } from 'selfsigned';
import { expect, it } from 'vitest';

const FRAMES = 400;
const HEADER_BYTES = 4;
const HEADER = { lengthFieldLength: HEADER_BYTES } as const;

/** Every view that a handler has kept, and the bytes that it must have for ever. */
const kept: (readonly [Buffer, Buffer])[] = [];

function keep(view: Buffer): void {
  kept.push([view, Buffer.from(view)]);
}

/** Keeps each seventh frame, and declares nothing. */
class Keeping implements Handler {
  private count = 0;

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 7 === 0) keep(bytes);
    ctx.fireChannelRead(bytes);
  }
}

/** Declares that it keeps nothing, and adds a handler that keeps the rest of the burst. */
class Adding implements Handler {
  static {
    rememberMethods(Adding);
  }

  private count = 0;

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count === 50) ctx.pipeline.addAfter(ctx.name, new Keeping());
    ctx.fireChannelRead(bytes);
  }
}

/** Writes a frame as two slices of the read. */
class Slicing implements Handler {
  static {
    rememberMethods(Slicing);
  }

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.write(bytes.subarray(0, 3));
    ctx.write(bytes.subarray(3));
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
    ctx.fireChannelReadComplete();
  }
}

/** Holds reads for a turn of the event loop, in the middle of a burst. */
class Holding implements Handler {
  static {
    rememberMethods(Holding);
  }

  private count = 0;

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 9 === 0) {
      const hold = ctx.channel.holdReads('a test');
      ctx.clock.schedule(() => hold.release(), 1);
    }
    ctx.fireChannelRead(bytes);
  }
}

const decoder = () =>
  new LengthFieldFrameDecoder({
    ...HEADER,
    maxFrameLength: 1 << 20,
    initialBytesToStrip: HEADER_BYTES,
  });
const textEcho: Handler = {
  sharable: true,
  channelRead: (ctx: Context, text: string) => void ctx.write(text),
  channelReadComplete: (ctx: Context) => ctx.flush(),
};

/** All of them send back the frames that they get. */
const PIPELINES: readonly (() => readonly object[])[] = [
  () => [decoder(), new LengthFieldPrepender(HEADER), new EchoHandler()],
  () => [decoder(), new LengthFieldPrepender(HEADER), new Keeping(), new EchoHandler()],
  () => [decoder(), new LengthFieldPrepender(HEADER), new Adding(), new EchoHandler()],
  () => [decoder(), new LengthFieldPrepender(HEADER), new Holding(), new EchoHandler()],
  () => [decoder(), new LengthFieldPrepender(HEADER), new StringCodec(), textEcho],
  () => [new Slicing()],
  () => [new EchoHandler()],
];

function frame(connection: number, at: number): Buffer {
  const length = 5 + ((at * 7919 + connection * 104_729) % (at % 20 === 0 ? 90_000 : 3000));
  const bytes = Buffer.alloc(HEADER_BYTES + length, 65 + connection);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** Sends all frames, reads slowly at first, and returns what came back. */
async function talk(port: number, connection: number, isSecure: boolean): Promise<boolean> {
  const sent = Buffer.concat(Array.from({ length: FRAMES }, (_, at) => frame(connection, at)));
  const socket = isSecure
    ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : net.connect(port, '127.0.0.1');
  await once(socket, isSecure ? 'secureConnect' : 'connect');
  const received: Buffer[] = [];
  let bytes = 0;
  socket.pause();
  setTimeout(() => socket.resume(), 50 * (connection % 3));
  const all = new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      received.push(data);
      bytes += data.length;
      if (bytes >= sent.length) resolve();
    });
  });
  for (let at = 0, size = 1; at < sent.length; at += size) {
    size = 1 + ((at * 31 + connection) % 40_000);
    if (!socket.write(sent.subarray(at, at + size))) await once(socket, 'drain');
  }
  await all;
  socket.destroy();
  return Buffer.concat(received).equals(sent);
}

it.each([
  ['TCP', false],
  ['TLS', true],
])(
  'connections over %s with lent reads and with kept reads get only their own bytes',
  async (_name, isSecure) => {
    let next = 0;
    const before = kept.length;
    const made = await generate(undefined, { keyType: 'ec', algorithm: 'sha256' });
    const server = await new ServerBootstrap()
      .childHandler((channel: Channel) => {
        const handlers = PIPELINES[next++ % PIPELINES.length]!() as Handler[];
        (channel.pipeline as { addLast(...all: Handler[]): unknown }).addLast(...handlers);
      })
      .bind({
        host: '127.0.0.1',
        port: 0,
        ...(isSecure && { tls: { cert: made.cert, key: made.private } }),
      });
    const { port } = server;
    const talks = Array.from({ length: 2 * PIPELINES.length }, (_, i) => talk(port, i, isSecure));
    expect(await Promise.all(talks)).toEqual(talks.map(() => true));
    expect(kept.length).toBeGreaterThan(before + 100);
    expect(kept.every(([view, copy]) => view.equals(copy))).toBe(true);
    await server.close();
  },
);

it('a handler that keeps views in spite of its declaration sees a pattern instead of its bytes', async () => {
  const views: Buffer[] = [];
  class Misbehaving implements Handler {
    static {
      rememberMethods(Misbehaving);
    }

    get keepsReads(): false {
      return false;
    }

    channelRead(ctx: Context, bytes: Buffer): void {
      views.push(bytes);
      ctx.writeAndFlush(Buffer.from('done'));
    }
  }
  const server = await new ServerBootstrap()
    .childHandler((channel: Channel) => void channel.pipeline.addLast(new Misbehaving() as Handler))
    .bind({ host: '127.0.0.1', port: 0 });
  const { port } = server;
  const socket = net.connect(port, '127.0.0.1');
  socket.write('hello');
  await once(socket, 'data');
  expect(views.map((view) => view.toString('hex'))).toEqual(['dbdbdbdbdb']);
  socket.destroy();
  await server.close();
});
