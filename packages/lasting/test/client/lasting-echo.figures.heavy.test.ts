import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, silentLogger } from '@headrace/core';
import { acknowledged, LastingBootstrap, LinkResumedEvent } from '@headrace/lasting';
import { afterEach, expect, it } from 'vitest';
import { figures } from '../../../core/test/fixture/figure.ts';
import { randomFrom } from '../../../core/test/fixture/random.ts';
import { ChildProgram } from '../child-program.ts';
import type { EchoReport } from './echo-process.ts';
import { heapUsed } from './heap-used.ts';

const CLIENTS = 200;
const CUTS = 5000;
/** The proxy is killed so often: all links are cut at once, and nobody listens until it is back. */
const KILLS = 12;
/** What each client has under way at a time. */
const DEPTH = 20;

interface Tally {
  sent: number;
  echoed: number;
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

/** The proxy between the ends, a process that is killed now and then, and started again on its port. */
class Weather {
  private readonly target: number;
  private readonly random: () => number;
  private program!: ChildProgram;
  private port = 0;
  /** Of the proxies that are gone, and of the present one. */
  private earlierCuts = 0;
  private presentCuts = 0;
  kills = 0;

  constructor(target: number, random: () => number) {
    this.target = target;
    this.random = random;
  }

  get cuts(): number {
    return this.earlierCuts + this.presentCuts;
  }

  async start(): Promise<number> {
    const seed = Math.floor(this.random() * 2 ** 31);
    const left = Math.max(0, CUTS - this.cuts);
    const program = new ChildProgram(
      './client/proxy-process.ts',
      this.target,
      this.port,
      seed,
      left,
    );
    this.program = program;
    this.port = await program.told<number>();
    program.process.on('message', (cuts) => {
      // What one that was killed has told may come after its exit: its cuts would count twice.
      if (program === this.program) this.presentCuts = cuts as number;
    });
    return this.port;
  }

  async killAndStart(): Promise<void> {
    await this.end();
    this.kills += 1;
    this.earlierCuts += this.presentCuts;
    this.presentCuts = 0;
    await this.start();
  }

  async end(): Promise<void> {
    await this.program?.kill();
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

let echo: ChildProgram | undefined;
let weather: Weather | undefined;

async function endAll(): Promise<void> {
  await weather?.end();
  await echo?.kill();
}

afterEach(endAll);

/** Brings every message once and in order; how much more the heaps of both ends have after it than early in it. */
async function talkThroughWeather() {
  await endAll();
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomFrom(seed);
  const tallies = Array.from({ length: CLIENTS }, (): Tally => {
    return { sent: 0, echoed: 0, resumed: 0, wrong: undefined, isOver: false };
  });
  echo = new ChildProgram('./client/echo-process.ts');
  weather = new Weather(await echo.told<number>(), random);
  const port = await weather.start();

  const starts = tallies.map(async (tally, index) => {
    let done!: () => void;
    const end = new Promise<void>((resolve) => {
      done = resolve;
    });
    const talker = new Talker(tally, random, done);
    const channel: Channel = await new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger })
        .handler((link) => link.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }))),
      addresses: [{ port, host: '127.0.0.1' }],
      retry: () => random() * 30,
      logger: silentLogger,
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

  let early: readonly number[] | undefined;
  const heaps = async (): Promise<number[]> => {
    const report = await echo!.ask<EchoReport>('report');
    expect(report.wrong, `seed ${seed}`).toBe(undefined);
    return [heapUsed(), report.heapUsed];
  };
  while (weather.cuts < CUTS || weather.kills < KILLS) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tallies.find(({ wrong }) => wrong !== undefined)?.wrong, `seed ${seed}`).toBe(undefined);
    if (weather.cuts > ((weather.kills + 1) * CUTS) / (KILLS + 1)) await weather.killAndStart();
    if (early === undefined && weather.cuts > CUTS / 5) early = await heaps();
  }
  const late = await heaps();
  for (const tally of tallies) tally.isOver = true;
  await Promise.all(clients.map(({ end }) => end));
  for (const [index, tally] of tallies.entries()) {
    await acknowledged(clients[index]!.channel);
    expect(tally.wrong, `seed ${seed}`).toBe(undefined);
    expect(tally.echoed, `seed ${seed}`).toBe(tally.sent);
  }
  const report = await echo.ask<EchoReport>('report');
  expect(report.wrong, `seed ${seed}`).toBe(undefined);
  expect(report.counts, `seed ${seed}`).toEqual(tallies.map(({ sent }) => sent));
  expect(report.table[0]).toBeGreaterThanOrEqual(CLIENTS);
  expect(weather.kills).toBe(KILLS);
  expect(tallies.reduce((sum, { resumed }) => sum + resumed, 0)).toBeGreaterThan(CLIENTS);
  await Promise.all(clients.map(({ channel }) => channel.end()));
  expect((await echo.ask<EchoReport>('end')).table).toEqual([0, 0, 0]);
  const [clientsMib, serverMib] = late.map((bytes, at) => (bytes - early![at]!) / 2 ** 20);
  return { 'MiB more of the clients': clientsMib!, 'MiB more of the server': serverMib! };
}

it(`brings every message exactly once, in order, both ways, over ${CUTS} cut links and a proxy killed ${KILLS} times`, () =>
  figures(
    'lasting echo',
    { 'MiB more of the clients': { below: 10 }, 'MiB more of the server': { below: 10 } },
    talkThroughWeather,
  ));
