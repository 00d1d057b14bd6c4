import { StringCodec } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import { SeededRandom } from '@headrace/core/testing';
import { perPeer, toPeer } from '@headrace/datagram';
import {
  type DatagramFaults,
  type Explored,
  explore,
  type SimulatedHost,
  type Simulation,
} from '@headrace/simulation';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';

const REQUESTS = 20;
/** The pause between two tries. */
const RETRY_MS = 200;
const TRIES = 40;

/** What is left out of the protocol, for a test that must find it. */
interface Faulty {
  /** The server executes what comes again. */
  readonly executesAgain?: boolean;
  /** The client does not report what it gives up. */
  readonly givesUpSilently?: boolean;
}

/** What both ends have seen. */
export class Outcomes {
  readonly answered = new Set<number>();
  readonly reported = new Set<number>();
  /** How often each request was executed. */
  readonly executed = new Map<number, number>();

  /** Throws unless each request was answered or reported, and none was executed twice. */
  check(): void {
    for (let id = 0; id < REQUESTS; id++) {
      const [isAnswered, isReported] = [this.answered.has(id), this.reported.has(id)];
      const executions = this.executed.get(id) ?? 0;
      if (executions > 1) throw new Error(`request ${id} was executed ${executions} times`);
      if (isAnswered && isReported) throw new Error(`request ${id} has two outcomes`);
      if (!isAnswered && !isReported) throw new Error(`request ${id} has no outcome`);
      if (isAnswered && executions === 0) throw new Error(`request ${id} was not executed`);
    }
  }
}

/** A client that asks again until it is answered: `id please` out, `id done` in. */
export async function askAll(
  host: SimulatedHost,
  { answered, reported }: Outcomes,
  tries = TRIES,
  { givesUpSilently = false }: Faulty = {},
): Promise<void> {
  const channel = await new Bootstrap()
    .options(host.options)
    .handler((self: Channel) => {
      self.pipeline.addLast(new StringCodec(), {
        channelRead(_ctx: Context, text: string) {
          const id = Number(text.split(' ')[0]);
          if (!reported.has(id)) answered.add(id);
        },
      });
    })
    .connect({ transport: toPeer({ host: 'server', port: 7, network: host, clock: host.clock }) });
  const ask = (id: number, left: number): void => {
    if (answered.has(id)) return;
    if (left === 0) {
      if (!givesUpSilently) reported.add(id);
      return;
    }
    // A refusal of the network is no outcome: the next try may get through.
    channel.writeAndFlush(`${id} please`).onSettled(() => {});
    host.clock.schedule(() => ask(id, left - 1), RETRY_MS);
  };
  for (let id = 0; id < REQUESTS; id++) ask(id, tries);
}

/** A server that executes each request of a peer once, and answers it each time that it comes. */
export async function serve(
  host: SimulatedHost,
  { executed }: Outcomes,
  { executesAgain = false }: Faulty = {},
): Promise<void> {
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler((channel) => {
      const seen = new Set<number>();
      channel.pipeline.addLast(new StringCodec(), {
        channelRead(ctx: Context, text: string) {
          const id = Number(text.split(' ')[0]);
          if (executesAgain || !seen.has(id)) executed.set(id, (executed.get(id) ?? 0) + 1);
          seen.add(id);
          ctx.writeAndFlush(`${id} done`);
        },
      });
    })
    .bind({ listener: perPeer({ port: 7, network: host, clock: host.clock }) });
}

/** Any network: from one that loses nothing to one that loses nine of ten. */
function faultsOf(random: SeededRandom): DatagramFaults {
  return {
    loss: 0.9 * random.next(),
    duplicates: 0.3 * random.next(),
    reordering: 0.5 * random.next(),
    reorderMs: random.integer(1, 1000),
  };
}

/** What the seeds have gone through together. */
interface Asked extends Explored {
  readonly answered: number;
  readonly reported: number;
}

/**
 * So many seeds, each a network of its own with losses, copies, overtaking, cuts and slow times, and a client that tries
 * 1 to 10 times. Rejects with the seed in which a request was neither answered nor reported, or executed twice.
 */
export async function askThrough(
  seeds: number,
  firstSeed: number,
  faulty: Faulty = {},
): Promise<Asked> {
  let [answered, reported] = [0, 0];
  const scenario = async (sim: Simulation): Promise<void> => {
    const random = new SeededRandom(sim.seed, 'asking');
    const outcomes = new Outcomes();
    const tries = random.integer(1, 10);
    sim.host('server', (host) => serve(host, outcomes, faulty));
    sim.host('client', (host) => askAll(host, outcomes, tries, faulty));
    sim.link('client', 'server').latency({ minMs: 1, maxMs: 50 }).datagrams(faultsOf(random));
    const forMs = { minMs: 50, maxMs: 500 };
    sim.chaos({ partition: 1, slow: 1, forMs, untilMs: RETRY_MS * tries });
    // Copies that are late come when all is decided.
    await sim.run({ untilMs: RETRY_MS * (tries + 2) + 2000 });
    outcomes.check();
    answered += outcomes.answered.size;
    reported += outcomes.reported.size;
  };
  const options = { scenario, seeds, firstSeed, settleMs: false } as const;
  const isRight = Object.keys(faulty).length === 0;
  const explored = await (isRight ? explore(options) : exploreMistake(options));
  return { ...explored, answered, reported };
}
