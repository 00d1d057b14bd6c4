// What core asks of every transport, for messages: order, back-pressure, end, close, reset, addresses.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  type ByteSource,
  type Channel,
  ChannelGroup,
  type ChannelOptions,
  type Context,
  type Handler,
  type ReadHold,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { isPeerLeaving } from '@headrace/core/authoring';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  HttpEndpoint,
  TextMessage,
  WEB_SOCKET_CLOSE,
  WebSocketBootstrap,
  type WebSocketChannel,
  type WebSocketInput,
} from '../../src/index.ts';

let server: Server | undefined;

afterEach(() => server?.close());

/** Keeps what a channel reads and what happens to it. */
class Recorder implements Handler {
  readonly messages: WebSocketInput[] = [];
  readonly events: string[] = [];
  private wake: () => void = () => {};

  channelActive(): void {
    this.note('active');
  }

  channelRead(_ctx: Context, message: WebSocketInput): void {
    this.messages.push(message);
    this.note('read');
  }

  channelReadComplete(): void {
    this.note('readComplete');
  }

  channelInactive(): void {
    this.note('inactive');
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.note((error as NodeJS.ErrnoException).code ?? error.message);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private note(event: string): void {
    if (this.events.at(-1) !== event) this.events.push(event);
    this.wake();
  }
}

interface Link {
  readonly near: WebSocketChannel;
  readonly nearSees: Recorder;
  readonly far: WebSocketChannel;
  readonly farSees: Recorder;
}

async function connected(near: ChannelOptions = {}, far: ChannelOptions = {}): Promise<Link> {
  const [nearSees, farSees] = [new Recorder(), new Recorder()];
  let accepted: Channel | undefined;
  const endpoint = new HttpEndpoint({
    maxMessageBytes: 16 * 1024 * 1024,
    webSocketOptions: { logger: silentLogger, ...far },
    webSocket: (channel) => {
      accepted = channel as Channel;
      channel.pipeline.addLast(farSees);
    },
  });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .childOptions({ logger: silentLogger })
    .bind({ port: 0, host: '127.0.0.1' });
  const channel = await new WebSocketBootstrap()
    .options({ logger: silentLogger, maxMessageBytes: 16 * 1024 * 1024, ...near })
    .handler((channel) => channel.pipeline.addLast(nearSees))
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  await farSees.until(() => farSees.events.includes('active'));
  return {
    near: channel as WebSocketChannel,
    nearSees,
    far: accepted as WebSocketChannel,
    farSees,
  };
}

describe('a WebSocket as a transport', () => {
  it('tells active first, then reads, then the end', async () => {
    const { near, nearSees, far, farSees } = await connected();
    await near.writeAndFlush('one');
    await farSees.until(() => farSees.messages.length === 1);
    await far.writeAndFlush('two');
    // A close within the burst would be its end.
    await nearSees.until(() => nearSees.events.includes('readComplete'));
    near.close();
    await farSees.until(() => farSees.events.includes('inactive'));
    const order = ['active', 'read', 'readComplete', 'inactive'];
    expect(farSees.events).toEqual(order);
    expect(nearSees.events).toEqual(order);
    expect(far.closeInfo).toMatchObject({ reason: 'peer', by: 'peer' });
    expect(far.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1000, reason: 'local' });
  });

  it('delivers bytes that write themselves as a binary message, to each member of a broadcast', async () => {
    const { near, nearSees, far, farSees } = await connected();
    const source = (bytes: string): ByteSource => ({
      byteLength: bytes.length,
      writeTo: (target, offset) =>
        void Buffer.from(target.buffer, target.byteOffset).write(bytes, offset),
    });
    await near.writeAndFlush(source('one'));
    near.write('text');
    near.write(source('two'));
    near.flush();
    await farSees.until(() => farSees.messages.length === 3);
    expect(farSees.messages).toEqual([Buffer.from('one'), 'text', Buffer.from('two')]);
    const group = new ChannelGroup('all');
    group.add(far as Channel);
    await group.writeAndFlush(source('three'));
    await nearSees.until(() => nearSees.messages.length === 1);
    expect(nearSees.messages).toEqual([Buffer.from('three')]);
  });

  it('delivers texts and bytes in the order written, and settles writes in that order', async () => {
    const { near, farSees } = await connected();
    const settled: number[] = [];
    for (let i = 0; i < 300; i++) {
      const message =
        i % 3 === 0 ? `text ${i}` : i % 3 === 1 ? Buffer.from([i & 255]) : TextMessage.of(`é${i}`);
      near.write(message).onSettled(() => settled.push(i));
      if (i % 7 === 0) near.flush();
    }
    await near.writeAndFlush('');
    await farSees.until(() => farSees.messages.length === 301);
    farSees.messages.slice(0, 300).forEach((message, i) => {
      if (i % 3 === 1) expect(message).toEqual(Buffer.from([i & 255]));
      else expect(message).toBe(i % 3 === 0 ? `text ${i}` : `é${i}`);
    });
    expect(farSees.messages[300]).toBe('');
    expect(settled).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it('refuses a value that is not a message, and says what it takes', async () => {
    const { near } = await connected();
    await expect(near.writeAndFlush({} as never)).rejects.toThrow('the transport takes strings');
  });

  it('pushes back: a reader that stops makes the writer unwritable, and loses nothing', async () => {
    const { near, far, farSees } = await connected(
      { outboundStallMs: false },
      { autoRead: false, outboundStallMs: false },
    );
    const piece = Buffer.alloc(60_000, 'x');
    let written = 0;
    for (let full = 0; full < 20; full = near.isWritable ? 0 : full + 1) {
      for (; near.isWritable; written += 1) near.write(piece);
      near.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(near.isWritable).toBe(false);
    expect(near.pendingOutboundBytes).toBeLessThan(200_000);
    expect(farSees.messages).toEqual([]);
    far.autoRead = true;
    await farSees.until(() => farSees.messages.length === written);
    await near.writeAndFlush('!');
    await farSees.until(() => farSees.messages.at(-1) === '!');
  });

  it('carries megabytes both ways at once', async () => {
    const { near, nearSees, far, farSees } = await connected();
    const data = Array.from({ length: 40 }, () => randomBytes(100_000));
    for (const piece of data) {
      await Promise.all([near.writeAndFlush(piece), far.writeAndFlush(piece)]);
    }
    await farSees.until(() => farSees.messages.length === data.length);
    await nearSees.until(() => nearSees.messages.length === data.length);
    // toEqual would look at every byte on its own.
    const isSame = (message: WebSocketInput, i: number) => data[i]!.equals(message as Buffer);
    expect(farSees.messages.every(isSame)).toBe(true);
    expect(nearSees.messages.every(isSame)).toBe(true);
  });

  it('end() sends a megabyte before it closes', async () => {
    const { near, far, farSees } = await connected();
    for (let i = 0; i < 16; i++) near.write('x'.repeat(60_000));
    near.end({ reason: 'shutdown' });
    await far.closed;
    expect(farSees.messages).toHaveLength(16);
    expect(far.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 1001, reason: 'shutdown' });
    expect(isPeerLeaving(far)).toBe(true);
    expect((await near.closed).reason).toBe('shutdown');
  });

  it('end() discards what the peer still sends, and does not wait for a deaf one', async () => {
    const { near, nearSees, far } = await connected({}, { autoRead: false });
    near.end({ lingerMs: 50 });
    for (let i = 0; i < 10; i++) far.writeAndFlush(`late ${i}`).onSettled(() => {});
    expect((await near.closed).by).toBe('local');
    expect(nearSees.messages).toEqual([]);
  });

  it('close() fails what was not taken, and every later write', async () => {
    const { near, far } = await connected(
      { maxOutboundBytes: Number.POSITIVE_INFINITY },
      { autoRead: false },
    );
    const futures = Array.from({ length: 300 }, () => near.write(Buffer.alloc(60_000)));
    near.flush();
    const last = expect(futures.at(-1)).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    near.close();
    await last;
    await expect(near.write('late')).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    far.autoRead = true;
    await far.closed;
  });

  it('abort() on the server resets the connection below', async () => {
    const { near, far } = await connected();
    far.abort('limit');
    expect((await near.closed).reason).toBe('reset');
    expect(far.closeInfo?.reason).toBe('limit');
    await far.parent?.closed;
  });

  it('keeps its addresses after the close', async () => {
    const { near, far } = await connected();
    const before = [far.localAddress, far.remoteAddress, near.localAddress, near.remoteAddress];
    expect(before).not.toContain(undefined);
    expect(far.remoteAddress).toEqual(near.localAddress);
    near.close();
    await Promise.all([near.closed, far.closed]);
    expect([far.localAddress, far.remoteAddress, near.localAddress, near.remoteAddress]).toEqual(
      before,
    );
  });

  it('keeps the rest of a burst back when autoRead goes off in the middle of it', async () => {
    const { near, far, farSees } = await connected();
    const seen: number[] = [];
    far.pipeline.addFirst({
      channelRead(ctx: Context, message: WebSocketInput) {
        if (message === '3') far.autoRead = false;
        ctx.fireChannelRead(message);
      },
    });
    for (let i = 0; i < 10; i++) near.write(String(i));
    await near.writeAndFlush('end');
    await farSees.until(() => farSees.messages.includes('3'));
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(farSees.messages.length);
    far.autoRead = true;
    await farSees.until(() => farSees.messages.includes('end'));
    expect(seen).toEqual([4]);
    expect(farSees.messages).toHaveLength(11);
  });

  it('keeps the rest of a burst back while reads are held, and leaves the loop to others', async () => {
    const { near, far, farSees } = await connected({}, { readBudgetMs: 1 });
    let release: (() => void) | undefined;
    let holds = 0;
    far.pipeline.addFirst({
      channelRead(ctx: Context, message: WebSocketInput) {
        if (message === '3') ({ release } = ctx.channel.holdReads('test'));
        for (const end = performance.now() + 0.1; performance.now() < end; );
        ctx.fireChannelRead(message);
      },
      channelReadComplete(ctx: Context) {
        if (ctx.channel.readHolds.includes('turn')) holds += 1;
        ctx.fireChannelReadComplete();
      },
    });
    for (let i = 0; i < 200; i++) near.write(String(i));
    await near.writeAndFlush('end');
    await farSees.until(() => farSees.messages.includes('3'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(farSees.messages).toHaveLength(4);
    release!();
    await farSees.until(() => farSees.messages.includes('end'));
    expect(farSees.messages).toHaveLength(201);
    expect(holds).toBeGreaterThan(1);
  });

  it.each(['a close frame', 'a broken frame'])(
    'delivers what was read before %s when reads are released',
    async (end) => {
      const sees = new Recorder();
      let closed: Promise<unknown> | undefined;
      let hold: ReadHold | undefined;
      const entry = new HttpEndpoint({
        webSocketOptions: { logger: silentLogger },
        webSocket: (channel) => {
          closed = channel.closed;
          channel.pipeline.addLast(
            {
              channelRead(ctx: Context, message: WebSocketInput) {
                if (message === '2') hold = ctx.channel.holdReads('test');
                ctx.fireChannelRead(message);
              },
            },
            sees,
          );
        },
      });
      server = await new ServerBootstrap()
        .childHandler(({ pipeline }) => pipeline.addLast(entry.handler()))
        .childOptions({ logger: silentLogger })
        .bind({ port: 0, host: '127.0.0.1' });
      const ws = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
      ws.on('error', () => {});
      await new Promise((resolve) => ws.on('open', resolve));
      const socket = (ws as unknown as { _socket: Socket })._socket;
      // One segment, so that the end is read together with the messages.
      socket.cork();
      for (const text of ['1', '2', '3', '4']) ws.send(text);
      if (end === 'a close frame') ws.close();
      else socket.write(Buffer.from([0xff, 0x80, 0, 0, 0, 0]));
      socket.uncork();
      await sees.until(() => sees.messages.includes('2'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(sees.messages).toEqual(['1', '2']);
      hold!.release();
      await closed;
      await sees.until(() => sees.events.includes('inactive'));
      expect(sees.messages).toEqual(['1', '2', '3', '4']);
      ws.terminate();
    },
  );

  it.each([
    ['without compression', false, false],
    ['with compression', true, {}],
    ['with a small window', true, { serverMaxWindowBits: 9 }],
    ['with a window of its own', { keepContext: true }, {}],
  ] as const)('reads a broadcast as any client does: %s', async (_, compression, offer) => {
    const group = new ChannelGroup<WebSocketInput>('all');
    const endpoint = new HttpEndpoint({
      compression,
      webSocket: (channel) => void group.add(channel as never),
    });
    server = await new ServerBootstrap()
      .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
      .bind({ port: 0, host: '127.0.0.1' });
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const clients = Array.from(
      { length: 3 },
      () => new WebSocket(url, { perMessageDeflate: offer }),
    );
    const sent = ['short', 'é'.repeat(3000), randomBytes(2000), 'y'.repeat(70_000)];
    const all = clients.map(
      (client) =>
        new Promise<unknown[]>((resolve, reject) => {
          const read: unknown[] = [];
          client.on('error', reject).on('message', (data, isBinary) => {
            read.push(isBinary ? data : String(data));
            if (read.length === sent.length) resolve(read);
          });
        }),
    );
    await Promise.all(
      clients.map((client) => new Promise((resolve) => client.on('open', resolve))),
    );
    for (const message of sent) await group.writeAndFlush(message);
    for (const read of await Promise.all(all)) expect(read).toEqual(sent);
    for (const client of clients) client.terminate();
  });
});
