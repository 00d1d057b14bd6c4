import assert from 'node:assert';
import {
  type ClientState,
  exponential,
  fixed,
  ReconnectingClient,
  type RetryPolicy,
  spread,
} from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  isHeadraceError,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { HeartbeatHandler } from '@headrace/handlers';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';

/** What is done wrong on purpose: a write that failed is made again; a write goes past those that still wait. */
export type ReconnectMistake = 'writes again' | 'passes others';

const FAULTS_MS = 6000;
const PORTS = [7, 8];
const QUIET_MS = 15_000;
const OFFLINE_AGE_MS = 1500;
/** What waits does not fit into a connection at once. */
const WATERMARKS = { writeBufferLowBytes: 500, writeBufferHighBytes: 1500 };

/** What may follow each state. After a place of a round, the next one follows at once. */
const STORY: Readonly<Record<ClientState['name'], readonly ClientState['name'][]>> = {
  idle: ['connecting'],
  connecting: ['connecting', 'readying', 'waiting'],
  readying: ['connecting', 'online', 'waiting'],
  online: ['waiting'],
  waiting: ['connecting'],
  closed: [],
};

/** One connection of the client, by the number that it says in its first line. */
interface Connection {
  readonly id: string;
  readonly lines: number[];
}

/** A client that writes numbered lines, with a connection and without, and a server that has all it got. */
class ReconnectWorld {
  private readonly sim: Simulation;
  private readonly mistake: ReconnectMistake | undefined;
  private readonly faults: string[] = [];
  private readonly connections: Connection[] = [];
  /** Writes that failed with `REJECTED_QUEUE`: they never went to a connection. */
  private readonly rejected = new Set<number>();
  private readonly settled = new Set<number>();
  private written = 0;
  private client: ReconnectingClient | undefined = undefined;
  private onlineAtServer: Channel | undefined = undefined;

  constructor(sim: Simulation, mistake: ReconnectMistake | undefined) {
    this.sim = sim;
    this.mistake = mistake;
  }

  /** Two places, so that a client can go elsewhere after a planned end. */
  async serve(host: SimulatedHost): Promise<void> {
    const servers = await Promise.all(PORTS.map((port) => this.listen(host, port)));
    this.planEnds(host, servers);
  }

  /** Drains one of the places again and again, and opens it again. */
  private planEnds(host: SimulatedHost, servers: Server[]): void {
    if (this.sim.now > FAULTS_MS) return;
    host.clock.schedule(async () => {
      const i = Math.floor(host.random() * PORTS.length);
      await servers[i]!.shutdown({ drainTimeoutMs: 500 });
      servers[i] = await this.listen(host, PORTS[i]!);
      this.planEnds(host, servers);
    }, host.random() * 2000);
  }

