// Swoole's first TCP server: one port, a process for each core. Every read is a message, and `Server: ` and the same
// text is the answer. The clients: `client` awaits each step, `events` is called back.
import { availableParallelism, constants } from 'node:os';
import { Bootstrap, type ConnectPlace, handler, ServerBootstrap } from '@headrace/core';
import { ReadWhenWritable } from '@headrace/handlers';
import { placeText, type Settings, type System, startProcesses } from './start.ts';

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
  what: 'one port and a process for each core; clients that await, and by events (PHP, Swoole)',
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
  },
  whole: ['server'],
  peers: { server: 'many-processes.php', client: 'many-processes.php' },
};
