import { type Clock, type Logger, stderrLogger, type Timer } from '@headrace/core';
import {
  attempted,
  CLOCK,
  callSafely,
  carefulLogger,
  describeOptions,
  fn,
  isPromiseLike,
  LOGGER,
  number,
  RANDOM,
} from '@headrace/core/authoring';
import type { NodeInfo } from '../node/node-info.ts';
import { CLUSTER, takesClients } from './route-choice.ts';

/** Options of {@link EvenConnections}. */
export interface EvenConnectionsOptions {
  /** Cluster whose nodes share the clients. Each node needs an `address`, and reports its number of `connections`. */
  readonly cluster: { readonly nodes: readonly NodeInfo[] };
  /**
   * Sends this many clients of this node to other nodes: `(count) => server.sendOn(count)`, or
   * `(count) => table.move({ count, spreadMs: 1000 })` for lasting channels with a log. Until a promise that it returns settles, for
   * at most a minute, these clients are not sent on again.
   */
  readonly sendOn: (count: number) => unknown;
  /** A node sends clients on while it has more than this share of the mean number of connections. @default 1.03 */
  readonly ratio?: number;
  /** Share of the excess that a node sends on in a second. @default 0.15 */
  readonly share?: number;
  /** Receives the errors of `sendOn`. @default stderrLogger() */
  readonly logger?: Logger;
  /** Clock of the checks. @default systemClock */
  readonly clock?: Clock;
  /** Returns a random number in [0, 1), so that nodes check at different moments. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('EvenConnections', {
  cluster: CLUSTER,
  sendOn: fn({ answers: 'async', takes: 1, purpose: 'sends clients on', required: true }),
  ratio: number({ min: 1, max: 100, default: 1.03 }),
  share: number({ min: 0.001, max: 1, default: 0.15 }),
  logger: LOGGER,
  clock: CLOCK,
  random: RANDOM,
});

/** Time between two checks: that between two heartbeats, which contain the numbers of the other nodes. */
const CHECK_MS = 1000;
/** Time after which clients that are sent on are gone, or stay. */
const SENT_MS = 60_000;

/**
 * Keeps the connections of the nodes of a cluster even. After a deploy that replaces servers one after the other, the first ones have
 * most of the clients, and the last one none. A node that has more than `ratio` times the mean sends a share of the excess on, each
 * second, as planned ends, until it has no more than that. Each client reconnects once. The clients must know the other nodes, by
 * a list, a route, or a load balancer.
 *
 * @example
 * ```ts run
 * import { Cluster, EvenConnections } from '@headrace/cluster';
 * import { ServerBootstrap } from '@headrace/core';
 *
 * const server = await new ServerBootstrap().childHandler(() => {}).bind({ host: '127.0.0.1', port: 0 });
 * const cluster = await Cluster.join({
 *   app: 'chat',
 *   address: { host: '127.0.0.1', port: server.port },
 *   connections: () => server.connections.size,
 * });
 * const even = new EvenConnections({ cluster, sendOn: (count) => server.sendOn(count) });
 * even.stop();
 * await cluster.leave({ servers: [server] });
 * ```
 */
export class EvenConnections implements Disposable {
  private readonly options: ReturnType<typeof OPTIONS.resolve<EvenConnectionsOptions>>;
  private readonly logger: Logger;
  private timer: Timer | undefined;
  /** Number of clients that `sendOn` sends on, but that may still be connected. */
  private underWay = 0;

  /** @throws OptionError */
  constructor(options: EvenConnectionsOptions) {
    this.options = OPTIONS.resolve(options);
    this.logger = carefulLogger(this.options.logger ?? stderrLogger());
    this.checkIn(CHECK_MS * this.options.random());
  }

  /** Stops the checks. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Calls {@link stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  private checkIn(ms: number): void {
    this.timer = this.options.clock.schedule(() => {
      this.checkIn(CHECK_MS);
      this.check();
    }, ms);
  }

  private check(): void {
    const { cluster, ratio, share } = this.options;
    const excess = excessOf(cluster.nodes, ratio);
    const count = Math.min(Math.ceil(excess * share), Math.ceil(excess) - this.underWay);
    if (count <= 0) return;
    this.underWay += count;
    callSafely(
      (some) => this.sendOn(some),
      count,
      (error) => this.logger.log('error', 'sendOn of EvenConnections failed', error),
    );
  }

  private async sendOn(count: number): Promise<void> {
    const { clock, sendOn } = this.options;
    const error = (): Error => new Error(`it did not settle within ${SENT_MS / 1000} s`);
    try {
      const sent = sendOn(count);
      const limit = { clock, timeoutMs: SENT_MS, error };
      if (isPromiseLike(sent)) await attempted(() => sent, { limit });
    } finally {
      this.underWay -= count;
    }
  }
}

/** Returns by how much the first node exceeds the mean, or 0 if it has at most `ratio` times the mean. */
function excessOf(nodes: readonly NodeInfo[], ratio: number): number {
  const [own] = nodes;
  if (own === undefined || !takesClients(own)) return 0;
  const all = nodes.filter(takesClients);
  const mean = all.reduce((sum, { connections }) => sum + connections, 0) / all.length;
  // A single connection above the mean cannot be shared.
  return own.connections > Math.max(mean * ratio, mean + 1) ? own.connections - mean : 0;
}
