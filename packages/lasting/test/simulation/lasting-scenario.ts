import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  type Handler,
  isHeadraceError,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import {
  acknowledged,
  LASTING_ERRORS,
  LastingBootstrap,
  ResumeHandler,
  ResumeTable,
  unacknowledged,
} from '@headrace/lasting';
import type { ChaosOptions, Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import type { ResumeTableOptions } from '../../src/server/resume-table-options.ts';
import { wrongClocks } from './wrong-clocks.ts';

/** A table of the server; a broken one in its place shows that the scenarios find its mistake. */
export type TableClass = new (options: ResumeTableOptions) => ResumeTable;

/** When the faults are over, where nobody sleeps. */
const FAULTS_MS = 5000;
/** So long after it every link is back, and everything has arrived. */
const QUIET_MS = 9000;
/** When a client falls asleep, and for how long: a tab that is frozen, a laptop that is closed. */
const ASLEEP_AT_MS = 2000;
const ASLEEP_MS = 600_000;
/** So little that writers often wait for acknowledgements. */
const CREDIT_BYTES = 3000;
const LONGEST_PADDING = 700;
const format = emptyFrameHeartbeat();

/** One direction of a lasting channel: messages are numbered from 1. */
interface Direction {
  written: number;
  /** Writes that have settled well. */
  kept: number;
  taken: number;
}

/** An end of a lasting channel that has closed. */
interface Ended {
  readonly channel: Channel;
  readonly out: Direction;
  /** What the other end had taken then. */
  readonly taken: number;
}

/** A lasting channel as somebody sees it who sees both ends at once. */
interface Session {
  readonly up: Direction;
  readonly down: Direction;
}

/**
 * A client and a server that write numbered messages to each other on a lasting channel, at their own pace, and
 * stop reading at times.
 */
class LastingWorld {
  readonly sessions: Session[] = [];
  private readonly ended: Ended[] = [];
  private readonly sim: Simulation;
  private readonly Table: TableClass;
  private readonly windowMs: number;
  /** The last fault is over, and the last message was written. */
  readonly faultsMs: number;
  /** The ends that live, of the last session. */
  private client: Channel | undefined = undefined;
  private server: Channel | undefined = undefined;

  constructor(sim: Simulation, Table: TableClass, windowMs: number, faultsMs = FAULTS_MS) {
    this.sim = sim;
    this.faultsMs = faultsMs;
    this.Table = Table;
    this.windowMs = windowMs;
  }

  async serve(host: SimulatedHost): Promise<void> {
    const { sim, windowMs } = this;
    this.server = undefined;
    const random = host.randomBytes;
    const table = new this.Table({ windowMs, creditBytes: CREDIT_BYTES, random });
    sim.watch(host, 'lasting channels', () => table.size);
    sim.watch(host, 'bytes kept for the absent', () => table.detachedBytes);
    const childHandler = ({ pipeline }: Channel) => pipeline.addLast(this.servesOne(host));
    const server = await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...lengthPrefixed({ maxFrameLength: 10_000 }),
          new HeartbeatHandler({ format, silenceMs: 2500, random: host.random }),
          new ResumeHandler({ table, childHandler, childOptions: host.options }),
        ),
      )
      .bind({ network: host, port: 7 });
    this.planEnds(host, server, table);
  }

  /** Ends the link as planned again and again: by a MOVE, or by a drain of the connection without one. */
  private planEnds(host: SimulatedHost, server: Server, table: ResumeTable): void {
    if (this.sim.now > this.faultsMs) return;
    host.clock.schedule(() => {
      if (host.random() < 0.5) table.move({ spreadMs: Math.floor(host.random() * 300) });
      else for (const link of server.connections) link.end();
      this.planEnds(host, server, table);
    }, host.random() * 3000);
  }

  /** The first message says which session it is. */
  private servesOne(host: SimulatedHost): Handler {
    let reader: ((message: Buffer) => void) | undefined;
    return {
      channelRead: (ctx: Context, message: Buffer) => {
        reader ??= this.accept(host, ctx.channel, message.readUInt32BE());
        reader(message);
      },
    };
  }

  private accept(host: SimulatedHost, channel: Channel, id: number): (message: Buffer) => void {
    if (id === this.sessions.length - 1) this.server = channel;
    return this.begin(host, channel, this.sessions[id]!, 'server');
  }

  /** A client that takes a new channel when the old one is gone. */
  connect(host: SimulatedHost): void {
    const { windowMs } = this;
    const id = this.sessions.length;
    const session: Session = {
      up: { written: 0, kept: 0, taken: 0 },
      down: { written: 0, kept: 0, taken: 0 },
    };
    this.sessions.push(session);
    this.client = this.server = undefined;
    let reader: ((message: Buffer) => void) | undefined;
    void new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(host.options)
        .handler(({ pipeline }) =>
          pipeline.addLast(
            ...lengthPrefixed({ maxFrameLength: 10_000 }),
            new HeartbeatHandler({ format, intervalMs: 800, timeoutMs: 800, random: host.random }),
          ),
        ),
      addresses: [{ network: host, host: 'server', port: 7 }],
      retry: () => 100 + host.random() * 400,
      connectTimeoutMs: 1500,
      readyTimeoutMs: 2000,
      windowMs,
      creditBytes: CREDIT_BYTES,
      random: host.random,
      ...host.options,
    })
      .handler((channel) =>
        channel.pipeline.addLast({
          channelRead: (_ctx: Context, message: Buffer) => reader!(message),
        }),
      )
      .connect()
      .then((channel: Channel) => {
        this.client = channel;
        reader = this.begin(host, channel, session, 'client', id);
        channel.onClosed(() => host.clock.schedule(() => this.connect(host), 100));
      });
  }

  /** Writes to a channel, watches its end, and returns what reads from it. */
  private begin(
    host: SimulatedHost,
    channel: Channel,
    session: Session,
    side: 'client' | 'server',
    id = 0,
  ): (message: Buffer) => void {
    const [out, incoming] =
      side === 'client' ? [session.up, session.down] : [session.down, session.up];
    channel.onClosed(() => this.ended.push({ channel, out, taken: out.taken }));
    const burst = (): void => {
      for (let left = 1 + Math.floor(host.random() * 4); left > 0; left -= 1) {
        if (!channel.isWritable || channel.isEnding || !channel.isActive) break;
        out.written += 1;
        const number = out.written;
        const message = Buffer.alloc(8 + Math.floor(host.random() ** 3 * LONGEST_PADDING));
        message.writeUInt32BE(id, 0);
        message.writeUInt32BE(number, 4);
        channel.write(message).onSettled((error) => {
          if (error === undefined) out.kept = number;
        });
      }
      channel.flush();
      if (this.sim.now < this.faultsMs) host.clock.schedule(burst, host.random() * 400);
    };
    burst();
    return (message) => {
      const number = message.readUInt32BE(4);
      assert.equal(number, incoming.taken + 1, `${side} got ${number} after ${incoming.taken}`);
      incoming.taken = number;
      // A slow reader, as long as there are faults.
      if (host.random() > 0.1 || this.sim.now > this.faultsMs) return;
      channel.autoRead = false;
      host.clock.schedule(() => {
        channel.autoRead = true;
      }, host.random() * 1000);
    };
  }

  /** Whether the client has a channel. */
  get isUp(): boolean {
    return this.client?.isActive === true;
  }

  /** All is over: both ends live, and each has what the other one wrote. */
  async checkQuiet(): Promise<void> {
    this.ended.forEach(checkEnd);
    const { client, server } = this;
    const { up, down } = this.sessions.at(-1)!;
    assert.ok(client?.isActive === true, 'the client has no channel');
    assert.ok(server?.isActive === true, 'the server has no channel');
    for (const { kept, taken } of [up, down]) assert.equal(taken, kept, 'not all has arrived');
    assert.ok(up.kept > 0 && down.kept > 0, 'nothing was written');
    assert.deepEqual([unacknowledged(client), unacknowledged(server)], [[], []]);
    await Promise.all([acknowledged(client), acknowledged(server)]);
  }
}

