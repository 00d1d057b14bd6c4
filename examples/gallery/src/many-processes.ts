// Swoole's first TCP server: one port, a process for each core. Every read is a message, and `Server: ` and the same
// text is the answer. The clients: `client` awaits each step, `events` is called back. Its UDP server, and Workerman's, are in
// many-processes-udp.ts.
import { availableParallelism, constants } from 'node:os';
import { Bootstrap, type ConnectPlace, handler, ServerBootstrap } from '@headrace/core';
import { ReadWhenWritable } from '@headrace/handlers';
import { connectionServer, exchangeDatagrams, packetServer } from './many-processes-udp.ts';
import {
  endsBySignal,
  listening,
  placeText,
  type Settings,
  type System,
  startProcesses,
} from './start.ts';

type Print = (line: string) => void;
type Bytes = { reads: Buffer; passesOn: never; writes: Buffer };

const TEXT = Buffer.from('hello world\n');
const ANSWER = Buffer.from('Server: ');
const CORES = availableParallelism();

const answer = (print: Print) =>
  handler<Bytes>({
    channelActive(ctx) {
      print('Client: Connect.');
      ctx.fireChannelActive();
    },
    channelRead: (ctx, bytes) => void ctx.writeAndFlush(Buffer.concat([ANSWER, bytes])),
    channelInactive(ctx) {
      print('Client: Close.');
      ctx.fireChannelInactive();
    },
  });

export const serverBootstrap = (print: Print): ServerBootstrap =>
  new ServerBootstrap().childHandler(({ pipeline }) =>
    pipeline.addLast(new ReadWhenWritable(), answer(print)),
  );

/** As the system numbers them: 111 where nobody listens. */
function codeOf(error: unknown): number | string {
  const { code } = (error as { readonly details: { readonly code: string } }).details;
  return constants.errno[code as keyof typeof constants.errno] ?? code;
}

/** Connect, send, receive, close: each step is awaited. */
export async function exchange(place: ConnectPlace, print: Print): Promise<void> {
  try {
    const channel = await new Bootstrap<Buffer, Buffer>().handler(() => {}).connect(place);
    await channel.writeAndFlush(TEXT);
    for await (const bytes of channel) {
      print(String(bytes).trimEnd());
      break;
    }
    await channel.end();
  } catch (error) {
    print(`connect failed. Error: ${codeOf(error)}`);
    process.exitCode = 1;
  }
}

const steps = (print: Print) =>
  handler<Bytes>({
    channelActive: (ctx) => void ctx.writeAndFlush(TEXT),
    channelRead(ctx, bytes) {
      print(`Received: ${String(bytes).trimEnd()}`);
      ctx.channel.end();
    },
    channelInactive: () => print('Connection close'),
  });

/** The same by events: connect, receive, error, close. */
export async function exchangeByEvents(place: ConnectPlace, print: Print): Promise<void> {
  const bootstrap = new Bootstrap().handler(({ pipeline }) => pipeline.addLast(steps(print)));
  await bootstrap.connect(place).catch((error: unknown) => {
    print(`Connect failed. Error: ${codeOf(error)}`);
    process.exitCode = 1;
  });
}

/** A server on all addresses is found by the name of this machine. */
const placeOf = ({ host, port }: Settings) => ({ host: host === '::' ? 'localhost' : host, port });

export const system: System = {
  what: 'one port and a process for each core; clients that await, and by events; the same over UDP (PHP, Swoole)',
  defaults: { host: '::', port: 9501 },
  roles: {
    server({ host, port }) {
      const names = Array.from({ length: CORES }, (_, i) => `worker ${i + 1}`);
      return startProcesses('master', names, async ({ number }) => {
        const print = (line: string): void => console.log(`worker ${number} | ${line}`);
        const server = await serverBootstrap(print).bind({ host, port });
        const info = placeText(host, server.port);
        return { info, drain: ({ drainTimeoutMs }) => server.shutdown({ drainTimeoutMs }) };
      });
    },
    client: (settings) => exchange(placeOf(settings), console.log),
    events: (settings) => exchangeByEvents(placeOf(settings), console.log),
    async udp({ host, port }) {
      const server = await packetServer().bind({ host, port });
      console.log(placeText(host, (server.localAddress as { port: number }).port));
      endsBySignal(() => server.close());
    },
    async connections({ host, port }) {
      listening(await connectionServer({ host, port }), host);
    },
    async packet(settings) {
      if (await exchangeDatagrams(placeOf(settings), console.log)) return;
      console.log('no answer');
      process.exitCode = 1;
    },
  },
  whole: ['server'],
  peers: {
    server: 'many-processes.php',
    client: 'many-processes.php',
    udp: 'many-processes-udp.php',
    packet: 'many-processes-udp.php',
    'packet-c': 'many-processes-udp.c',
    'packet-py': 'many-processes-udp.py',
  },
};
