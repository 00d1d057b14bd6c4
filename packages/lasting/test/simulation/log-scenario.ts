import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  ChannelError,
  type Context,
  isHeadraceError,
  ServerBootstrap,
} from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { holdMessage } from '@headrace/handlers/call';
import {
  isLinked,
  LASTING_ERRORS,
  LastingBootstrap,
  type LastingChannel,
  ResumeHandler,
  ResumeTable,
  type SessionLog,
} from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import type { ChaosOptions, Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { HubLog } from '../log/hub-log.ts';
import { RestorableLog } from '../log/restorable-log.ts';
import type { TableClass } from './lasting-scenario.ts';
import { wrongClocks, wrongOffset } from './wrong-clocks.ts';

const FAULTS_MS = 6000;
const WINDOW_MS = 15_000;
/** Some answers of the log take longer, and come when nobody waits for them. */
const LOG_TIMEOUT_MS = 2500;
/** How often each process sends its client to the other one. */
const MOVE_MS = 1500;
const CREDIT_BYTES = 3000;
/** How many appends never arrive; and how many answers. */
const NEVER = 0.005;
const SERVERS = ['a', 'b'] as const;
const format = emptyFrameHeartbeat();
const framing = () => lengthPrefixed({ maxFrameLength: 100_000 });

/** The fields of a message. */
const ID_AT = 0;
const NUMBER_AT = 4;
/** The number of the question that it answers, 0 for none. */
const ANSWER_AT = 8;
/** How many messages of the client the server had taken. */
const TAKEN_AT = 12;
const HEADER_BYTES = 16;

/** What a process knows of a lasting channel, and stores. */
interface Account {
  id: number;
  taken: number;
  written: number;
}

const ACCOUNT = new AttributeKey<Account>('account');

/** The client's end of its channel. */
interface Session {
  written: number;
  received: number;
  /** As the last message from the server says. */
  taken: number;
  readonly questions: Set<number>;
}

/**
 * A log as one host reaches it: late, and sometimes nobody knows whether it has stored something, or it never says so. When the
 * faults of the network are over, its own are, too; only answers do not come for a while longer, when no crash helps any more.
 */
function reachedFrom(sim: Simulation, host: SimulatedHost, log: SessionLog): SessionLog {
  const mayFail = (untilMs = FAULTS_MS): boolean => sim.now < untilMs;
  const way = (): Promise<void> =>
    new Promise((resolve, reject) => {
      host.clock.schedule(
        () =>
          host.random() < 0.03 && mayFail()
            ? reject(new ChannelError('CHANNEL_CLOSED', 'the log is away'))
            : resolve(),
        // Now and then for longer than a client takes to come back.
        (1 + host.random() ** 3 * 60) * (host.random() < 0.1 && mayFail() ? 30 : 1),
      );
    });
  const through = async <T>(act: () => Promise<T>): Promise<T> => {
    await way();
    const result = await act();
    await way();
    return result;
  };
  const lost = (): Promise<void> =>
    host.random() < NEVER && mayFail(FAULTS_MS + 4000)
      ? new Promise<never>(() => {})
      : Promise.resolve();
  return {
    keepMs: log.keepMs,
    read: (id) => through(() => log.read(id)),
    append: (id, record, place) =>
      through(async () => {
        await lost();
        const revision = await log.append(id, Buffer.from(record), place);
        await lost();
        return revision;
      }),
    remove: (id, after) => through(() => log.remove(id, after)),
  };
}

/** A client whose lasting channel goes on in any of two processes, which die again and again. */
class LogWorld {
  readonly sessions: Session[] = [];
  resumedElsewhere = 0;
  moved = 0;
  /** Whether processes leave their channels to the log, instead of sending their clients away. */
  handsOver = false;
  private readonly sim: Simulation;
  private readonly Table: TableClass;
  /** The log as a process reaches it. */
  private readonly reach: (host: SimulatedHost) => SessionLog;
  private client: Channel | undefined = undefined;
  private wrongEnd: string | undefined = undefined;
  /** Copies that ended as if their client were gone, while it had its channel. */
  private ghosts = 0;
  /** The lasting channels of each process that lives. */
  private readonly channels = new Map<string, Set<LastingChannel>>();

  constructor(sim: Simulation, Table: TableClass, reach: (host: SimulatedHost) => SessionLog) {
    this.sim = sim;
    this.Table = Table;
    this.reach = reach;
  }

  async serve(host: SimulatedHost): Promise<void> {
    const { options } = host;
    this.channels.set(host.name, new Set());
    const table = new this.Table({
      windowMs: WINDOW_MS,
      creditBytes: CREDIT_BYTES,
      random: host.randomBytes,
      log: this.reach(host),
      logTimeoutMs: LOG_TIMEOUT_MS,
    });
    this.sim.watch(host, 'lasting channels', () => table.size);
    this.sim.watch(host, 'bytes kept for the absent', () => table.detachedBytes);
    await new ServerBootstrap()
      .childOptions(options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...framing(),
          new HeartbeatHandler({ format, silenceMs: 2500, random: host.random }),
          new ResumeHandler({
            table,
            childHandler: (channel) => this.open(host, channel),
            childOptions: options,
            save: (channel) => ({ ...channel.attributes.get(ACCOUNT) }),
            restore: (channel, saved) => {
              this.resumedElsewhere += 1;
              Object.assign(channel.attributes.get(ACCOUNT)!, saved);
            },
          }),
        ),
      )
      .bind({ network: host, port: 7 });
    this.moveAgainAndAgain(host, table);
  }

  /** The client leaves a process that lives, whose copy goes on writing, unless it is left to the log. */
  private moveAgainAndAgain(host: SimulatedHost, table: ResumeTable): void {
    host.clock.schedule(
      () => {
        if (this.handsOver) void this.handOver(table);
        else table.move({ spreadMs: 50 });
        if (this.sim.now < FAULTS_MS) this.moveAgainAndAgain(host, table);
      },
      MOVE_MS * (0.5 + host.random()),
    );
  }

  private async handOver(table: ResumeTable): Promise<void> {
    const { moved } = await table.handOver({ restMs: 400, takeMs: 600 });
    this.moved += moved;
  }

  /** One end of a lasting channel at a process. */
  private open(host: SimulatedHost, channel: LastingChannel): void {
    const account: Account = { id: -1, taken: 0, written: 0 };
    channel.attributes.set(ACCOUNT, account);
    const channels = this.channels.get(host.name)!;
    channels.add(channel);
    channel.onClosed(() => {
      channels.delete(channel);
      const isOfClient = account.id === this.sessions.length - 1 && this.client?.isActive === true;
      if (isOfClient && channel.closeInfo!.reason === 'unreachable') this.ghosts += 1;
    });
    const say = (answer: number): void => {
      account.written += 1;
      const message = Buffer.alloc(HEADER_BYTES + Math.floor(host.random() ** 3 * 700));
      message.writeUInt32BE(account.id, ID_AT);
      message.writeUInt32BE(account.written, NUMBER_AT);
      message.writeUInt32BE(answer, ANSWER_AT);
      message.writeUInt32BE(account.taken, TAKEN_AT);
      channel.write(message).onSettled(() => {});
    };
    channel.pipeline.addLast({
      channelRead: (ctx: Context, message: Buffer) => {
        const number = message.readUInt32BE(NUMBER_AT);
        const isQuestion = message.readUInt32BE(ANSWER_AT) > 0;
        const hold = isQuestion ? holdMessage(ctx.channel) : undefined;
        if (hold?.isRepeated !== true) {
          account.id = message.readUInt32BE(ID_AT);
          const text = `${host.name} got ${number} after ${account.taken}`;
          assert.equal(number, account.taken + 1, text);
          account.taken = number;
        }
        if (!isQuestion) return;
        host.clock.schedule(
          () => {
            if (!channel.isActive) return;
            say(number);
            channel.flush();
            hold?.release();
          },
          host.random() ** 2 * 400,
        );
      },
    });
    const burst = (): void => {
      // Now and then far more than the credit of the client.
      const count = Math.floor(host.random() * (host.random() < 0.15 ? 60 : 4));
      for (let left = count; left > 0 && account.id >= 0; left -= 1) {
        if (!channel.isWritable || channel.isEnding || !channel.isActive) break;
        say(0);
      }
      channel.flush();
      if (this.sim.now < FAULTS_MS && channel.isOpen)
        host.clock.schedule(burst, host.random() * 300);
    };
    host.clock.schedule(burst, host.random() * 100);
  }

  private writeFrom(host: SimulatedHost, channel: Channel, id: number, session: Session): void {
    const burst = (): void => {
      for (let left = 1 + Math.floor(host.random() * 3); left > 0; left -= 1) {
        if (!channel.isWritable || channel.isEnding || !channel.isActive) break;
        session.written += 1;
        const isQuestion = host.random() < 0.3;
        if (isQuestion) session.questions.add(session.written);
        const message = Buffer.alloc(HEADER_BYTES + Math.floor(host.random() ** 3 * 700));
        message.writeUInt32BE(id, ID_AT);
        message.writeUInt32BE(session.written, NUMBER_AT);
        message.writeUInt32BE(isQuestion ? 1 : 0, ANSWER_AT);
        channel.write(message).onSettled(() => {});
      }
      channel.flush();
      if (this.sim.now < FAULTS_MS && channel.isOpen)
        host.clock.schedule(burst, host.random() * 300);
    };
    host.clock.schedule(burst, host.random() * 100);
  }

  connect(host: SimulatedHost): void {
    const id = this.sessions.length;
    const session: Session = { written: 0, received: 0, taken: 0, questions: new Set() };
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
      windowMs: WINDOW_MS,
      creditBytes: CREDIT_BYTES,
      random: host.random,
      ...host.options,
    })
      .handler(({ pipeline }) =>
        pipeline.addLast({
          channelRead: (_ctx: Context, message: Buffer) => {
            assert.equal(message.readUInt32BE(ID_AT), id, 'a message of another session');
            const number = message.readUInt32BE(NUMBER_AT);
            const { received } = session;
            assert.equal(number, received + 1, `the client got ${number} after ${received}`);
            session.received = number;
            const taken = message.readUInt32BE(TAKEN_AT);
            assert.ok(taken >= session.taken, `the server forgot ${session.taken}: ${taken}`);
            session.taken = taken;
            const answer = message.readUInt32BE(ANSWER_AT);
            if (answer > 0)
              assert.ok(session.questions.delete(answer), `answered twice: ${answer}`);
          },
        }),
      )
      .connect()
      .then((channel: Channel) => {
        this.client = channel;
        this.writeFrom(host, channel, id, session);
        channel.onClosed(() => {
          const { error, reason } = channel.closeInfo!;
          const text = `it ended otherwise, ${reason}: ${error?.message}`;
          if (!isHeadraceError(error, LASTING_ERRORS.RESUME_GONE)) this.wrongEnd ??= text;
          host.clock.schedule(() => this.connect(host), 100);
        });
      });
  }

  /** The client has a channel, which may be another one if the first was gone. */
  checkLinked(): void {
    assert.equal(this.wrongEnd, undefined);
    assert.ok(this.client?.isActive === true && isLinked(this.client), 'the client has no channel');
  }

  /** All is over: one process has the channel, and each end has what the other one wrote. */
  checkQuiet(mayBeGone = false): void {
    const { client } = this;
    assert.equal(this.wrongEnd, undefined);
    if (!mayBeGone) assert.equal(this.sessions.length, 1, 'the channel did not last');
    const session = this.sessions.at(-1)!;
    assert.ok(client?.isActive === true, 'the client has no channel');
    const channels = [...this.channels.values()].flatMap((ofProcess) => [...ofProcess]);
    const linked = channels.filter(isLinked);
    if (!mayBeGone) {
      // A channel that the client never learned of ends after its window.
      const copies = channels.filter((channel) => channel.attributes.get(ACCOUNT)!.id >= 0);
      assert.equal(copies.length, 1, 'a process has a copy without the client');
      assert.equal(this.ghosts, 0, 'a copy ended as unreachable');
    }
    assert.equal(linked.length, 1, 'one process has the link');
    const account = linked[0]!.attributes.get(ACCOUNT)!;
    assert.equal(account.taken, session.written, 'not all of the client has arrived');
    assert.equal(session.received, account.written, 'not all for the client has arrived');
    assert.deepEqual([...session.questions], [], 'questions without an answer');
  }
}

