// The line protocol of a Netty server, AUTH, PING and ECHO, at both ends; and a client for frames of random bytes.
import { randomBytes, randomInt } from 'node:crypto';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { fixed, ReconnectingClient } from '@headrace/client';
import { lengthPrefixed, textLines } from '@headrace/codec';
import * as core from '@headrace/core';
import * as handlers from '@headrace/handlers';
import { endsBySignal, listening, type System, shown } from './start.ts';

const USUAL: { clock: core.Clock; logger?: core.Logger } = { clock: core.systemClock };

/** `AUTH:<id>` signs in, PING gets PONG, and all else comes back behind `ECHO:`; `broadcast` reaches all signed in. */
export function startServer(place: core.BindOptions, readerIdleMs: number, options = USUAL) {
  const group = new core.ChannelGroup('clients', { slowMember: 'drop-newest' });
  const sessions = new handlers.SessionRegistry<string>((id) => id);
  const [unauthenticated, kicked] = [() => 'ERR:UNAUTH', () => 'ERR:KICKED'];
  const auth: handlers.AuthOptions<string, string, string> = {
    ...{ sessions, group, duplicatePolicy: 'kick-older', again: 'move' },
    isCredentials: (line) => line.startsWith('AUTH:'),
    authenticate: (line) =>
      line.trim() === 'AUTH:'
        ? { refused: 'empty id', reply: 'ERR:EMPTY_CLIENT_ID', stays: true }
        : { principal: line.slice('AUTH:'.length).trim() },
    replies: { accepted: () => 'AUTH_OK', unauthenticated, timedOut: unauthenticated, kicked },
  };
  const bootstrap = new core.ServerBootstrap().childHandler(({ pipeline }) =>
    pipeline.addLast(
      ...textLines({ maxLength: 8192, failFast: true }),
      new handlers.IdleStateHandler({ readerIdleMs }),
      new handlers.IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
      new handlers.HeartbeatHandler(),
      new handlers.AuthHandler(auth),
      new handlers.EchoHandler({ reply: (line: string) => `ECHO:${line}` }),
    ),
  );
  const binding = bootstrap.childOptions(options).bind(place);
  return binding.then((server) => ({
    server,
    broadcast: (line: string) => group.writeAndFlush(line),
  }));
}

/** Logs each line; online once it is signed in, also after a loss. */
export function startClient(at: core.ConnectPlace, id: string, log = console.log, options = USUAL) {
  let read = (_line: string): void => {};
  const beats = handlers.HEARTBEAT_PRESETS.relaxed;
  const reader = () => ({ channelRead: (_ctx: core.Context, line: string) => read(line) });
  const bootstrap = new core.Bootstrap().handler(({ pipeline }) =>
    pipeline.addLast(...textLines(), new handlers.HeartbeatHandler(beats), reader()),
  );
  const ready = (channel: core.Channel) =>
    new Promise<void>((resolve, reject) => {
      read = (line) => {
        log(shown(line));
        line === 'AUTH_OK' ? resolve() : reject(new Error(line));
      };
      channel.writeAndFlush(`AUTH:${id}`);
    });
  const client = { bootstrap: bootstrap.options(options), addresses: [at], ready };
  return new ReconnectingClient({ ...client, retry: fixed(1000), ...options });
}

/** Sends so many frames of 0 to 65,535 random bytes while others come, until the peer has all and ends. */
export async function exchangeFrames(place: core.ConnectPlace, count: number, log = console.log) {
  const [pool, sent, received] = [randomBytes(1 << 24), { count: 0, crc: 0 }, { count: 0, crc: 0 }];
  const seen = (frame: Buffer, way: typeof sent) => {
    Object.assign(way, { count: way.count + 1, crc: crc32(frame, way.crc) });
    return frame;
  };
  const reader = { channelRead: (_: core.Context, frame: Buffer) => void seen(frame, received) };
  const bootstrap = new core.Bootstrap().handler(({ pipeline }) =>
    pipeline.addLast(...lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 }), reader),
  );
  const channel = await bootstrap.options({ writeBufferHighBytes: 1 << 20 }).connect(place);
  while (sent.count < count && channel.isOpen) {
    const at = randomInt(pool.length - 65_535);
    channel.write(seen(pool.subarray(at, at + randomInt(65_536)), sent));
    if (channel.isWritable && sent.count < count) continue;
    channel.flush();
    await new Promise<void>((done) => channel.onceWritable(done));
  }
  const { reason, error } = await channel.closed;
  if (reason !== 'peer') log(`closed as ${reason}: ${error?.message ?? 'without an error'}`);
  log(`sent ${sent.count} frames, digest ${sent.crc.toString(16).padStart(8, '0')}`);
  log(`received ${received.count} frames, digest ${received.crc.toString(16).padStart(8, '0')}`);
}

export const system: System = {
  what: 'lines with sign-in, PING and ECHO, both ends of it against Netty, and frames of bytes',
  defaults: { port: 18_888, intervalMs: 120_000, attempts: 100_000 },
  roles: {
    server: async ({ host, port, intervalMs }) => {
      const { server, broadcast } = await startServer({ host, port }, intervalMs);
      listening(server, host);
      createInterface({ input: process.stdin }).on('line', broadcast);
    },
    client: ({ host, port }) => {
      const client = startClient({ host, port }, `client-${process.pid}`);
      endsBySignal(() => client.close());
      createInterface({ input: process.stdin }).on('line', (line) => client.writeAndFlush(line));
      void client.start();
    },
    frames: ({ host, port, attempts }) => exchangeFrames({ host, port }, attempts),
  },
  whole: ['server', 'client'],
  peers: { server: 'NettyPeer.java', client: 'NettyPeer.java', frames: 'NettyPeer.java' },
};
