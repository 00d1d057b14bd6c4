import net from 'node:net';
import {
  Bootstrap,
  type Channel,
  type ChildOptions,
  type Handler,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { recordEvents } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';

const servers: Server[] = [];
const sockets: net.Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function link(options: ChildOptions, ...handlers: Handler[]) {
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger, ...options })
    .childHandler((channel) => channel.pipeline.addFirst(...handlers))
    .bind({ port: 0, host: '127.0.0.1' });
  servers.push(server);
  const accepted = new Promise<Channel>((resolve) => server.once('connection', resolve));
  const peer = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => {});
  sockets.push(peer);
  return { server, peer, channel: await accepted };
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a reset by the peer', () => {
  it('comes as exceptionCaught, then inactive, each once', async () => {
    const seen = recordEvents();
    const { peer, channel } = await link({}, seen, { exceptionCaught() {} });
    peer.resetAndDestroy();
    await channel.closed;
    await turns(1);
    expect(seen.events).toEqual([
      'handlerAdded',
      'channelRegistered',
      'channelActive',
      'exceptionCaught HR_ERR_CHANNEL_RESET',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
    expect(channel.closeInfo).toMatchObject({ reason: 'reset', by: 'peer' });
  });

  it('leaves both addresses readable', async () => {
    const { peer, channel, server } = await link({}, { exceptionCaught() {} });
    peer.resetAndDestroy();
    await channel.closed;
    expect(channel.localAddress).toMatchObject({ host: '127.0.0.1', port: server.port });
    expect(channel.remoteAddress).toMatchObject({ host: '127.0.0.1' });
  });

  it('is the cause of what later writes fail with', async () => {
    const { peer, channel } = await link({}, { exceptionCaught() {} });
    peer.resetAndDestroy();
    await channel.closed;
    expect(channel.write(Buffer.from('x')).error).toMatchObject({
      code: 'HR_ERR_CHANNEL_CLOSED',
      cause: { code: 'HR_ERR_CHANNEL_RESET', cause: { code: 'ECONNRESET' } },
    });
  });
});

describe('the peer’s end', () => {
  it('comes after everything that was sent, however much', async () => {
    const size = 3_000_000;
    let bytes = 0;
    const order: string[] = [];
    const { peer, channel } = await link({ allowHalfOpen: true }, {
      channelRead(_ctx, chunk: Buffer) {
        bytes += chunk.length;
      },
      channelShutdown(ctx, direction) {
        order.push(`${direction} after ${bytes}`);
        ctx.writeAndFlush(Buffer.from('bye')).onSettled(() => ctx.channel.shutdown('output'));
      },
    } satisfies Handler);
    let answer = '';
    peer.on('data', (chunk) => {
      answer += chunk;
    });
    peer.end(Buffer.alloc(size));
    await channel.closed;
    expect(order).toEqual([`input after ${size}`]);
    await new Promise((resolve) => peer.once('close', resolve));
    expect(answer).toBe('bye');
  });

  it('closes with reason peer', async () => {
    const { peer, channel } = await link({});
    peer.end();
    expect(await channel.closed).toMatchObject({ reason: 'peer', by: 'peer' });
  });
});

describe('auto-read on a real socket', () => {
  it('turned off inside channelRead: no further burst, until it is turned on again', async () => {
    let bursts = 0;
    let bytes = 0;
    const { peer, channel } = await link({}, {
      channelRead(ctx, chunk: Buffer) {
        bursts += 1;
        bytes += chunk.length;
        ctx.channel.autoRead = false;
      },
    } satisfies Handler);
    const size = 2_000_000;
    peer.write(Buffer.alloc(size));
    while (bursts === 0) await turns(1);
    await turns(50);
    expect(bursts).toBe(1);
    // One read() is one burst.
    channel.read();
    while (bursts === 1) await turns(1);
    await turns(20);
    expect(bursts).toBe(2);
    while (bytes < size) {
      channel.autoRead = true;
      await turns(1);
    }
    expect(bytes).toBe(size);
  });

  it('a read() from within channelRead is good for exactly one more', async () => {
    let bursts = 0;
    const { peer, channel } = await link({ autoRead: false }, {
      channelRead(ctx) {
        bursts += 1;
        if (bursts === 1) ctx.read();
      },
    } satisfies Handler);
    peer.write(Buffer.alloc(1_000_000));
    channel.read();
    while (bursts < 2) await turns(1);
    await turns(50);
    expect(bursts).toBe(2);
  });

  it('an error in channelRead is reported once, and reading goes on', async () => {
    const reported: string[] = [];
    const { peer } = await link({}, {
      channelRead(_ctx, chunk: Buffer) {
        throw new Error(chunk.toString());
      },
      exceptionCaught: (_ctx, error) => void reported.push(error.message),
    } satisfies Handler);
    peer.write('one');
    while (reported.length < 1) await turns(1);
    peer.write('two');
    while (reported.length < 2) await turns(1);
    await turns(5);
    expect(reported).toEqual(['one', 'two']);
  });
});

describe('shutting the input down ourselves', () => {
  it('drops what comes, and still sees the peer’s end', async () => {
    let bytes = 0;
    const { peer, channel } = await link({}, {
      channelRead(_ctx, chunk: Buffer) {
        bytes += chunk.length;
      },
    } satisfies Handler);
    await channel.shutdown('input');
    peer.end(Buffer.alloc(100_000));
    expect(await channel.closed).toMatchObject({ reason: 'peer' });
    expect(bytes).toBe(0);
  });
});

describe('errors of handlers', () => {
  it('an error that nobody handles closes the connection, and the server goes on', async () => {
    const lines: string[] = [];
    const { server, peer, channel } = await link(
      {
        logger: {
          log: (level, text) => void (level !== 'debug' && lines.push(`${level} ${text}`)),
        },
      },
      {
        sharable: true,
        channelRead() {
          throw new Error('bug');
        },
      } satisfies Handler,
    );
    peer.write('x');
    expect(await channel.closed).toMatchObject({ reason: 'error', error: { message: 'bug' } });
    expect(lines).toHaveLength(1);
    const again = new Promise((resolve) => server.once('connection', resolve));
    const client = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler(() => {})
      .connect({ port: server.port, host: '127.0.0.1' });
    await again;
    await client.close();
  });
});
