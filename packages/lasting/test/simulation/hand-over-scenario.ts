import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  type Context,
  isHeadraceError,
  ServerBootstrap,
} from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import {
  isLinked,
  LASTING_ERRORS,
  LastingBootstrap,
  type LastingChannel,
  ResumeHandler,
  ResumeTable,
  sessionsOver,
  takesSessions,
} from '@headrace/lasting';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
import type { ChaosOptions, Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import type { TableClass } from './lasting-scenario.ts';
import { wrongClocks } from './wrong-clocks.ts';

const FAULTS_MS = 6000;
/** How often each process gives what it has to the other one. */
const OVER_MS = 900;
const CREDIT_BYTES = 3000;
const SERVERS = ['a', 'b'] as const;
const format = emptyFrameHeartbeat();
const exchangeFormat = binaryExchange();
const framing = () => lengthPrefixed({ maxFrameLength: 100_000 });

/** What a process knows of a lasting channel, and takes along. */
interface Account {
  id: number;
  /** The last number that came from the client. */
  taken: number;
  /** The last number that was written to it, and the last whose write settled. */
  written: number;
  kept: number;
}

const ACCOUNT = new AttributeKey<Account>('account');

/** The client's end of a session, as somebody sees it who sees all processes. */
interface Session {
  written: number;
  kept: number;
  /** The last number from any process. */
  received: number;
  /** The last number of the client's that any process has taken. */
  taken: number;
}

/** A client, and two processes that give its lasting channel to each other again and again. */
class HandOverWorld {
  readonly sessions: Session[] = [];
  moved = 0;
  private readonly sim: Simulation;
  private readonly Table: TableClass;
  private readonly windowMs: number;
  private client: Channel | undefined = undefined;
  private wrongEnd: string | undefined = undefined;
  /** The lasting channels of each process that lives. */
  private readonly channels = new Map<string, Set<LastingChannel>>();

  constructor(sim: Simulation, Table: TableClass, windowMs: number) {
    this.sim = sim;
    this.Table = Table;
    this.windowMs = windowMs;
  }

  async serve(host: SimulatedHost, other: string): Promise<void> {
    const { windowMs } = this;
    const { options } = host;
    this.channels.set(host.name, new Set());
    const table = new this.Table({
      windowMs,
      creditBytes: CREDIT_BYTES,
      random: host.randomBytes,
    });
    table.expectSessions();
    this.sim.watch(host, 'lasting channels', () => table.size);
    this.sim.watch(host, 'bytes kept for the absent', () => table.detachedBytes);
    const childHandler = (channel: LastingChannel) => this.open(host, channel);
    const handle = takesSessions({
      table,
      childHandler,
      childOptions: options,
      restore: (channel, saved) => Object.assign(channel.attributes.get(ACCOUNT)!, saved),
    });
    await new ServerBootstrap()
      .childOptions(options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...framing(),
          new HeartbeatHandler({ format, silenceMs: 2500, random: host.random }),
          new ResumeHandler({ table, childHandler, childOptions: options }),
        ),
      )
      .bind({ network: host, port: 7 });
    await new ServerBootstrap()
      .childOptions(options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...framing(),
          new HeartbeatHandler({ format, silenceMs: 1200, random: host.random }),
          new ExchangeHandler({ format: exchangeFormat, handle }),
        ),
      )
      .bind({ network: host, port: 8 });
    void this.giveAgainAndAgain(host, table, other);
  }

  private async giveAgainAndAgain(
    host: SimulatedHost,
    table: ResumeTable,
    other: string,
  ): Promise<void> {
    while (this.sim.now < FAULTS_MS) {
      await new Promise<void>((resolve) => {
        host.clock.schedule(resolve, OVER_MS * (0.5 + host.random()));
      });
      if (table.size > 0) await this.give(host, table, other);
    }
  }

  private async give(host: SimulatedHost, table: ResumeTable, other: string): Promise<void> {
    const exchange = new ExchangeHandler({ format: exchangeFormat, timeoutMs: 1000 });
    let carrier: Channel;
    try {
      carrier = await new Bootstrap()
        .options({ ...host.options, connectTimeoutMs: 500 })
        .handler(({ pipeline }) =>
          pipeline.addLast(
            ...framing(),
            new HeartbeatHandler({ format, intervalMs: 400, timeoutMs: 400, random: host.random }),
            exchange,
          ),
        )
        .connect({ network: host, host: other, port: 8 });
    } catch (thrown) {
      assert.ok(isHeadraceError(thrown), String(thrown));
      return;
    }
    const { moved } = await table.handOver({
      to: sessionsOver(exchange),
      save: (channel) => channel.attributes.get(ACCOUNT),
      restMs: 400,
      takeMs: 600,
    });
    this.moved += moved;
    carrier.close();
  }

  /** One end of a lasting channel at a process. */
  private open(host: SimulatedHost, channel: LastingChannel): void {
    const account: Account = { id: -1, taken: 0, written: 0, kept: 0 };
    channel.attributes.set(ACCOUNT, account);
    const channels = this.channels.get(host.name)!;
    channels.add(channel);
    channel.onClosed(() => channels.delete(channel));
    channel.pipeline.addLast({
      channelRead: (_ctx: Context, message: Buffer) => {
        account.id = message.readUInt32BE(0);
        const number = message.readUInt32BE(4);
        const session = this.sessions[account.id]!;
        assert.equal(
          number,
          account.taken + 1,
          `${host.name} got ${number} after ${account.taken}`,
        );
        assert.equal(number, session.taken + 1, `${number} was taken after ${session.taken}`);
        account.taken = session.taken = number;
      },
    });
    this.write(
      host,
      channel,
      account,
      () => account.id,
      () => account.id >= 0,
    );
  }

  /** Writes numbered messages in bursts. */
  private write(
    host: SimulatedHost,
    channel: Channel,
    out: { written: number; kept: number },
    id: () => number,
    mayWrite: () => boolean,
  ): void {
    const burst = (): void => {
      for (let left = 1 + Math.floor(host.random() * 4); left > 0 && mayWrite(); left -= 1) {
        if (!channel.isWritable || channel.isEnding || !channel.isActive) break;
        out.written += 1;
        const number = out.written;
        const message = Buffer.alloc(8 + Math.floor(host.random() ** 3 * 700));
        message.writeUInt32BE(id(), 0);
        message.writeUInt32BE(number, 4);
        channel.write(message).onSettled((error) => {
          if (error === undefined) out.kept = number;
        });
      }
      channel.flush();
      if (this.sim.now < FAULTS_MS && channel.isOpen)
        host.clock.schedule(burst, host.random() * 300);
    };
    host.clock.schedule(burst, host.random() * 100);
  }

  /** A client that takes a new channel when the old one is gone. */
  connect(host: SimulatedHost): void {
    const id = this.sessions.length;
    const session: Session = { written: 0, kept: 0, received: 0, taken: 0 };
    this.sessions.push(session);
    this.client = undefined;
    void new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(host.options)
        .handler(({ pipeline }) =>
          pipeline.addLast(
            ...framing(),
            new HeartbeatHandler({ format, intervalMs: 800, timeoutMs: 800, random: host.random }),
          ),
        ),
      addresses: SERVERS.map((name) => ({ network: host, host: name, port: 7 })),
      retry: () => 100 + host.random() * 300,
      connectTimeoutMs: 1000,
      readyTimeoutMs: 1500,
      windowMs: this.windowMs,
      creditBytes: CREDIT_BYTES,
      random: host.random,
      ...host.options,
    })
      .handler(({ pipeline }) =>
        pipeline.addLast({
          channelRead: (_ctx: Context, message: Buffer) => {
            assert.equal(message.readUInt32BE(0), id, 'a message of another session');
            const number = message.readUInt32BE(4);
            const { received } = session;
            assert.equal(number, received + 1, `the client got ${number} after ${received}`);
            session.received = number;
          },
        }),
      )
      .connect()
      .then((channel: Channel) => {
        this.client = channel;
        this.write(
          host,
          channel,
          session,
          () => id,
          () => true,
        );
        channel.onClosed(() => {
          const { error, reason } = channel.closeInfo!;
          const text = `it ended otherwise, ${reason}: ${error?.message}`;
          if (!isHeadraceError(error, LASTING_ERRORS.RESUME_GONE)) this.wrongEnd ??= text;
          host.clock.schedule(() => this.connect(host), 100);
        });
      });
  }

  /** All is over: one process has the channel, and each end has what the other one wrote. */
  checkQuiet(): void {
    const { client } = this;
    const session = this.sessions.at(-1)!;
    assert.equal(this.wrongEnd, undefined);
    assert.ok(client?.isActive === true, 'the client has no channel');
    const linked = [...this.channels.values()].flatMap((channels) =>
      [...channels].filter(isLinked),
    );
    assert.equal(linked.length, 1, 'one process has the link');
    const account = linked[0]!.attributes.get(ACCOUNT)!;
    assert.equal(account.taken, session.kept, 'not all of the client has arrived');
    assert.equal(session.received, account.kept, 'not all for the client has arrived');
  }
}

