// A process that stood still longer than its deadlines reads what lies in its sockets before it closes anything as too slow.
import { connect, type Socket } from 'node:net';
import { LengthFieldFrameDecoder, ProxyProtocolDecoder } from '@headrace/codec';
import { type Channel, type Handler, ServerBootstrap, silentLogger } from '@headrace/core';
import {
  AuthHandler,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
  ProtocolDetector,
  ReadTimeoutHandler,
} from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { HttpEndpoint } from '@headrace/websocket';
import { expect, it } from 'vitest';
import { encodeResumeFrame } from '../../packages/lasting/src/protocol/resume-frame.ts';

const MS = 1500;

interface Kind {
  readonly name: string;
  readonly handlers: () => readonly Handler[];
  readonly begins?: string | Uint8Array;
  readonly goesOn: string | Uint8Array;
}

const matches = ({ length }: Uint8Array) => (length > 2 ? true : ('need-more' as const));
const hello = encodeResumeFrame({ kind: 'open', windowMs: 60_000, creditBytes: 1 << 20 });
const frames = { lengthFieldLength: 4, maxFrameLength: 64, frameTimeoutMs: MS } as const;

const KINDS: readonly Kind[] = [
  {
    name: 'sign-in',
    handlers: () => [new AuthHandler({ authenticate: () => ({ principal: 'a' }), timeoutMs: MS })],
    goesOn: 'a password',
  },
  {
    name: 'asynchronous sign-in',
    handlers: () => [
      new AuthHandler({ authenticate: async () => ({ principal: 'a' }), timeoutMs: MS }),
    ],
    goesOn: 'a password',
  },
  {
    name: 'read time-out',
    handlers: () => [new ReadTimeoutHandler({ timeoutMs: MS })],
    goesOn: 'anything',
  },
  {
    name: 'idle',
    handlers: () => [new IdleStateHandler({ readerIdleMs: MS }), new IdleCloseHandler()],
    goesOn: 'anything',
  },
  {
    name: 'heartbeat',
    handlers: () => [new HeartbeatHandler({ silenceMs: MS })],
    goesOn: 'anything',
  },
  {
    name: 'frame',
    handlers: () => [new LengthFieldFrameDecoder(frames)],
    begins: Uint8Array.of(0),
    goesOn: Uint8Array.of(0, 0, 1, 7),
  },
  {
    name: 'PROXY header',
    handlers: () => [new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: MS })],
    goesOn: 'PROXY UNKNOWN\r\n',
  },
  {
    name: 'protocol detection',
    handlers: () => [
      new ProtocolDetector({
        protocols: [{ name: 'a', matches, install() {} }],
        timeoutMs: MS,
      }),
    ],
    begins: 'GE',
    goesOn: 'T',
  },
  {
    name: 'HTTP request',
    handlers: () => [new HttpEndpoint({ timeoutMs: MS }).handler()],
    begins: 'GET / HTTP/1.1\r\n',
    goesOn: 'host: a\r\n\r\n',
  },
  {
    name: 'first frame of a lasting channel',
    handlers: () => {
      const table = new ResumeTable({ helloTimeoutMs: MS });
      return [new ResumeHandler({ table, childHandler() {} })];
    },
    goesOn: hello,
  },
];

async function opened(kind: Kind) {
  let channel: Channel | undefined;
  let begun: (() => void) | undefined;
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const server = await new ServerBootstrap()
    .options({ logger: silentLogger })
    .childOptions({ logger: silentLogger })
    .childHandler((accepted) => {
      channel = accepted;
      accepted.pipeline.addLast(
        {
          channelActive: (ctx) => {
            ctx.fireChannelActive();
            if (kind.begins === undefined) begun!();
          },
          channelRead: (ctx, bytes) => {
            ctx.fireChannelRead(bytes);
            begun!();
          },
        },
        ...kind.handlers(),
      );
    })
    .bind({ host: '127.0.0.1', port: 0 });
  const socket: Socket = connect(server.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (bytes) => {
    heard += String(bytes);
  });
  socket.on('error', () => {});
  if (kind.begins !== undefined) socket.write(kind.begins);
  await isBegun;
  return { kind, server, socket, channel: channel!, heard: () => heard };
}

type Opened = Awaited<ReturnType<typeof opened>>;

const hasEnded = ({ channel, heard }: Opened): boolean =>
  channel.isEnding || !channel.isOpen || heard().includes(' 408 ');

async function close({ socket, server }: Opened): Promise<void> {
  socket.destroy();
  await server.close();
}

it('lets in what lies in a socket before a deadline closes the connection', async () => {
  let all: readonly Opened[];
  for (;;) {
    all = await Promise.all(KINDS.map(opened));
    if (!all.some(hasEnded)) break;
    // The machine was too busy to open them all within the time of the first.
    await Promise.all(all.map(close));
  }
  for (const { socket, kind } of all) socket.write(kind.goesOn);
  for (const end = performance.now() + MS + 200; performance.now() < end; );
  // The late deadlines wait for one turn after this turn.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  const ended = all.filter(hasEnded).map(({ kind }) => kind.name);
  await Promise.all(all.map(close));
  expect(ended).toEqual([]);
});
