import { MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import {
  Bootstrap,
  type Channel,
  type Logger,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';

/** Several nodes in this process, in virtual time, over one hub. */
export class VirtualNodes {
  readonly clock = new VirtualClock();
  readonly hub = new MemoryHub();
  /** What was logged, but for news. */
  readonly lines: string[] = [];
  readonly logger: Logger = {
    log: (level, message) => {
      if (level === 'warn' || level === 'error') this.lines.push(message);
    },
  };
  private seed = 1;

  async join(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
    const { clock, hub, logger } = this;
    const joining = Cluster.join({
      app: 'virtual',
      bus: memoryBus({ hub }),
      clock,
      logger,
      random: () => 0.5,
      randomBytes: (size) => {
        this.seed += 1;
        return Buffer.alloc(size, this.seed);
      },
      load: () => 0,
      ...options,
    });
    await this.pass(20);
    return joining;
  }

  /** Time passes, and what is promised in it happens. */
  async pass(ms: number): Promise<void> {
    await turn();
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(Math.min(10, left));
      await turn();
    }
  }

  /** A member whose client takes everything at once. */
  member(name = 'member'): Promise<Member> {
    return connect(this.clock, this.logger, new MemberTransport(name));
  }

  /** A member whose client takes a message in so many milliseconds. */
  pacedMember(msPerMessage: number): Promise<Member> {
    const transport = new MemberTransport('paced', (task, count) =>
      this.clock.schedule(task, count * msPerMessage),
    );
    return connect(this.clock, this.logger, transport);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A client's end of a connection to a node. */
export interface Member {
  readonly channel: Channel;
  readonly got: unknown[];
  readonly transport: MemberTransport;
}

async function connect(
  clock: VirtualClock,
  logger: Logger,
  transport: MemberTransport,
): Promise<Member> {
  const connecting = new Bootstrap()
    .options({ clock, logger })
    .handler(() => {})
    .connect({ transport });
  for (let i = 0; i < 3; i++) {
    clock.runTasks();
    await turn();
  }
  return { channel: await connecting, got: transport.got, transport };
}

class MemberTransport implements Transport {
  readonly accepts = 'any message';
  readonly localAddress = { path: 'node' };
  readonly remoteAddress: { readonly path: string };
  readonly got: unknown[] = [];
  isActive = true;
  /** While it is true, nothing leaves. */
  isStuck = false;
  private waiting: unknown[] = [];
  private sink: TransportSink | undefined = undefined;
  private readonly later: ((task: () => void, messages: number) => void) | undefined;

  constructor(name: string, later?: (task: () => void, messages: number) => void) {
    this.remoteAddress = { path: name };
    this.later = later;
  }

  get unsentBytes(): number {
    return this.waiting.length * 10_000;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {}
  pauseReading(): void {}

  sizeOf(): number {
    return 10_000;
  }

  write(messages: readonly unknown[]): boolean {
    if (this.isStuck || this.later !== undefined) {
      this.waiting.push(...messages);
      if (!this.isStuck) this.later?.(() => this.release(), messages.length);
      return false;
    }
    this.got.push(...messages);
    return true;
  }

  /** What was stuck leaves. */
  release(): void {
    this.isStuck = false;
    this.got.push(...this.waiting.splice(0));
    this.sink?.written();
  }

  shutdownOutput(): void {
    this.sink?.outputEnded();
  }

  close(): void {
    this.isActive = false;
  }

  abort(): void {
    this.isActive = false;
  }
}
