import {
  type Channel,
  type Handler,
  MemoryNetwork,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import {
  type HandOverOptions,
  type HandOverReport,
  type LastingChannel,
  ResumeHandler,
  type ResumeHandlerOptions,
  ResumeTable,
} from '@headrace/lasting';
import type { LastingOptions } from '../../src/client/lasting-bootstrap.ts';
import type { ResumeTableOptions } from '../../src/server/resume-table-options.ts';
import { connectLasting, framing } from '../client/lasting-world.ts';

/** Length of a step of virtual time in which promises go on, in milliseconds. */
const STEP_MS = 10;

/** Where a {@link Process} runs. */
export interface ProcessWorld {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  settle(): Promise<void>;
}

/** One of several servers that have only their log in common. */
export class Process {
  readonly table: ResumeTable;
  /** The lasting channels that were built here. */
  readonly channels: Channel[] = [];
  readonly name: string;
  /** Handlers of each lasting channel. */
  serve: () => readonly Handler[] = () => [];
  /** Further options of its ResumeHandler. */
  settings: Partial<ResumeHandlerOptions> = {};
  private server: Server | undefined = undefined;
  private readonly world: ProcessWorld;

  constructor(world: ProcessWorld, name: string, options: ResumeTableOptions) {
    this.world = world;
    this.name = name;
    this.table = new ResumeTable(options);
  }

  private readonly childHandler = (channel: LastingChannel): void => {
    this.channels.push(channel);
    channel.pipeline.addLast(...this.serve());
  };

  async up(): Promise<void> {
    const { clock, network } = this.world;
    const childOptions = { logger: silentLogger, clock };
    const { table, childHandler } = this;
    const binding = new ServerBootstrap()
      .options(childOptions)
      .childOptions(childOptions)
      .childHandler((link) => {
        link.pipeline.addLast(
          ...framing(),
          new ResumeHandler({ table, childHandler, ...this.settings }),
        );
      })
      .bind({ network, name: this.name });
    await this.world.settle();
    this.server = await binding;
  }

  get links(): Channel[] {
    return [...(this.server?.connections ?? [])];
  }

  /** As if it were killed: nobody listens any more, and no link is there. What it does later may go to its log. */
  async kill(): Promise<void> {
    for (const link of this.links) link.abort();
    await this.down();
  }

  /** Nobody listens any more. */
  async down(): Promise<void> {
    this.server?.channel.close();
    await this.world.settle();
  }
}

/** Two servers and their clients, in one network in memory, on one virtual clock. */
export class TwoProcesses {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork = new MemoryNetwork();
  readonly before: Process;
  readonly after: Process;
  private readonly clients: Channel[] = [];

  constructor(options: ResumeTableOptions = {}) {
    this.before = new Process(this, 'before', options);
    this.after = new Process(this, 'after', options);
  }

  async up(serve: () => readonly Handler[]): Promise<void> {
    for (const process of [this.before, this.after]) {
      process.serve = serve;
      await process.up();
    }
  }

  async connect(
    handler: Handler,
    options: Partial<LastingOptions<MemoryTarget>> = {},
  ): Promise<Channel> {
    const { clock, network } = this;
    const connecting = connectLasting(handler, {
      clock,
      addresses: [
        { network, name: 'before' },
        { network, name: 'after' },
      ],
      ...options,
    });
    await this.pass(1);
    const channel: Channel = await connecting;
    this.clients.push(channel);
    return channel;
  }

  /** Leaves the channels of the one to the log. */
  async handOver(options: HandOverOptions = {}, ms = 100): Promise<HandOverReport> {
    const over = this.before.table.handOver(options);
    await this.pass(ms);
    return over;
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  /** In steps that give a log and the network the turns of the event loop that they need. */
  async passSlowly(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) await this.pass(STEP_MS);
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.settle();
    for (const { table } of [this.before, this.after]) table.close();
    await this.pass(70_000);
  }
}