/** The other end was gone for too long: what it has not got is among what is not acknowledged, and nothing else. */
function checkEnd({ channel, out, taken }: Ended): void {
  const { written, kept } = out;
  const { reason, error } = channel.closeInfo ?? {};
  const end = `${reason}: ${error?.message}`;
  assert.ok(isHeadraceError(error, LASTING_ERRORS.RESUME_GONE), `it ended otherwise, ${end}`);
  const left = unacknowledged(channel).map((message) => message.readUInt32BE(4));
  const first = left[0] ?? kept + 1;
  const last = left.at(-1) ?? kept;
  assert.ok(first <= taken + 1, `${taken + 1} is neither there nor in unacknowledged(), ${end}`);
  // Of a batch that waited for credit some are kept, and none has settled.
  assert.ok(kept <= last && last <= written, `the last one is ${last}, but ${kept} were kept`);
  assert.ok(taken <= last, `${taken} is there, but was never kept`);
  const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  assert.deepEqual(left, all, 'unacknowledged() has not all between its ends');
}

async function run(
  sim: Simulation,
  world: LastingWorld,
  chaos: Omit<ChaosOptions, 'untilMs'>,
): Promise<void> {
  const { faultsMs: untilMs } = world;
  sim.host('server', (host) => world.serve(host));
  sim.host('client', (host) => world.connect(host));
  sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 }).buffer(4096);
  wrongClocks(sim, ['server', 'client'], untilMs);
  sim.chaos({ ...chaos, untilMs });
  await sim.run({ untilMs: untilMs + QUIET_MS });
  await world.checkQuiet();
}

