// A server of lasting channels, run as a process by lasting-echo.figures.heavy.test.ts. Reports its port; answers `report`, and
// `end`, which stops it, with what it has.
import { lengthPrefixed } from '@headrace/codec';
import { type Context, ServerBootstrap, silentLogger } from '@headrace/core';
import { type LastingChannel, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { heapUsed } from './heap-used.ts';

/** What the server has. */
export interface EchoReport {
  /** How many messages each client's channel has brought. */
  readonly counts: readonly number[];
  readonly wrong: string | undefined;
  readonly heapUsed: number;
  /** Channels, those without a connection, and the bytes that are kept for them. */
  readonly table: readonly [size: number, detached: number, detachedBytes: number];
}

const counts: number[] = [];
let wrong: string | undefined;

/** Counts, and sends back. The first message is the client's number. */
class CountingEcho {
  private client: number | undefined = undefined;

  channelRead(ctx: Context, bytes: Buffer): void {
    const number = bytes.readUInt32BE(0);
    if (this.client === undefined) {
      this.client = number;
      if (counts[number] !== undefined) wrong ??= `client ${number} has a second channel`;
      counts[number] = 0;
      return;
    }
    const expected = counts[this.client]!;
    if (number !== expected) wrong ??= `of ${this.client} came ${number} for ${expected}`;
    counts[this.client] = expected + 1;
    ctx.write(bytes);
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }
}

const table = new ResumeTable();
const server = await new ServerBootstrap()
  .options({ logger: silentLogger })
  .childOptions({ logger: silentLogger })
  .childHandler((link) => {
    const childHandler = (channel: LastingChannel) => channel.pipeline.addLast(new CountingEcho());
    const resume = new ResumeHandler({ table, childHandler });
    link.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }), resume);
  })
  .bind({ port: 0, host: '127.0.0.1' });

async function answer(question: unknown): Promise<void> {
  if (question === 'end') {
    await server.close();
    table.close();
  }
  const { size, detached, detachedBytes } = table;
  const report: EchoReport = {
    counts,
    wrong,
    heapUsed: heapUsed(),
    table: [size, detached, detachedBytes],
  };
  process.send!(report);
}

process.on('message', (question) => void answer(question));
process.on('disconnect', () => process.exit());
process.send!(server.port);
