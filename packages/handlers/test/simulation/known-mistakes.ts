import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  ChannelGroup,
  type Context,
  type Handler,
  type ReadHold,
  type Server,
  ServerBootstrap,
  type Timer,
} from '@headrace/core';
import { KeptInputHandler, type KeptInputSteps, TokenBucket } from '@headrace/core/authoring';
import {
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  MessageRateHandler,
  RequestHandler,
} from '@headrace/handlers';
import type { Scenario, SimulatedHost, Simulation, SimulationOptions } from '@headrace/simulation';
import { stayConnected } from './stay-connected.ts';

/** A scenario, with the right program and with one that makes the mistake. */
export interface Mistake {
  readonly right: Scenario;
  readonly wrong: Scenario;
  readonly simulation?: Omit<SimulationOptions, 'seed' | 'omit'>;
}

function mistake(
  scenario: (sim: Simulation, isRight: boolean) => unknown,
  simulation: Mistake['simulation'] = {},
): Mistake {
  return {
    right: (sim) => scenario(sim, true),
    wrong: (sim) => scenario(sim, false),
    simulation,
  };
}

// --- a heartbeat without a deadline for the answer ---

/** Sends pings, and takes a write that succeeds for a sign of life. */
class PingOnly implements Handler {
  private readonly host: SimulatedHost;

  constructor(host: SimulatedHost) {
    this.host = host;
  }

  channelActive(ctx: Context): void {
    const beat = () => {
      if (!ctx.channel.isOpen) return;
      ctx.writeAndFlush('PING');
      this.host.clock.schedule(beat, HEARTBEAT_PRESETS.strict.intervalMs);
    };
    this.host.clock.schedule(beat, HEARTBEAT_PRESETS.strict.intervalMs);
    ctx.fireChannelActive();
  }
}

const LONGEST_SILENCE_MS = 10_000;

async function heartbeats(sim: Simulation, isRight: boolean): Promise<void> {
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        channel.pipeline.addLast(...textLines(), new HeartbeatHandler());
      })
      .bind({ network: host, port: 7 }),
  );
  let channel: Channel | undefined;
  let lastHeardMs = 0;
  sim.host('client', (host) =>
    stayConnected(host, () => ({
      handlers: [
        ...textLines(),
        {
          channelRead: (ctx: Context, text: string) => {
            lastHeardMs = sim.now;
            ctx.fireChannelRead(text);
          },
        },
        isRight
          ? new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random })
          : new PingOnly(host),
        { channelRead: () => {} },
      ],
      connected: (connected) => {
        channel = connected;
        lastHeardMs = sim.now;
      },
    })),
  );
  sim.chaos({
    crash: 1,
    partition: 1,
    freeze: 1,
    slow: 1,
    reset: 1,
    hosts: ['server'],
    forMs: { minMs: 2000, maxMs: 30_000 },
    untilMs: 60_000,
  });
  for (let atMs = 500; atMs < 70_000; atMs += 500) {
    sim.at(atMs, () => {
      const silentMs = Math.round(sim.now - lastHeardMs);
      if (channel?.isOpen !== true || silentMs <= LONGEST_SILENCE_MS) return;
      throw new Error(`the connection is still open ${silentMs} ms after its last sign of life`);
    });
  }
  await sim.run({ untilMs: 70_000 });
}

export const silentScenario: Mistake = mistake(heartbeats, { cutShare: 0 });

// --- a group that forgets to remove a member ---

/** Members leave when they say so. */
class ForgetfulGroup {
  private readonly members = new Set<Channel>();

  get size(): number {
    return this.members.size;
  }

  add(channel: Channel): void {
    this.members.add(channel);
  }

  remove(channel: Channel): void {
    this.members.delete(channel);
  }
}

async function membership(sim: Simulation, isRight: boolean): Promise<void> {
  sim.host('server', (host) => {
    const members = isRight ? new ChannelGroup('members') : new ForgetfulGroup();
    sim.watch(host, 'members', () => members.size);
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        channel.pipeline.addLast(...textLines(), {
          channelRead: (ctx: Context, text: string) => {
            if (text === 'JOIN') members.add(ctx.channel);
            else members.remove(ctx.channel);
          },
        });
      })
      .bind({ network: host, port: 7 });
  });
  sim.host('client', async (host) => {
    const channel = await new Bootstrap()
      .options(host.options)
      .handler((channel) => void channel.pipeline.addLast(...textLines()))
      .connect({ network: host, host: 'server', port: 7 });
    channel.writeAndFlush('JOIN');
    host.clock.schedule(() => {
      channel.writeAndFlush('LEAVE');
      channel.end();
    }, 9000);
  });
  sim.chaos({ reset: 6, partition: 2, slow: 2, untilMs: 10_000 });
  await sim.run({ untilMs: 40_000 });
}

export const forgetfulScenario: Mistake = mistake(membership);

// --- a client that retries without jitter ---

const CLIENTS = 60;
/** What a restart may cost in its busiest second. */
const MAX_IN_A_SECOND = CLIENTS / 2;
const RETRY_MS = 5000;

