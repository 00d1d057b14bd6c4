import { RequestClient } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Clock,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  silentLogger,
  systemClock,
} from '@headrace/core';
import {
  memorySessionLog,
  type SessionLog,
  type SessionLogOverOptions,
  serveSessionLog,
  sessionLogOver,
} from '@headrace/lasting';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

const format = binaryExchange();

/** Settings of a {@link LogServer}. */
export interface LogServerSettings {
  /** The log that it serves. @default a new one in memory */
  readonly log?: SessionLog;
  readonly clock?: Clock;
  readonly network?: MemoryNetwork;
  readonly maxFrameLength?: number;
}

/** A process whose log other processes use, over connections of a network in memory. */
export class LogServer {
  log: SessionLog;
  private readonly clock: Clock;
  private readonly network: MemoryNetwork;
  private readonly maxFrameLength: number;
  private server: Server | undefined = undefined;
  private readonly clients: RequestClient[] = [];

  constructor({ log, clock = systemClock, network, maxFrameLength }: LogServerSettings = {}) {
    this.log = log ?? memorySessionLog({ clock });
    this.clock = clock;
    this.network = network ?? new MemoryNetwork();
    this.maxFrameLength = maxFrameLength ?? 1_000_000;
  }

  private readonly framing = () => lengthPrefixed({ maxFrameLength: this.maxFrameLength });

  get connections(): readonly Channel[] {
    return [...(this.server?.connections ?? [])];
  }

  async up(): Promise<void> {
    const options = { logger: silentLogger, clock: this.clock };
    const handle = serveSessionLog(this.log);
    this.server = await new ServerBootstrap()
      .options(options)
      .childOptions(options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(...this.framing(), new ExchangeHandler({ format, handle })),
      )
      .bind({ network: this.network, name: 'log' });
  }

  /** The log as one process has it. */
  reached(options: SessionLogOverOptions = {}, timeoutMs = 10_000): SessionLog {
    const { clock, network } = this;
    const client = new RequestClient({
      client: {
        bootstrap: new Bootstrap()
          .options({ logger: silentLogger, clock })
          .handler(({ pipeline }) =>
            pipeline.addLast(
              ...this.framing(),
              new ExchangeHandler({ format, maxQueued: 100_000 }),
            ),
          ),
        addresses: [{ network, name: 'log' }],
        retry: () => 100,
        logger: silentLogger,
        clock,
      },
      timeoutMs,
    });
    this.clients.push(client as never);
    client.start().catch(() => {});
    return sessionLogOver(client, options);
  }

  /** Its process is killed, and another one, whose log is empty, may come up. */
  kill(): void {
    this.server?.channel.close();
    for (const connection of this.connections) connection.abort();
    this.server = undefined;
    this.log = memorySessionLog({ clock: this.clock });
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.clients[0]!.channel?.abort();
    await Promise.all(this.clients.map((client) => client.close()));
    this.kill();
  }
}