async function run(
  sim: Simulation,
  world: HandOverWorld,
  chaos: Omit<ChaosOptions, 'untilMs'>,
): Promise<void> {
  sim.host('a', (host) => world.serve(host, 'b'));
  sim.host('b', (host) => world.serve(host, 'a'));
  sim.host('client', (host) => world.connect(host));
  sim.link('client', SERVERS).latency({ minMs: 5, maxMs: 100 }).buffer(4096);
  sim.link('a', 'b').latency({ minMs: 1, maxMs: 100 });
  wrongClocks(sim, [...SERVERS, 'client'], FAULTS_MS);
  sim.chaos({ ...chaos, untilMs: FAULTS_MS });
  await sim.run({ untilMs: FAULTS_MS + 12_000 });
  world.checkQuiet();
}

const CUTS = { partition: 30, reset: 60, slow: 20, freeze: 15 };
const SHORT = { minMs: 50, maxMs: 2000 };

/** All processes live, and no absence is as long as the window: one channel, each message once and in order, wherever it is. */
export const handOverScenario =
  (Table: TableClass = ResumeTable, seen?: { moved: number }): Scenario =>
  async (sim) => {
    const world = new HandOverWorld(sim, Table, 15_000);
    await run(sim, world, { ...CUTS, forMs: SHORT });
    assert.equal(world.sessions.length, 1, 'the channel did not last');
    if (seen !== undefined) seen.moved += world.moved;
  };

/** Processes die: a channel may be gone with its process, and no message comes twice. */
export const deathsScenario =
  (Table: TableClass = ResumeTable): Scenario =>
  (sim) => {
    const world = new HandOverWorld(sim, Table, 2500);
    const deaths = { crash: 10, stop: 20, hosts: SERVERS };
    return run(sim, world, { ...CUTS, ...deaths, forMs: SHORT });
  };

/** How long the end of each seed takes: longer than the windows. */
export const HAND_OVER_SETTLE_MS = 40_000;
