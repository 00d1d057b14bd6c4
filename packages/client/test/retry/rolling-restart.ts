import { ReconnectingClient } from '@headrace/client';
import {
  Bootstrap,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, SeededRandom, VirtualClock } from '@headrace/core/testing';

/** How servers are replaced: at their places, one by one; or all new ones are ready before the first old one drains. */
export type Replacement = 'in place' | 'new ones first';

/** What the clients of a rolling restart saw. */
export interface RollingRestart {
  /** The longest time that one of the clients was without a connection, in milliseconds. */
  readonly longestMs: number;
  /** The most connections that the servers together accepted in 100 ms. */
  readonly peak: number;
  /** How often a client lost its connection: the mean, and the most. */
  readonly losses: { readonly mean: number; readonly most: number };
  /** Connections of each new server at the end. */
  readonly sizes: readonly number[];
}

const STEP_MS = 10;
/** A peak is counted over so many steps. */
const WINDOW = 10;

/**
 * Replaces all servers of a crowd of clients, in virtual time: each server drains by `shutdown()`, and the next one follows after
 * a pause. Nothing is measured by a real clock, so the figures of a seed are always the same.
 */
export async function rollingRestart(options: {
  readonly clients: number;
  readonly servers: number;
  readonly replacement?: Replacement;
  readonly pauseMs?: number;
  /** Called when all servers are replaced. */
  readonly afterwards?: (world: RollingWorld) => Promise<void>;
}): Promise<RollingRestart> {
  const world = new RollingWorld();
  const { clients, servers: count, replacement = 'in place', pauseMs = 2000 } = options;
  for (let i = 0; i < count; i += 1) await world.serve(`${i}`);
  await world.connect(clients);
  const old = [...world.servers];
  if (replacement === 'new ones first') {
    for (const [name] of old) await world.serve(`new ${name}`);
  }
  for (const [name, server] of old) {
    await world.stop(name, server);
    if (replacement === 'in place') await world.serve(name);
    await world.pass(pauseMs);
  }
  await options.afterwards?.(world);
  return world.end();
}

/** The servers and the clients of a rolling restart. */
export class RollingWorld {
  readonly servers = new Map<string, Server>();
  readonly clock: VirtualClock = new VirtualClock();
  private readonly network = new MemoryNetwork();
  private readonly random = new SeededRandom(85, 'clients');
  private readonly clients: ReconnectingClient<MemoryTarget>[] = [];
  private readonly losses = new Map<object, number>();
  private readonly offlineSince = new Map<object, number>();
  private readonly accepted: number[] = [];
  private longestMs = 0;

  readonly pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.advance(STEP_MS);
      await passTime(this.clock, 0);
    }
  };

  async serve(name: string): Promise<void> {
    const { clock, network } = this;
    const binding = new ServerBootstrap()
      .options({ clock, logger: silentLogger })
      .childOptions({ clock, logger: silentLogger })
      .childHandler(() => {})
      .bind({ network, name });
    await this.pass(STEP_MS);
    const server = await binding;
    server.on('connection', () => {
      const step = Math.floor(clock.now() / STEP_MS);
      this.accepted[step] = (this.accepted[step] ?? 0) + 1;
    });
    this.servers.set(name, server);
  }

  /** The clients ask for the servers that accept, as a route or the name of a balanced service tells them. */
  async connect(count: number): Promise<void> {
    const { clock, network } = this;
    for (let i = 0; i < count; i += 1) {
      const client = new ReconnectingClient<MemoryTarget>({
        bootstrap: new Bootstrap().options({ clock, logger: silentLogger }).handler(() => {}),
        addresses: () => [...this.servers.keys()].map((name) => ({ network, name })),
        random: () => this.random.next(),
        logger: silentLogger,
        clock,
      });
      client.on('state', ({ name }) => {
        const since = this.offlineSince.get(client);
        if (name === 'online') {
          this.offlineSince.delete(client);
          this.longestMs = Math.max(this.longestMs, clock.now() - (since ?? clock.now()));
        } else if (since === undefined) this.offlineSince.set(client, clock.now());
      });
      client.on('loss', ({ during }) => {
        if (during === 'online') this.losses.set(client, (this.losses.get(client) ?? 0) + 1);
      });
      this.clients.push(client);
      void client.start();
    }
    await this.pass(20_000);
    this.losses.clear();
    this.accepted.length = 0;
    this.longestMs = 0;
  }

  async stop(name: string, server: Server): Promise<void> {
    this.servers.delete(name);
    let isStopped = false;
    void server.shutdown().then(() => {
      isStopped = true;
    });
    while (!isStopped) await this.pass(STEP_MS);
  }

  async end(): Promise<RollingRestart> {
    for (const since of this.offlineSince.values()) {
      this.longestMs = Math.max(this.longestMs, this.clock.now() - since);
    }
    const sizes = [...this.servers.values()].map(({ connections }) => connections.size);
    const { longestMs, accepted } = this;
    const losses = this.clients.map((client) => this.losses.get(client) ?? 0);
    const mean = losses.reduce((sum, count) => sum + count, 0) / losses.length;
    let peak = 0;
    for (let step = 0; step < accepted.length; step += 1) {
      const sum = accepted.slice(step, step + WINDOW).reduce((all, one) => all + (one ?? 0), 0);
      peak = Math.max(peak, sum);
    }
    for (const client of this.clients) void client.close();
    await this.pass(3000);
    return { longestMs, peak, losses: { mean, most: Math.max(...losses) }, sizes };
  }
}
