import { ReconnectingClient, type ReconnectingClientOptions } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type ChannelOptions,
  handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';

/** Lines that a server got, by connection. */
export interface Got {
  readonly name: string;
  readonly lines: string[];
}

/** Servers and clients of lines in one network in memory, on one virtual clock. */
export class MemoryWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork;
  /** In the order of the connections. */
  readonly got: Got[] = [];
  /** Gets each connection that a server accepts. */
  onAccepted: (channel: Channel) => void = () => {};
  readonly #servers = new Map<string, Server>();
  readonly #clients: ReconnectingClient<MemoryTarget, LineChannel>[] = [];

  constructor(capacityBytes?: number) {
    this.network = new MemoryNetwork(capacityBytes === undefined ? {} : { capacityBytes });
  }

  get lines(): string[] {
    return this.got.flatMap(({ lines }) => lines);
  }

  place(name: string): MemoryTarget {
    return { network: this.network, name };
  }

  /** The connections of a server that are open. */
  connections(name: string): Channel[] {
    return [...(this.#servers.get(name)?.connections ?? [])];
  }

  async up(name: string): Promise<void> {
    const binding = new ServerBootstrap()
      .options({ logger: silentLogger, clock: this.clock })
      .childOptions({ logger: silentLogger, clock: this.clock })
      .childHandler((channel) => {
        const got: Got = { name, lines: [] };
        this.got.push(got);
        this.onAccepted(channel);
        const take = handler<{ reads: string }>({
          channelRead: (_ctx, line) => void got.lines.push(line),
        });
        channel.pipeline.addLast(...textLines({ maxLength: 1024 }), take);
      })
      .bind(this.place(name));
    await this.settle();
    this.#servers.set(name, await binding);
  }

  /** The server stops in order: it accepts no more, and drains its connections. */
  async stop(name: string): Promise<void> {
    const server = this.#servers.get(name)!;
    this.#servers.delete(name);
    void server.shutdown();
    await this.settle();
  }

  /** The process is gone, with all its connections. */
  async down(name: string): Promise<void> {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    for (const channel of server?.connections ?? []) channel.abort();
    server?.channel.close();
    await this.settle();
  }

  client(
    names: readonly string[],
    options: Partial<ReconnectingClientOptions<MemoryTarget, LineChannel>> = {},
  ): ReconnectingClient<MemoryTarget, LineChannel> {
    const { clock } = this;
    const client = new ReconnectingClient<MemoryTarget, LineChannel>({
      bootstrap: this.bootstrap(),
      addresses: names.map((name) => this.place(name)),
      order: 'given',
      logger: silentLogger,
      random: () => 0.5,
      clock,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** Starts a client and waits until it is online, or has given up. */
  async start(client: ReconnectingClient<MemoryTarget, LineChannel>): Promise<void> {
    const started = client.start();
    await this.pass(1);
    await started;
  }

  /** @param options - of its channels, besides logger and clock */
  bootstrap(options: ChannelOptions = {}): Bootstrap<string, string> {
    return new Bootstrap()
      .options({ logger: silentLogger, clock: this.clock, ...options })
      .handler((channel) => channel.pipeline.addLast(...textLines({ maxLength: 1024 })));
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  async end(): Promise<void> {
    for (const client of this.#clients) void client.close();
    for (const name of [...this.#servers.keys()]) await this.down(name);
    await this.pass(3000);
  }
}

export type LineChannel = Channel<string, string>;

/** The states of a client as short texts, in order. */
export function story(client: ReconnectingClient<MemoryTarget, LineChannel>): string[] {
  const lines: string[] = [];
  client.on('state', (state) => {
    if (state.name === 'connecting') {
      lines.push(`connecting ${state.attempt} ${state.place?.name ?? 'asking'}`);
    } else if (state.name === 'waiting') {
      lines.push(`waiting ${Math.round(state.delayMs)} ${state.loss.kind}`);
    } else if (state.name === 'closed') lines.push(`closed ${state.reason}`);
    else lines.push(state.name);
  });
  return lines;
}
