import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import {
  acknowledged,
  type LastingChannel,
  LinkResumedEvent,
  ResumeHandler,
  ResumeTable,
} from '@headrace/handlers';
import { expect, it } from 'vitest';
import { LastingBootstrap } from '../../src/lasting/lasting-bootstrap.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { randomFrom } from './random.ts';

const CLIENTS = 200;
const CUTS = 5000;
/** What each client has under way at a time. */
const DEPTH = 20;
const silent = { log(): void {} };
const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });

interface Tally {
  sent: number;
  echoed: number;
  atServer: number;
  resumed: number;
  wrong: string | undefined;
  /** No more messages, please. */
  isOver: boolean;
}

function message(number: number, random: () => number): Buffer {
  const bytes = Buffer.allocUnsafe(4 + Math.floor(random() ** 3 * 600));
  bytes.writeUInt32BE(number);
  return bytes;
}

function heapUsed(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

/** Counts on the server, and sends back. */
class CountingEcho {
  private next = 0;
  private readonly tallies: readonly Tally[];
  private tally: Tally | undefined = undefined;

  constructor(tallies: readonly Tally[]) {
    this.tallies = tallies;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    if (this.tally === undefined) {
      this.tally = this.tallies[bytes.readUInt32BE(0)]!;
      return;
    }
    const number = bytes.readUInt32BE(0);
    if (number !== this.next) this.tally.wrong ??= `the server got ${number} for ${this.next}`;
    this.next += 1;
    this.tally.atServer = this.next;
    ctx.write(bytes);
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }
}

/** Keeps some messages under way, and counts what comes back. */
class Talker {
  private readonly tally: Tally;
  private readonly random: () => number;
  private readonly done: () => void;

  constructor(tally: Tally, random: () => number, done: () => void) {
    this.tally = tally;
    this.random = random;
    this.done = done;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    const { tally } = this;
    const number = bytes.readUInt32BE(0);
    if (number !== tally.echoed) tally.wrong ??= `the client got ${number} for ${tally.echoed}`;
    tally.echoed += 1;
    this.talk(ctx);
    if (tally.isOver && tally.echoed === tally.sent) this.done();
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof LinkResumedEvent) this.tally.resumed += 1;
    ctx.fireUserEventTriggered(event);
  }

  talk(ctx: Pick<Context, 'write'>): void {
    const { tally } = this;
    while (!tally.isOver && tally.sent - tally.echoed < DEPTH) {
      ctx.write(message(tally.sent, this.random));
      tally.sent += 1;
    }
  }
}

it(`brings every message exactly once, in order, both ways, over ${CUTS} links that were cut`, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomFrom(seed);
  const table = new ResumeTable();
  const tallies = Array.from({ length: CLIENTS }, (): Tally => {
    return { sent: 0, echoed: 0, atServer: 0, resumed: 0, wrong: undefined, isOver: false };
  });
  const server = await new ServerBootstrap()
    .childOptions({ logger: silent })
    .childHandler((link) => {
      const childHandler = (channel: LastingChannel) =>
        channel.pipeline.addLast(new CountingEcho(tallies));
      link.pipeline.addLast(...framing(), new ResumeHandler({ table, childHandler }));
    })
    .bind({ port: 0, host: '127.0.0.1' });
  const proxy = new CuttingProxy(server.port, { maxCuts: CUTS, maxBytes: 30_000, random });
  const port = await proxy.listen();

  const starts = tallies.map(async (tally, index) => {
    let done!: () => void;
    const end = new Promise<void>((resolve) => {
      done = resolve;
    });
    const talker = new Talker(tally, random, done);
    const channel: Channel = await new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options({ logger: silent })
        .handler((link) => link.pipeline.addLast(...framing())),
      addresses: [{ port, host: '127.0.0.1' }],
      retry: () => random() * 30,
      logger: silent,
    })
      .handler((opening) => void opening.pipeline.addLast(talker))
      .connect();
    const hello = Buffer.alloc(4);
    hello.writeUInt32BE(index);
    channel.write(hello);
    talker.talk(channel);
    channel.flush();
    return { channel, end };
  });
  const clients = await Promise.all(starts);

  let early = 0;
  while (proxy.cuts < CUTS) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tallies.find(({ wrong }) => wrong !== undefined)?.wrong, `seed ${seed}`).toBe(undefined);
    if (early === 0 && proxy.cuts > CUTS / 5) early = heapUsed();
  }
  const late = heapUsed();
  expect(early).toBeGreaterThan(0);
  for (const tally of tallies) tally.isOver = true;
  await Promise.all(clients.map(({ end }) => end));
  for (const [index, tally] of tallies.entries()) {
    await acknowledged(clients[index]!.channel);
    expect(tally.wrong, `seed ${seed}`).toBe(undefined);
    expect([tally.atServer, tally.echoed], `seed ${seed}`).toEqual([tally.sent, tally.sent]);
  }
  expect(tallies.reduce((sum, { resumed }) => sum + resumed, 0)).toBeGreaterThan(CUTS / 4);
  expect(table.size).toBeGreaterThanOrEqual(CLIENTS);
  expect((late - early) / 2 ** 20, 'MiB more on the heap').toBeLessThan(10);

  await Promise.all(clients.map(({ channel }) => channel.end()));
  await server.close();
  await proxy.close();
  table.close();
  expect([table.size, table.detached, table.detachedBytes]).toEqual([0, 0, 0]);
}, 180_000);