const CUTS: Omit<ChaosOptions, 'untilMs'> = {
  partition: 20,
  reset: 40,
  slow: 20,
  freeze: 20,
  crash: 40,
  stop: 20,
  hosts: SERVERS,
  forMs: { minMs: 50, maxMs: 1500 },
};

/** Processes die at any time, and a log has what they knew: one channel, each message once and in order, each question answered once. */
export const logScenario =
  (Table: TableClass = ResumeTable, seen?: { resumedElsewhere: number }): Scenario =>
  async (sim) => {
    const offset = wrongOffset(sim, FAULTS_MS);
    const log = memorySessionLog({ clock: { now: () => sim.now + offset() } });
    const world = new LogWorld(sim, Table, (host) => reachedFrom(sim, host, log));
    sim.host('a', (host) => world.serve(host));
    sim.host('b', (host) => world.serve(host));
    sim.host('client', (host) => world.connect(host));
    sim.link('client', SERVERS).latency({ minMs: 5, maxMs: 100 }).buffer(4096);
    wrongClocks(sim, [...SERVERS, 'client'], FAULTS_MS);
    sim.chaos({ ...CUTS, untilMs: FAULTS_MS });
    await sim.run({ untilMs: FAULTS_MS + 12_000 });
    world.checkQuiet();
    if (seen !== undefined) seen.resumedElsewhere += world.resumedElsewhere;
  };