const CUTS = { partition: 30, reset: 40, slow: 10, freeze: 15 };
const SHORT = { minMs: 50, maxMs: 3000 };

/** Both processes live, and no absence is as long as the window: one channel, each message once and in order. */
export const lastingScenario =
  (Table: TableClass = ResumeTable): Scenario =>
  async (sim) => {
    const world = new LastingWorld(sim, Table, 12_000);
    await run(sim, world, { ...CUTS, forMs: SHORT });
    assert.equal(world.sessions.length, 1, 'the channel did not last');
  };

/** Processes die, and absences outlast the window: the channel ends with what may not have arrived. */
export const goneScenario =
  (Table: TableClass = ResumeTable): Scenario =>
  (sim) => {
    const world = new LastingWorld(sim, Table, 1500);
    const deaths = { crash: 10, stop: 10 };
    return run(sim, world, { ...CUTS, ...deaths, forMs: SHORT });
  };

/**
 * The client's process stands still for ten minutes, while the server writes and links are cut.
 *
 * @param lasts - whether the window is longer, so that it is one channel, or as it is by default
 */
export const asleepScenario =
  (lasts: boolean): Scenario =>
  async (sim) => {
    const awakeAtMs = ASLEEP_AT_MS + ASLEEP_MS;
    const windowMs = lasts ? 2 * ASLEEP_MS : 60_000;
    const world = new LastingWorld(sim, ResumeTable, windowMs, awakeAtMs + FAULTS_MS);
    let isUp = false;
    sim.at(ASLEEP_AT_MS, () => {
      isUp = world.isUp;
      sim.freeze('client');
    });
    sim.at(awakeAtMs, () => sim.thaw('client'));
    await run(sim, world, { partition: 3, reset: 5, slow: 1, forMs: SHORT });
    if (lasts) assert.equal(world.sessions.length, 1, 'the channel did not last');
    // Where faults kept the client from its first connection until it slept, no channel could outlast its window.
    else assert.ok(!isUp || world.sessions.length > 1, 'the channel outlasted its window');
  };

/** How long the end of each seed takes: longer than the windows. */
export const LASTING_SETTLE_MS = 16_000;
/** The same, where the window is longer than the sleep. */
export const ASLEEP_SETTLE_MS = 2 * ASLEEP_MS + LASTING_SETTLE_MS;