async function herd(sim: Simulation, isRight: boolean): Promise<void> {
  const arrivals: number[] = [];
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(() => {
        if (host.startCount > 1) arrivals.push(sim.now);
      })
      .bind({ network: host, port: 7 }),
  );
  for (let i = 0; i < CLIENTS; i++) {
    sim.host(`client${i}`, (host) => {
      const again = () => {
        host.clock.schedule(dial, isRight ? host.random() * 2 * RETRY_MS : RETRY_MS);
      };
      const dial = () => {
        new Bootstrap()
          .options(host.options)
          .handler(() => {})
          .connect({ network: host, host: 'server', port: 7 })
          .then((channel) => channel.onClosed(again), again);
      };
      // They came one after the other, long ago.
      host.clock.schedule(dial, i * 100);
    });
  }
  sim.chaos({
    stop: 3,
    reset: 2,
    hosts: ['server'],
    forMs: { minMs: 200, maxMs: 2000 },
    fromMs: 10_000,
    untilMs: 30_000,
  });
  await sim.run({ untilMs: 60_000 });
  const busiest = Math.max(
    0,
    ...arrivals.map((from) => arrivals.filter((at) => at >= from && at < from + 1000).length),
  );
  if (busiest > MAX_IN_A_SECOND) {
    throw new Error(`${busiest} of ${CLIENTS} clients came within one second`);
  }
}

export const herdScenario: Mistake = mistake(herd);

// --- a drain that does not wait ---

async function deploy(sim: Simulation, isRight: boolean): Promise<void> {
  const accepted = new Set<string>();
  const answered = new Set<string>();
  let over: Promise<void> | undefined;
  let server: Server | undefined;
  sim.host('server', async (host) => {
    server = await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        channel.pipeline.addLast(
          ...textLines(),
          new RequestHandler<string, string>({
            concurrency: 4,
            handle: async (text) => {
              accepted.add(text);
              await new Promise<void>((resolve) => {
                host.clock.schedule(resolve, 20 + host.random() * 200);
              });
              return text;
            },
          }),
        );
      })
      .bind({ network: host, port: 7 });
    host.clock.schedule(
      () => {
        over = isRight ? server!.shutdown({ drainTimeoutMs: 60_000 }) : server!.close();
      },
      5000 + host.random() * 5000,
    );
  });
  sim.host('client', async (host) => {
    const channel = await new Bootstrap()
      .options(host.options)
      .handler((channel) => {
        channel.pipeline.addLast(...textLines(), {
          channelRead: (_ctx: Context, text: string) => void answered.add(text),
        });
      })
      .connect({ network: host, host: 'server', port: 7 });
    let count = 0;
    const ask = () => {
      if (!channel.isOpen || count === 40) return;
      count += 1;
      channel.writeAndFlush(`request ${count}`);
      host.clock.schedule(ask, host.random() * 500);
    };
    ask();
  });
  sim.link('client', 'server').latency({ minMs: 1, maxMs: 30 });
  sim.chaos({ slow: 3, freeze: 3, forMs: { minMs: 100, maxMs: 3000 }, untilMs: 15_000 });
  await sim.run({ untilMs: 40_000 });
  await over;
  const missing = [...accepted].filter((text) => !answered.has(text)).length;
  if (missing > 0) throw new Error(`${missing} answers are missing after the shutdown`);
}

export const deployScenario: Mistake = mistake(deploy);

// --- connections that nobody reads any more ---

const RATE = { perSecond: 40, burst: 10 };

/** Asks for a token, and then, at another moment, whether one is left. */
class TwoLooks extends KeptInputHandler {
  private readonly bucket = new TokenBucket(RATE);
  private timer: Timer | undefined = undefined;

  protected override keptInputSteps(): KeptInputSteps {
    return {
      why: 'TwoLooks',
      mayPass: (ctx) => {
        const passes = this.bucket.take(RATE, ctx.clock.now());
        if (!passes) this.kept.hold(ctx.channel);
        return passes;
      },
      delivered: (ctx) => {
        if (this.kept.isEmpty) this.kept.release();
        else this.arm(ctx);
      },
    };
  }

  private arm(ctx: Context): void {
    if (this.timer !== undefined || this.bucket.left(RATE, ctx.clock.now()) > 0) return;
    this.timer = ctx.clock.schedule(() => {
      this.timer = undefined;
      this.kept.deliver(ctx);
    }, 1000 / RATE.perSecond);
  }
}

/** Works on one line at a time, and reads nothing meanwhile. */
class Worker implements Handler {
  private readonly host: SimulatedHost;
  private readonly isRight: boolean;
  private hold: ReadHold | undefined = undefined;

  constructor(host: SimulatedHost, isRight: boolean) {
    this.host = host;
    this.isRight = isRight;
  }

  channelRead(ctx: Context): void {
    this.hold = ctx.channel.holdReads('Worker');
    this.host.clock.schedule(() => this.done(), 1 + this.host.random() * 8);
  }

  private done(): void {
    const { hold } = this;
    if (this.isRight) this.hold = undefined;
    // The next line comes within this call, and is held, too.
    hold?.release();
    if (!this.isRight) this.hold = undefined;
  }
}

async function lines(
  sim: Simulation,
  handlers: (host: SimulatedHost) => readonly Handler[],
): Promise<void> {
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) => {
        const [codec, text] = textLines();
        pipeline.addLast(codec, text, ...(handlers(host) as [Handler]), { channelRead: () => {} });
      })
      .bind({ network: host, port: 7 }),
  );
  sim.host('client', (host) =>
    stayConnected(host, () => ({
      handlers: [...textLines()],
      connected: (channel) => {
        const speak = () => {
          if (!channel.isOpen || host.clock.now() > 20_000) return;
          for (let i = 0; i < 30; i++) channel.write(`line ${i}`);
          channel.flush();
          host.clock.schedule(speak, 500 + host.random() * 500);
        };
        speak();
      },
    })),
  );
  sim.chaos({ reset: 3, partition: 1, slow: 2, untilMs: 20_000 });
  await sim.run({ untilMs: 30_000 });
}

export const rateScenario: Mistake = mistake((sim, isRight) =>
  lines(sim, () => [isRight ? new MessageRateHandler(RATE) : new TwoLooks()]),
);

export const workerScenario: Mistake = mistake((sim, isRight) =>
  lines(sim, (host) => [new Worker(host, isRight)]),
);
