// One connection that sends as fast as it can must not keep the event loop from the others: what that costs here. That it
// gets so many messages a turn, and no more, is counted on a virtual clock in ../base/held-reads.test.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  type Context,
  type Handler,
  type OutboundBytes,
  type Pipeline,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterEach, describe, it } from 'vitest';
import { figures } from '../../../core/test/fixture/figure.ts';
import { LineFrameDecoder } from '../../src/index.ts';

const FLOOD_MS = 4000;
/** The goal for one peer. */
const LONGEST_MS = 20;

let server: Server | undefined;
let flooder: ChildProcess | undefined;

async function end(): Promise<void> {
  flooder?.kill('SIGKILL');
  await server?.close();
}

afterEach(end);

/** Sends 64 KiB pieces from a process of its own, and reads everything that comes back. */
const FLOOD = `
  const { connect } = require('node:net');
  const [port, text] = process.argv.slice(1);
  const piece = Buffer.alloc(64 * 1024, JSON.parse(text));
  const socket = connect(port, '127.0.0.1');
  socket.on('data', () => {});
  socket.on('error', () => {});
  const send = () => { while (socket.write(piece)); };
  socket.on('connect', send);
  socket.on('drain', send);
`;

const echo: Handler = {
  sharable: true,
  channelRead(ctx: Context, message: unknown) {
    ctx.write(message);
  },
  channelReadComplete(ctx: Context) {
    ctx.flush();
    ctx.fireChannelReadComplete();
  },
};

const CASES: readonly (readonly [
  name: string,
  text: string,
  build: (pipeline: Pipeline<Buffer, OutboundBytes>) => unknown,
])[] = [
  ['bytes, echoed', 'x', (pipeline) => pipeline.addLast(echo)],
  [
    'lines of one byte, each with some work',
    'x\n',
    (pipeline) =>
      pipeline.addLast(new LineFrameDecoder({ maxLength: 100 }), {
        channelRead(_ctx: Context, line: Buffer) {
          // About 10 microseconds, as a small broadcast takes.
          for (let i = 0, x = 0; i < 5000; i++) x = (x * 31 + line[0]! + i) | 0;
        },
      }),
  ],
];

describe.each(['handle', 'socket'] as const)('one flooding connection over %s', (transport) => {
  it.each(CASES)('%s: leaves the loop to the others', async (name, text, build) => {
    // A few turns are longer: the first ones, before the code is compiled, and a collection of garbage.
    const bounds = {
      turns: { above: 100 },
      'p99 ms': { below: LONGEST_MS },
      'p99.9 ms': { below: 2 * LONGEST_MS },
    };
    await figures(`the loop under a flood over ${transport}, ${name}`, bounds, async () => {
      await end();
      server = await new ServerBootstrap()
        .childOptions({ logger: silentLogger, outboundStallMs: false })
        .childHandler(({ pipeline }) => void build(pipeline))
        .bind({ port: 0, host: '127.0.0.1', transport });
      flooder = spawn(process.execPath, ['-e', FLOOD, String(server.port), JSON.stringify(text)]);
      await new Promise((resolve) => server!.once('connection', resolve));
      const turns = (await busyTimes(FLOOD_MS)).sort((one, other) => other - one);
      const after = (share: number): number => turns[Math.ceil(turns.length * share)]!;
      return { turns: turns.length, 'p99 ms': after(0.01), 'p99.9 ms': after(0.001) };
    });
  });
});

/** The processor's time that each turn of the event loop took, in ms: what other programs take does not count. */
async function busyTimes(durationMs: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return times;
}
