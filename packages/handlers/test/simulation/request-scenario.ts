import { textLines } from '@headrace/codec';
import { type Channel, type Context, type Server, ServerBootstrap } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler, RequestHandler } from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { stayConnected, whileOpen } from './stay-connected.ts';

const NAMES = ['ann', 'bob'];
const CONCURRENCY = 4;
const MAX_PENDING = 8;
const LAST_REQUEST_MS = QUIET_AT_MS - 8000;

/** One request of a connection, on its way from the client to the server and back. */
interface Request {
  wasAccepted: boolean;
  answers: number;
  /** In the server's journal, which outlives its process. */
  isDone: boolean;
}

/** One connection as its client sees it. */
class Caller {
  readonly name: string;
  readonly requests: Request[] = [];
  channel: Channel | undefined = undefined;
  lastAnswer = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** The requests that the server has accepted and not answered. */
  get owed(): number {
    return this.requests.filter(({ wasAccepted, answers }) => wasAccepted && answers === 0).length;
  }
}

type Order = 'request' | 'completion';

class RequestWorld {
  readonly faults: string[] = [];
  readonly callers = new Map<string, Caller>();
  /** The last of each client. */
  private readonly latest = new Map<string, Caller>();
  private answered = 0;
  /** Called when the server listens. */
  listening: (host: SimulatedHost, server: Server) => void = () => {};
  private readonly sim: Simulation;
  private readonly order: Order;
  /** Whether nothing but a fault or the end of a drain ends a connection of the server. */
  private readonly isDraining: boolean;

  constructor(sim: Simulation, order: Order, isDraining = false) {
    this.sim = sim;
    this.order = order;
    this.isDraining = isDraining;
  }

  async serve(host: SimulatedHost): Promise<void> {
    let working = 0;
    this.sim.watch(host, 'requests under way', () => working);
    const server = await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        let own = 0;
        channel.pipeline.addLast(
          ...textLines(),
          new HeartbeatHandler({ silenceMs: 12_000, random: host.random }),
          new RequestHandler<string, string>({
            order: this.order,
            concurrency: CONCURRENCY,
            maxPending: MAX_PENDING,
            handle: async (text) => {
              working += 1;
              own += 1;
              if (own > CONCURRENCY) this.faults.push(`${own} requests at the same time`);
              const request = this.requestOf(text);
              if (request.wasAccepted) this.faults.push(`${text} came twice`);
              request.wasAccepted = true;
              try {
                await new Promise<void>((resolve) => {
                  host.clock.schedule(resolve, host.random() * 400);
                });
                if (host.random() < 0.1) throw new Error('out of luck');
                request.isDone = true;
                return `ok ${text}`;
              } finally {
                working -= 1;
                own -= 1;
              }
            },
            answerError: (error, text) => `sorry ${text} ${error.message}`,
          }),
        );
      })
      .bind({ network: host, port: 7 });
    this.listening(host, server);
  }

  call(host: SimulatedHost): void {
    stayConnected(host, (connection) => {
      const caller = new Caller(connection);
      return {
        handlers: [
          ...textLines(),
          new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random }),
          { channelRead: (_ctx: Context, text: string) => this.hear(caller, text) },
        ],
        connected: (channel) => {
          caller.channel = channel;
          this.callers.set(connection, caller);
          this.latest.set(host.name, caller);
          channel.onClosed(() => this.left(caller, channel));
          whileOpen(host, channel, 500, () => {
            if (host.clock.now() > LAST_REQUEST_MS) return;
            // More at once than the server takes.
            const count = host.random() < 0.05 ? 20 : 3;
            for (let i = 0; i < count; i++) {
              caller.requests.push({ wasAccepted: false, answers: 0, isDone: false });
              channel.write(`${connection} ${caller.requests.length}`);
            }
            channel.flush();
          });
        },
      };
    });
  }

  private requestOf(text: string): Request {
    const [connection = '', number] = text.split(' ');
    return this.callers.get(connection)!.requests[Number(number) - 1]!;
  }

  private hear(caller: Caller, text: string): void {
    const [verdict, connection, number = ''] = text.split(' ');
    const request = caller.requests[Number(number) - 1];
    this.answered += 1;
    if (connection !== caller.name || request === undefined) {
      this.faults.push(`${caller.name} got an answer of another: ${text}`);
      return;
    }
    request.answers += 1;
    if (request.answers > 1) this.faults.push(`${text} came twice`);
    if (verdict === 'ok' && !request.isDone) this.faults.push(`${text}, but it was not done`);
    const isNext = Number(number) === caller.lastAnswer + 1;
    if (this.order === 'request' && !isNext) {
      this.faults.push(`${caller.name}: answer ${number} after ${caller.lastAnswer}`);
    }
    caller.lastAnswer = Number(number);
  }

  /** The server has ended this connection politely: all that it accepted is answered. */
  private left(caller: Caller, channel: Channel): void {
    if (!this.isDraining || channel.closeInfo?.reason !== 'peer') return;
    if (caller.owed > 0) {
      const at = this.sim.now;
      this.faults.push(`${caller.name}: ended at ${at} ms, ${caller.owed} answers are missing`);
    }
  }

  /** After the chaos: who is connected has all answers. */
  checkEnd(): void {
    let open = 0;
    for (const { name, channel, requests, owed } of this.latest.values()) {
      if (channel?.isOpen !== true) continue;
      open += 1;
      const missing = requests.filter(({ answers }) => answers === 0).length;
      if (missing > 0) this.faults.push(`${name}: ${missing} answers are missing, ${owed} owed`);
    }
    if (open !== NAMES.length) this.faults.push(`only ${open} clients are connected`);
    if (this.answered < 20) this.faults.push(`only ${this.answered} answers`);
    expectNone(this.faults);
  }
}