/**
 * The log is in the memory of a third process, which the others reach over buses whose links are lost, or give no answers for a
 * while. They die, and leave their channels to it again and again.
 */
export const busLogScenario =
  (seen?: { resumedElsewhere: number; moved: number }): Scenario =>
  async (sim) => {
    const place = new HubLog();
    // The hub tells the buses of processes that have ended, too, whose host gives no random numbers.
    const randomOf = ({ random }: SimulatedHost) => {
      let last = random();
      return () => {
        last = (last * 997 + 0.123) % 1;
        return last;
      };
    };
    const world = new LogWorld(sim, ResumeTable, (host) =>
      reachedFrom(sim, host, place.reached(host.clock, randomOf(host))),
    );
    world.handsOver = true;
    sim.host('a', (host) => world.serve(host));
    sim.host('b', (host) => world.serve(host));
    sim.host('client', (host) => {
      for (let at = 500; at < FAULTS_MS; at += 500 + host.random() * 2000) {
        sim.at(at, () => (host.random() < 0.5 ? place.hub.kill() : place.hub.stop()));
        sim.at(Math.min(at + host.random() * 1500, FAULTS_MS), () => place.start());
      }
      world.connect(host);
    });
    sim.link('client', SERVERS).latency({ minMs: 5, maxMs: 100 }).buffer(4096);
    sim.chaos({ ...CUTS, untilMs: FAULTS_MS });
    // The buses and the tables wait before they try again.
    await sim.run({ untilMs: FAULTS_MS + 20_000 });
    world.checkQuiet();
    if (seen === undefined) return;
    seen.resumedElsewhere += world.resumedElsewhere;
    seen.moved += world.moved;
  };

