import { type Bus, MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import type { Logger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';

/** Nodes in this process, on virtual time, over one hub. */
export class Nodes {
  readonly clock = new VirtualClock();
  readonly hub = new MemoryHub();
  readonly lines: string[] = [];
  private readonly logger: Logger = {
    log: (level, text) => void this.lines.push(`${level} ${text}`),
  };
  private ids = 0;

  async join<P = unknown>(options: Partial<ClusterOptions<P>> = {}): Promise<Cluster<P>> {
    const { clock, hub, logger } = this;
    const joining = Cluster.join<P>({
      app: 'test',
      bus: memoryBus({ hub }),
      clock,
      logger,
      random: () => 0.5,
      randomBytes: (size) => {
        this.ids += 1;
        return Buffer.alloc(size, this.ids);
      },
      load: () => 0,
      ...options,
    });
    // A failure is that of what is returned.
    joining.catch(() => {});
    await this.pass(50);
    return await joining;
  }

  /** A bus that drops messages above a limit, as NATS does with a low `max_payload`. */
  limitedBus(maxBytes: number): Bus {
    const bus = memoryBus({ hub: this.hub });
    const publish = bus.publish.bind(bus);
    Object.defineProperty(bus, 'maxBytes', { value: maxBytes });
    bus.publish = (subject, bytes) =>
      bytes.byteLength > maxBytes ? 'dropped' : publish(subject, bytes);
    return bus;
  }

  /** Time passes, and promises are kept up with it. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.settle();
    while (this.clock.nextDelay >= 0 && this.clock.now() + this.clock.nextDelay <= end) {
      this.clock.advance(this.clock.nextDelay);
      await this.settle();
    }
    this.clock.advance(end - this.clock.now());
    await this.settle();
  }

  channel(): EmbeddedChannel {
    return EmbeddedChannel.with({ clock: this.clock });
  }

  private async settle(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.runTasks();
    }
  }
}

/** Everything that was sent to a channel, taken out. */
export function sent(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let next = channel.readOutbound(); next !== undefined; next = channel.readOutbound()) {
    all.push(next);
  }
  return all;
}