function build(sim: Simulation, world: RequestWorld): void {
  sim.host('server', (host) => world.serve(host));
  for (const name of NAMES) sim.host(name, (host) => world.call(host));
  sim.link(NAMES, 'server').latency({ minMs: 1, maxMs: 40 });
}

async function answer(sim: Simulation, order: Order): Promise<void> {
  const world = new RequestWorld(sim, order);
  build(sim, world);
  sim.chaos(CHAOS);
  await sim.run({ untilMs: QUIET_AT_MS });
  world.checkEnd();
}

/** A server that is replaced every few seconds, as by a deployment: each life ends with a drain. */
async function deploy(sim: Simulation): Promise<void> {
  const world = new RequestWorld(sim, sim.seed % 2 === 0 ? 'request' : 'completion', true);
  build(sim, world);
  let drained: SimulatedHost | undefined;
  world.listening = (host, server) => {
    const life = host.startCount;
    host.clock.schedule(
      () => {
        if (host.clock.now() > LAST_REQUEST_MS - 10_000) return;
        // Longer than every fault and its retransmission: what the deadline cuts off may stay unanswered.
        void server.shutdown({ drainTimeoutMs: 60_000 }).then(() => {
          if (host.startCount === life) drained = host;
        });
      },
      2000 + host.random() * 4000,
    );
  };
  for (let atMs = 0; atMs < QUIET_AT_MS; atMs += 200) {
    sim.at(atMs, () => {
      const host = drained;
      drained = undefined;
      if (host?.isRunning !== true) return;
      sim.stop('server');
      sim.at(sim.now + 300, () => sim.restart('server'));
    });
  }
  const { crash: _crash, stop: _stop, ...rates } = CHAOS;
  sim.chaos(rates);
  await sim.run({ untilMs: QUIET_AT_MS });
  world.checkEnd();
}

export const requestScenarios: readonly ChaosScenario[] = (['request', 'completion'] as const).map(
  (order) => ({
    claim: `every request is answered once, in the order of ${order}, or its connection ended`,
    scenario: (sim: Simulation) => answer(sim, order),
  }),
);

export const drainScenario: ChaosScenario = {
  claim: 'a server that drains answers all that it has accepted before a connection ends',
  scenario: deploy,
};
