// A peer that reads slowly is no peer that does not read.
import net from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type Channel, type Server, ServerBootstrap, silentLogger } from '../../src/index.ts';

const STALL_MS = 2000;
const PENDING_BYTES = 16 * 1024 * 1024;
/** Much less than a third of the kernel's buffer in {@link STALL_MS}. */
const BYTES_PER_SECOND = 100_000;
const STEP_MS = 50;
const WATCHED_MS = 3 * STALL_MS;

let server: Server | undefined;
const sockets: net.Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
});

/** The server's end of a connection that 16 MiB wait for. */
async function flooded(host: string): Promise<{ channel: Channel; socket: net.Socket }> {
  let found: (channel: Channel) => void = () => {};
  const accepted = new Promise<Channel>((resolve) => {
    found = resolve;
  });
  server = await new ServerBootstrap()
    .childOptions({ outboundStallMs: STALL_MS, maxOutboundBytes: Infinity, logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast({ channelActive: (ctx) => found(ctx.channel) }),
    )
    .bind({ host, port: 0 });
  const socket = net.connect({ host: host === '::' ? '127.0.0.1' : host, port: server.port });
  sockets.push(socket.pause());
  socket.on('error', () => {});
  const channel = await accepted;
  channel.writeAndFlush(Buffer.alloc(PENDING_BYTES)).onSettled(() => {});
  return { channel, socket };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// The last one is an IPv4 connection of an IPv6 socket.
it.skipIf(process.platform !== 'linux').each(['127.0.0.1', '::'])(
  `a peer that reads ${BYTES_PER_SECOND / 1000} KB a second without pause stays connected, although the kernel takes nothing for longer than outboundStallMs, on %s`,
  async (host) => {
    const { channel, socket } = await flooded(host);
    let mayRead = 0;
    let readAt = performance.now();
    let progress = channel.outboundProgress;
    let longestMs = 0;
    let lastAt = performance.now();
    for (const start = performance.now(); performance.now() - start < WATCHED_MS; ) {
      await pause(STEP_MS);
      // By the time that has passed: a busy machine makes the steps longer, and the peer no slower.
      mayRead += (BYTES_PER_SECOND * (performance.now() - readAt)) / 1000;
      mayRead = Math.min(mayRead, BYTES_PER_SECOND);
      readAt = performance.now();
      const bytes = Math.min(mayRead, socket.readableLength);
      if (bytes > 0) mayRead -= (socket.read(Math.floor(bytes)) as Buffer | null)?.length ?? 0;
      else socket.read(0);
      expect(channel.isOpen).toBe(true);
      const now = performance.now();
      if (channel.outboundProgress !== progress) {
        progress = channel.outboundProgress;
        lastAt = now;
      }
      longestMs = Math.max(longestMs, now - lastAt);
    }
    // Otherwise it proves nothing.
    expect(longestMs).toBeGreaterThan(STALL_MS);
  },
);

it('a peer that does not read is closed as a slow consumer', async () => {
  const { channel } = await flooded('127.0.0.1');
  // When, stall-watch.test.ts proves on a virtual clock.
  const { reason } = await channel.closed;
  expect(reason).toBe('slow-consumer');
});