/** How long the end of each seed takes: longer than the windows. */
export const LOG_SETTLE_MS = 40_000;

/** How long after the loss the client has a channel again, if no other fault delays it. */
const BACK_WITHIN_MS = 5000;
const RESTORED_MS = FAULTS_MS + 500;

/**
 * The log loses its newest records, as a server does that starts again from a snapshot, some times while processes die, and once
 * more when all other faults are over. A channel goes on, or is gone at once, and what is delivered is in order.
 */
export const restoredLogScenario =
  (seen?: { gone: number; lasted: number }): Scenario =>
  async (sim) => {
    const log = new RestorableLog();
    const world = new LogWorld(sim, ResumeTable, (host) => reachedFrom(sim, host, log));
    sim.host('a', (host) => world.serve(host));
    sim.host('b', (host) => world.serve(host));
    sim.host('client', (host) => {
      for (let at = 1000; at < FAULTS_MS; at += 500 + host.random() * 2000) {
        sim.at(at, () => log.takeSnapshot());
        sim.at(at + host.random() * 1500, () => log.restore());
      }
      world.connect(host);
    });
    sim.link('client', SERVERS).latency({ minMs: 5, maxMs: 100 }).buffer(4096);
    wrongClocks(sim, [...SERVERS, 'client'], FAULTS_MS);
    sim.chaos({ ...CUTS, untilMs: FAULTS_MS });
    sim.at(RESTORED_MS, () => log.restore());
    await sim.run({ untilMs: RESTORED_MS + BACK_WITHIN_MS });
    world.checkLinked();
    await sim.run({ untilMs: FAULTS_MS + 12_000 });
    world.checkQuiet(true);
    if (seen === undefined) return;
    if (world.sessions.length > 1) seen.gone += 1;
    else seen.lasted += 1;
  };
