import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { LastingBootstrap, linksOf, ResumeHandler, ResumeTable } from '@headrace/lasting';
import type { LastingOptions } from '../../src/client/lasting-bootstrap.ts';
import type { ResumeTableOptions } from '../../src/server/resume-table-options.ts';

export const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });

/** A server of lasting channels and its clients, in one network in memory, on one virtual clock. */
export class LastingWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork;
  /** The lasting channels of the server. */
  readonly channels: Channel[] = [];
  table: ResumeTable;
  /** The framing of the server's links. */
  frames: () => readonly Handler[] = framing;
  private readonly serve: () => Handler;
  private server: Server | undefined = undefined;
  private readonly clients: Channel[] = [];

  /** @param serve - the handler of a lasting channel on the server */
  constructor(serve: () => Handler, options: ResumeTableOptions = {}, capacityBytes = 65_536) {
    this.serve = serve;
    this.network = new MemoryNetwork({ capacityBytes });
    this.table = new ResumeTable(options);
  }

  get links(): Channel[] {
    return [...(this.server?.connections ?? [])];
  }

  async up(): Promise<void> {
    const childHandler = (channel: Channel) => {
      this.channels.push(channel);
      channel.pipeline.addLast(this.serve());
    };
    const binding = new ServerBootstrap()
      .options({ logger: silentLogger, clock: this.clock })
      .childOptions({ logger: silentLogger, clock: this.clock })
      .childHandler((link) => {
        link.pipeline.addLast(...this.frames());
        link.pipeline.addLast(new ResumeHandler({ table: this.table, childHandler }));
      })
      .bind({ network: this.network, name: 'a' });
    await this.settle();
    this.server = await binding;
  }

  /** The server stops politely. */
  async shutdown(): Promise<void> {
    const stopping = this.server?.shutdown({ drainTimeoutMs: 10_000 });
    this.server = undefined;
    await this.pass(1000);
    await stopping;
  }

  /** Nobody listens any more, and all links are cut; the lasting channels stay. */
  async down(): Promise<void> {
    const { server, links } = this;
    this.server = undefined;
    for (const link of links) link.abort();
    server?.channel.close();
    await this.settle();
  }

  async connect(
    handler: Handler,
    options: Partial<LastingOptions<MemoryTarget>> = {},
  ): Promise<Channel> {
    const { clock, network } = this;
    const connecting = connectLasting(handler, {
      clock,
      addresses: [{ network, name: 'a' }],
      ...options,
    });
    // What it rejects with is looked at by who awaits it.
    connecting.catch(() => {});
    await this.pass(1);
    const channel: Channel = await connecting;
    this.clients.push(channel);
    return channel;
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.settle();
    await this.down();
    this.table.close();
    await this.pass(5000);
  }
}

/** The link that a client has now. */
export function linkOf(channel: Channel): Channel | undefined {
  return linksOf(channel).channel;
}

/** Begins to connect a client in memory, whose pauses are always the same. */
export function connectLasting(
  handler: Handler,
  options: Partial<LastingOptions<MemoryTarget>> &
    Required<Pick<LastingOptions<MemoryTarget>, 'addresses' | 'clock'>>,
): Promise<Channel> {
  return new LastingBootstrap<MemoryTarget>({
    bootstrap: new Bootstrap()
      .options({ logger: silentLogger, clock: options.clock })
      .handler((link) => link.pipeline.addLast(...framing())),
    retry: () => 100,
    logger: silentLogger,
    random: () => 0.5,
    ...options,
  })
    .handler((channel) => void channel.pipeline.addLast(handler))
    .connect();
}
