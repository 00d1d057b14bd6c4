import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import {
  type ChannelDuplex,
  DuplexHandler,
  type OutboundBytes,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';

const LIMIT = 64 * 1024 * 1024;

let server: Server | undefined;
let client: Socket | undefined;

afterEach(async () => {
  client?.destroy();
  await server?.close();
});

async function start(use: (stream: ChannelDuplex) => void, allowHalfOpen = true): Promise<Socket> {
  server = await new ServerBootstrap()
    .childOptions({ allowHalfOpen, outboundStallMs: false })
    .childHandler((channel) => channel.pipeline.addLast(new DuplexHandler(use)))
    .bind({ port: 0, host: '127.0.0.1' });
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  client = socket;
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}

function given<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  return { promise: new Promise<T>((r) => (resolve = r)), resolve };
}

describe('DuplexHandler', () => {
  it('carries megabytes there and back, in order, through the half-close of both sides', async () => {
    const socket = await start((stream) => stream.pipe(stream));
    const data = randomBytes(5_000_000);
    const hash = createHash('sha1');
    let bytes = 0;
    const echoed = pipeline(socket, async (source) => {
      for await (const chunk of source) {
        bytes += (chunk as Buffer).length;
        hash.update(chunk as Buffer);
      }
    });
    socket.end(data);
    await echoed;
    expect(bytes).toBe(data.length);
    expect(hash.digest('hex')).toBe(createHash('sha1').update(data).digest('hex'));
    await [...server!.connections][0]?.closed;
  });

  it('stops reading from the socket while the stream is not read', async () => {
    const made = given<ChannelDuplex>();
    const socket = await start(made.resolve);
    const stream = await made.promise;
    let accepted = 0;
    const chunk = Buffer.alloc(64 * 1024);
    // The kernel's buffers take a few megabytes, then it stands still.
    while (accepted < LIMIT) {
      accepted += chunk.length;
      if (socket.write(chunk)) continue;
      let isDrained = false;
      socket.once('drain', () => {
        isDrained = true;
      });
      for (let waits = 0; !isDrained && (waits < 30 || !stream.channel.isReadHeld); waits++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      if (!isDrained) break;
    }
    expect(stream.channel.readHolds).toEqual(['stream']);
    expect(stream.channel.autoRead).toBe(true);
    expect(stream.readableLength).toBeLessThan(300_000);
    expect(accepted).toBeLessThan(LIMIT);
    stream.resume();
    socket.end();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(stream.bytesRead).toBe(accepted);
    stream.end();
  });

  it('leaves autoRead to the application: while it is off, each read of the stream asks for one', async () => {
    const made = given<ChannelDuplex>();
    const socket = await start((stream) => {
      stream.channel.autoRead = false;
      made.resolve(stream);
    });
    const stream = await made.promise;
    const ended = new Promise((resolve) => stream.once('end', resolve));
    stream.resume();
    socket.end(Buffer.alloc(300_000));
    await ended;
    expect(stream.bytesRead).toBe(300_000);
    expect(stream.channel.autoRead).toBe(false);
    stream.end();
  });

  it('calls back when the kernel has taken a write, and reports when it has not', async () => {
    const made = given<ChannelDuplex>();
    const socket = await start(made.resolve);
    socket.pause();
    const stream = await made.promise;
    let taken = 0;
    const countTaken = (error?: Error | null) => {
      if (!error) taken += 1;
    };
    const big = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 32; i++) stream.write(big, countTaken);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stream.writableNeedDrain).toBe(true);
    expect(taken).toBeLessThan(32);
    stream.destroy();
    expect((await stream.channel.closed).reason).toBe('local');
  });

  it('sends the writes of one cork as one message', async () => {
    const written: unknown[] = [];
    server = await new ServerBootstrap()
      .childHandler((channel) => {
        channel.pipeline.addLast(
          {
            write(ctx, message: OutboundBytes) {
              written.push(message);
              return ctx.write(message);
            },
          },
          new DuplexHandler((stream) => {
            stream.cork();
            stream.write('one ');
            stream.write('two ');
            stream.write('three');
            stream.uncork();
            stream.destroySoon();
          }),
        );
      })
      .bind({ port: 0, host: '127.0.0.1' });
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    client = socket;
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toBe('one two three');
    expect(written).toHaveLength(1);
  });

  it('is destroyed with the error when the peer resets', async () => {
    const made = given<ChannelDuplex>();
    const socket = await start(made.resolve);
    const stream = await made.promise;
    const failed = new Promise<Error>((resolve) => stream.once('error', resolve));
    stream.resume();
    socket.resetAndDestroy();
    expect(await failed).toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    expect(stream.destroyed).toBe(true);
  });

  it('ends and is destroyed when other code closes the channel', async () => {
    const made = given<ChannelDuplex>();
    await start(made.resolve);
    const stream = await made.promise;
    const ended = new Promise((resolve) => stream.once('end', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.resume();
    stream.channel.close('shutdown');
    await Promise.all([ended, closed]);
    expect(stream.destroyed).toBe(true);
  });

  it('closes the channel as an error when it is destroyed with one', async () => {
    const made = given<ChannelDuplex>();
    await start(made.resolve);
    const stream = await made.promise;
    stream.destroy(new Error('no good'));
    expect((await stream.channel.closed).reason).toBe('error');
  });
});