  private listen(host: SimulatedHost, port: number): Promise<Server> {
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        let connection: Connection | undefined;
        channel.pipeline.addLast(
          ...textLines(),
          new HeartbeatHandler({ silenceMs: 2500, random: host.random }),
          {
            channelRead: (ctx: Context, line: string) => {
              if (connection === undefined) {
                connection = { id: line, lines: [] };
                // A line may come late, of a connection that the client has given up.
                if (this.connections.every(({ id }) => Number(id) < Number(line))) {
                  this.onlineAtServer = channel;
                }
                this.connections.push(connection);
                ctx.writeAndFlush('welcome').onSettled(() => {});
              } else connection.lines.push(Number(line.split(' ')[0]));
            },
          },
        );
      })
      .bind({ network: host, port });
  }

  async connect(host: SimulatedHost): Promise<void> {
    const sent = { connections: 0 };
    const client: ReconnectingClient = new ReconnectingClient({
      bootstrap: new Bootstrap()
        .options({ ...host.options, ...WATERMARKS })
        .handler(({ pipeline }) => {
          pipeline.addLast(
            ...textLines(),
            new HeartbeatHandler({ intervalMs: 800, timeoutMs: 800, random: host.random }),
          );
        }),
      addresses: PORTS.map((port) => ({ network: host, host: 'server', port })),
      ready: (channel) => {
        sent.connections += 1;
        return signIn(channel, String(sent.connections));
      },
      retry: retryOf(host),
      connectTimeoutMs: 1500,
      readyTimeoutMs: 1500,
      stableMs: 1000,
      offline: { maxMessages: 20, maxAgeMs: OFFLINE_AGE_MS },
      random: host.random,
      ...host.options,
    });
    this.client = client;
    this.watchStory(client);
    this.sim.watch(host, 'messages that wait', () => client.waitingMessages);
    void client.start();
    this.writeOn(host, client);
  }

  private watchStory(client: ReconnectingClient): void {
    let last: ClientState = { name: 'idle' };
    let dueAt = 0;
    client.on('state', (state) => {
      const now = this.sim.now;
      if (!STORY[last.name].includes(state.name)) this.fail(`${last.name} → ${state.name}`);
      if (state.name === 'waiting') dueAt = now + state.delayMs;
      // A process that stands still is late, and never early.
      if (last.name === 'waiting' && now < dueAt - 1)
        this.fail(`tried ${dueAt - now} ms too early`);
      if (state.name === 'readying' && 'attempt' in last && last.attempt !== state.attempt) {
        this.fail(`readying is try ${state.attempt}, and connecting was ${last.attempt}`);
      }
      if (state.name === 'online' && client.waitingMessages > 0 && client.channel?.isWritable) {
        this.fail(`${client.waitingMessages} messages wait although it is online`);
      }
      last = state;
    });
  }

  private writeOn(host: SimulatedHost, client: ReconnectingClient): void {
    for (let left = 1 + Math.floor(host.random() * 5); left > 0; left -= 1) {
      this.written += 1;
      this.write(client, this.written, host.random());
    }
    client.flush();
    // The last ones when all is quiet.
    if (this.sim.now > QUIET_MS - 2000) return;
    host.clock.schedule(() => this.writeOn(host, client), 20 + host.random() * 500);
  }

  private write(client: ReconnectingClient, number: number, chance: number): void {
    // A link that is too slow for its lines is closed by the heartbeat: in the end there are none that are too long.
    const most = this.sim.now < FAULTS_MS ? 3000 : 300;
    const text = `${number} ${'x'.repeat(Math.floor(chance ** 4 * most))}`;
    const { channel } = client;
    const target = this.mistake === 'passes others' && channel !== undefined ? channel : client;
    target.write(text).onSettled((error) => {
      if (error === undefined) this.settle(number);
      else if (this.mistake === 'writes again' && !isHeadraceError(error, 'REJECTED_QUEUE')) {
        this.write(client, number, chance);
      } else {
        this.settle(number);
        if (isHeadraceError(error, 'REJECTED_QUEUE')) this.rejected.add(number);
      }
    });
  }

  private settle(number: number): void {
    if (this.settled.has(number)) this.fail(`write ${number} settled twice`);
    this.settled.add(number);
  }

  private fail(text: string): void {
    this.faults.push(`at ${this.sim.now.toFixed(1)} ms: ${text}`);
  }

  check(): void {
    assert.deepEqual(this.faults, []);
    assert.equal(this.client?.state.name, 'online', 'the client is not online');
    assert.ok(this.onlineAtServer?.isActive === true, 'the server does not see the client');
    assert.equal(this.settled.size, this.written, 'writes have not settled');
    this.checkLines();
  }

  /** In the order of the client's connections: no line twice, none before an earlier one. */
  private checkLines(): void {
    let last = 0;
    let connection = 0;
    for (const { id, lines } of this.connections.toSorted((a, b) => Number(a.id) - Number(b.id))) {
      assert.ok(Number(id) > connection, `connection ${id} came twice`);
      connection = Number(id);
      for (const line of lines) {
        assert.ok(line > last, `${line} came after ${last}`);
        assert.ok(!this.rejected.has(line), `${line} was rejected, and came`);
        last = line;
      }
    }
    assert.equal(last, this.written, 'the last line has not come');
  }
}

/** Says the number of the connection, and waits for the answer. */
function signIn(channel: Channel, id: string): Promise<void> {
  return new Promise((resolve) => {
    channel.pipeline.addLast({ channelRead: () => resolve() });
    channel.writeAndFlush(id).onSettled(() => {});
  });
}

function retryOf(host: SimulatedHost): RetryPolicy {
  const policies = [
    fixed(300),
    spread({ firstMs: 200, maxMs: 1000 }),
    exponential({ baseMs: 100, maxMs: 1000 }),
  ];
  return policies[Math.floor(host.random() * policies.length)]!;
}

/** A client comes back after whatever happens, and what it writes arrives in order, and at most once. */
export const reconnectScenario =
  (mistake?: ReconnectMistake): Scenario =>
  async (sim) => {
    const world = new ReconnectWorld(sim, mistake);
    sim.host('server', (host) => world.serve(host));
    sim.host('client', (host) => world.connect(host));
    sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 }).buffer(2000);
    const cuts = { partition: 25, reset: 30, slow: 10 };
    const forMs = { minMs: 50, maxMs: 3000 };
    sim.chaos({ ...cuts, forMs, untilMs: FAULTS_MS });
    // The client is one process from the beginning to the end.
    const deaths = { crash: 10, stop: 15, freeze: 15 };
    sim.chaos({ ...deaths, hosts: ['server'], forMs, untilMs: FAULTS_MS });
    sim.chaos({ freeze: 10, hosts: ['client'], forMs, untilMs: FAULTS_MS });
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };

/** Longer than what waits for a connection may wait. */
export const SETTLE_MS = 5000;
